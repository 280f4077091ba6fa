"""A collection that has outgrown its index, or has come to be worth sketches, gets what suits it, by itself, while it is written to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seealso.catalogue.writer import CatalogWriter
from seealso.collection.parts.automatic import AUTOMATIC, Grounds, best_index, best_of, leaves_open
from seealso.collection.parts.keepers import made_of, sketch_keeper
from seealso.collection.parts.opened import Opened
from seealso.collection.parts.resolved import Chosen, Parts
from seealso.interfaces.extractor import Provenance
from seealso.interfaces.plugin import PluginChoice
from seealso.layout import SKETCH as SKETCH_FOLDER
from seealso.registry.kinds import DISTANCE, INDEX, SKETCH, Kind

ROUNDS = 5
"""So often what is due is waited for at the end of writing: the sketches, then the index, each perhaps behind a renewal of its own."""

Keep = Callable[[PluginChoice, Kind[Any], Grounds], None]
"""Records that a plugin of a kind is in force from now on, and for what it was chosen."""


def bytes_of(provenance: Provenance) -> int:
    """The bytes of a descriptor."""
    return provenance.dim * np.dtype(provenance.dtype).itemsize


class Growth:
    """Changes the index and the sketch of a collection over to those that suit its size, where it leaves them open.

    What is new is built by a thread, beside what there is; then saved; then recorded. The sketches come before an index that needs them.
    A writer that is killed on the way leaves the collection as it was, or as it will be: what is saved and not recorded answers all
    the same, and the next writer goes on with it.

    Args:
        path: the collection's directory.
        parts: its parts.
        opened: what is open of it.
        writer: of its catalogue.
        keep: records a choice.
    """

    def __init__(self, path: Path, parts: Parts, opened: Opened, writer: CatalogWriter, keep: Keep) -> None:
        self._path = path
        self._parts = parts
        self._opened = opened
        self._writer = writer
        self._keep = keep

    def look(self) -> bool:
        """Begin what is due, and record what is done; whether anything is under way. Where there is nothing to do, it takes little time."""
        objects, parts = self._writer.counts().objects, self._parts
        distance = parts.recorded.get(DISTANCE.word)
        # What is compared in another way than it was built for waits until it is rebuilt.
        if not objects or (distance is not None and distance.plugin != parts.chosen(DISTANCE).cls.name):
            return False
        return self._sketch(objects) or self._index(objects)

    def settle(self) -> None:
        """Wait for all that is due, and record it."""
        for _ in range(ROUNDS):
            if not self.look():
                return
            for keeper in (self._opened.sketch, self._opened.index):
                if keeper is not None:
                    keeper.finish()

    def _sketch(self, objects: int) -> bool:
        """Give the collection sketches, once it is worth them; whether they are under way."""
        opened, parts = self._opened, self._parts
        if SKETCH.word in parts.recorded or not leaves_open(parts, SKETCH):
            return False
        grounds = self._grounds(SKETCH, objects)
        keeper = opened.sketch
        if keeper is None:
            best = best_of(parts, SKETCH, grounds, bytes_of(opened.provenance))
            if best is None:
                return False
            chosen = parts.checked(SKETCH, PluginChoice(best))
            keeper = sketch_keeper(parts, self._path / SKETCH_FOLDER, opened.store, opened.provenance, chosen)
            assert keeper is not None
            opened.take_sketch(keeper)
            if keeper.made_by is None:
                keeper.change_over(opened.catalog, made_of(parts, SKETCH, chosen))
        if keeper.changing:
            return True
        if keeper.made_by is not None:
            keeper.save()
            self._record(SKETCH, keeper.made_by, grounds)
        return False

    def _index(self, objects: int) -> bool:
        """Give the collection the index that suits it; whether that is under way."""
        opened, parts, keeper = self._opened, self._parts, self._opened.index
        if not leaves_open(parts, INDEX):
            return False
        before = (parts.grounds or {}).get(INDEX.word)
        grounds = self._grounds(INDEX, objects)
        best, made_by, recorded = best_index(parts.plugins, grounds), keeper.made_by, parts.chosen(INDEX).cls.name
        in_force = None if made_by is None else PluginChoice.parse(made_by[INDEX.word]).plugin
        # The size has not made another answer of it, whatever is installed by now.
        same = before is not None and in_force in (None, recorded) and best_index(parts.plugins, before) == best
        if best is None or (before is not None and same and before.sketched == grounds.sketched):
            return False
        if same or in_force == best:
            if made_by is not None:
                if in_force != recorded:
                    keeper.save()
                self._record(INDEX, made_by, grounds)
            return False
        made_by = made_of(parts, INDEX, parts.checked(INDEX, PluginChoice(best)))
        return keeper.change_over(opened.catalog, made_by) or keeper.changing

    def _grounds(self, kind: Kind[Any], objects: int) -> Grounds:
        """What is chosen by: the most objects that there were when it was chosen before, so that nothing changes back when some go."""
        before = (self._parts.grounds or {}).get(kind.word, Grounds())
        return Grounds(max(objects, before.objects), self._parts.chosen_or_none(SKETCH) is not None)

    def _record(self, kind: Kind[Any], made_by: Mapping[str, object], grounds: Grounds) -> None:
        made = PluginChoice.parse(made_by[kind.word])
        recorded = self._parts.recorded.get(kind.word)
        if recorded is None or recorded.plugin != made.plugin:
            recorded = self._parts.checked(kind, made, recorded=True).as_choice()
        self._keep(recorded, kind, grounds)


def _left_open(parts: Parts) -> list[Kind[Any]]:
    """The kinds whose plugin is chosen by size when a collection is built anew: those that it leaves open; and of one that an earlier
    release has made those that were by default what they are, where the configuration names nothing else."""
    kinds = []
    for kind in AUTOMATIC:
        recorded, silent = parts.recorded.get(kind.word), parts.config.collections[parts.name].choices(kind) is None
        earlier = silent and parts.grounds is None and (recorded is None or recorded == _by_default(parts, kind))
        if leaves_open(parts, kind) or earlier:
            kinds.append(kind)
    return kinds


def _by_default(parts: Parts, kind: Kind[Any]) -> PluginChoice | None:
    best = best_of(parts, kind, Grounds())
    return None if best is None else parts.checked(kind, PluginChoice(best)).as_choice()


def suited(parts: Parts, objects: int, bytes_each: int) -> dict[Kind[Any], Chosen[Any] | None]:
    """The plugins that suit a collection that is built anew, of those kinds that are left open; None for none.

    Args:
        parts: its parts.
        objects: how many there are.
        bytes_each: the bytes of a descriptor.
    """
    found: dict[Kind[Any], Chosen[Any] | None] = {}
    kinds = _left_open(parts)
    sketched = parts.chosen_or_none(SKETCH) is not None
    # The sketch first: whether there is one is what an index is chosen by.
    for kind in sorted(kinds, key=lambda kind: kind is INDEX):
        best = best_of(parts, kind, Grounds(objects, sketched), bytes_each)
        if best is not None:
            found[kind] = parts.checked(kind, PluginChoice(best))
        else:
            # Something has to narrow a search: the index that there is.
            found[kind] = None if kind.optional else parts.chosen(kind)
        if kind is SKETCH:
            sketched = best is not None
    return found

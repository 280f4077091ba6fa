"""Which index and which sketch suit a collection of a size, where its configuration leaves that open (`auto`); and what was recorded of it.

The catalogue records the choice in force as any other. Beside it stands which kinds were left open, and what each choice was made for:
only where the size of the collection makes another answer of that, it is changed. So a later release, or another plugin that is installed,
changes nothing of a collection that stays as it is; nor does it change back where objects are removed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from seealso.catalogue.reader import Catalog
from seealso.configuration.models import Config
from seealso.errors import FormatError
from seealso.interfaces.distance import Distance
from seealso.interfaces.index import MetricIndex
from seealso.interfaces.plugin import PluginChoice
from seealso.interfaces.sketch import Sketch
from seealso.registry.kinds import CHOSEN, DISTANCE, INDEX, SKETCH, Kind
from seealso.registry.registry import Plugins

AUTOMATIC: tuple[Kind[Any], ...] = tuple(kind for kind in CHOSEN if kind.automatic)
"""The kinds of plugins that a collection's size may choose."""

GROUNDS = "automatic"  # where the catalogue keeps for what each of them was chosen

FEW = 5_000
"""Up to so many objects there is no sketch: by default as many candidates are looked at, so all objects are read, the answer is exact, and
reading them takes some milliseconds. A sketch would save little, and could miss something."""

SMALL = 256
"""Descriptors of up to so many bytes get no sketch: it would take a good part of what they do, and a block of the disk holds 16 of them."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a choice is made for.

    Attributes:
        objects: how many there are, or were at some time.
        sketched: whether they have sketches.
    """

    objects: int = 0
    sketched: bool = False


def best_index(plugins: Plugins, grounds: Grounds) -> str | None:
    """The name of the index with the highest preference of those that suit; None where none does."""
    suiting = [
        cls
        for cls in plugins.classes(INDEX).values()
        if cls.preference > 0
        and (cls.most_objects is None or grounds.objects <= cls.most_objects)
        and (grounds.sketched or not cls.needs_sketch)
    ]
    return max(suiting, key=lambda cls: cls.preference).name if suiting else None


def best_sketch(plugins: Plugins, distance: type[Distance]) -> str | None:
    """The name of the sketch with the highest preference of those that estimate a distance; None where none does."""
    suiting = [cls for cls in plugins.classes(SKETCH).values() if cls.preference > 0 and estimates(cls, distance)]
    return max(suiting, key=lambda cls: cls.preference).name if suiting else None


def estimates(sketch: type[Sketch], distance: type[Distance]) -> bool:
    """Whether a sketch estimates a distance."""
    return sketch.distance_kinds is None or distance.kind in sketch.distance_kinds


def without_sketch(index: type[MetricIndex] | None, objects: int, bytes_each: int) -> str:
    """Why a collection does without a sketch, in words; empty where it gets one.

    Args:
        index: its index; None where the size of the collection chooses that, too.
        objects: how many there are.
        bytes_each: the bytes of a descriptor.
    """
    if index is not None and index.needs_sketch:
        return ""
    if index is not None and index.exact:
        return f"the index {index.name} compares all descriptors"
    if objects <= FEW:
        return f"up to {FEW:,} objects all of them are read"
    return f"a descriptor of {bytes_each} bytes is hardly larger than a sketch" if bytes_each <= SMALL else ""


def recorded_grounds(catalog: Catalog) -> dict[str, Grounds] | None:
    """Kind → for what its plugin was chosen, of those kinds that a collection leaves open; None where an earlier release has made it.

    Raises:
        FormatError: the record cannot be read.
    """
    stored = catalog.meta(GROUNDS)
    if stored is None:
        return None
    try:
        return {str(kind): Grounds(int(of["objects"]), bool(of["sketched"])) for kind, of in json.loads(stored).items()}
    except (ValueError, AttributeError, TypeError, KeyError):
        raise FormatError(f"{catalog.file}: the record of what `auto` has chosen is damaged") from None


def grounds_record(grounds: Mapping[str, Grounds]) -> dict[str, str]:
    """They, in the form in which the catalogue keeps them."""
    return {GROUNDS: json.dumps({kind: asdict(of) for kind, of in grounds.items()})}


# Of one collection


class Choosing(Protocol):
    """What is asked of the parts of a collection; `Parts` is so."""

    config: Config
    name: str
    plugins: Plugins
    recorded: dict[str, PluginChoice]
    grounds: dict[str, Grounds] | None

    def chosen(self, kind: Kind[Any]) -> Any:
        """The plugin in force."""

    def chosen_or_none(self, kind: Kind[Any]) -> Any:
        """The same, or None."""


def leaves_open(parts: Choosing, kind: Kind[Any]) -> bool:
    """Whether the size of the collection chooses the plugin of a kind: the configuration says so; or it says nothing, and the collection
    was made so."""
    settings = parts.config.collections[parts.name]
    if not kind.automatic or settings.choices(kind) is not None:
        return False
    return settings.says_auto(kind) or not parts.recorded or kind.word in (parts.grounds or {})


def best_of(parts: Choosing, kind: Kind[Any], grounds: Grounds, bytes_each: int = 0) -> str | None:
    """The plugin of a kind that suits the collection at a size; None for none.

    Args:
        parts: the collection's.
        kind: `INDEX` or `SKETCH`.
        grounds: how large it is.
        bytes_each: the bytes of a descriptor.
    """
    if kind is INDEX:
        return best_index(parts.plugins, grounds)
    if why_no_sketch(parts, grounds.objects, bytes_each):
        return None
    return best_sketch(parts.plugins, parts.chosen(DISTANCE).cls)


def why_no_sketch(parts: Choosing, objects: int, bytes_each: int) -> str:
    """Why the collection does without a sketch at a size; see `without_sketch`."""
    index = None if leaves_open(parts, INDEX) else parts.chosen(INDEX).cls
    return without_sketch(index, objects, bytes_each)


def default_of(parts: Choosing, kind: Kind[Any]) -> str | None:
    """The plugin of a kind that a new collection gets; None for none."""
    if kind is SKETCH:
        return best_of(parts, SKETCH, Grounds())
    named = parts.config.collections[parts.name].choices(SKETCH)
    before = (parts.grounds or {}).get(INDEX.word, Grounds())
    return best_of(parts, INDEX, Grounds(before.objects, bool(named)))


def has_sketch(parts: Choosing) -> bool:
    """Whether the collection, which leaves it open, has a sketch. Once its distance is another, which that does not estimate, it is passed
    over, until the collection is rebuilt."""
    recorded = parts.recorded.get(SKETCH.word)
    if recorded is None:
        return not parts.recorded and default_of(parts, SKETCH) is not None
    return estimates(parts.plugins.get(SKETCH, recorded.plugin), parts.chosen(DISTANCE).cls)


def usable(parts: Choosing, index: PluginChoice) -> bool:
    """Whether the index that was chosen for a collection that leaves it open can be asked: not where it needs sketches, and there are none
    any more."""
    made_by = parts.plugins.classes(INDEX).get(index.plugin)
    return made_by is None or not made_by.needs_sketch or parts.chosen_or_none(SKETCH) is not None

"""Building what is derived anew, and keeping to what it was built of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seealso.catalogue.writer import CatalogWriter
from seealso.collection.derived.keeper import Keeper
from seealso.collection.parts.automatic import Grounds
from seealso.collection.parts.growth import bytes_of, suited
from seealso.collection.parts.keepers import made_of, sketch_keeper
from seealso.collection.parts.opened import Opened
from seealso.collection.parts.recorded import recorded_anew
from seealso.collection.parts.resolved import Parts
from seealso.configuration.models import place_of
from seealso.errors import ConfigError
from seealso.interfaces.plugin import PluginChoice
from seealso.layout import SKETCH as SKETCH_FOLDER
from seealso.registry.kinds import DISTANCE, INDEX, SKETCH, TEXT, Kind

BUILT_OF = (DISTANCE, INDEX, SKETCH, TEXT)
"""The kinds of plugins that are others once what is derived is built anew; store and extractor stay."""


def check_distance(parts: Parts, distance: PluginChoice) -> None:
    """Refuse a distance that a collection could not keep to.

    Raises:
        ConfigError: its options do not fit, or the configuration names another one.
        PluginError: there is none of that name.
    """
    parts.checked(DISTANCE, distance)
    named = parts.config.collections[parts.name].choices(DISTANCE)
    if named and named[0].plugin != distance.plugin:
        place = parts.config.source.place(place_of(parts.name, DISTANCE))
        raise ConfigError(
            f"{place}: the configuration names the distance {named[0].plugin}; write `distance: {distance.plugin}` there, "
            "then run `seealso rebuild`"
        )


def rebuild(path: Path, parts: Parts, opened: Opened, writer: CatalogWriter) -> None:
    """Build the indexes and the sketches from the catalogue and the store, then record what they were built of. What the collection
    leaves open is chosen anew, by the size that it has now.

    Until it is recorded, whoever has the collection open goes on with what was there before; then all follow.

    Args:
        path: the collection's directory.
        parts: its parts.
        opened: what is open of it.
        writer: of its catalogue.
    """
    # First: what does not fit is known before anything is built.
    in_force = parts.choices(BUILT_OF)
    built_of = {kind.word: in_force.get(kind.word) for kind in BUILT_OF}
    objects = writer.counts().objects
    chosen = suited(parts, objects, bytes_of(opened.provenance))
    built_of |= {kind.word: None if each is None else each.as_choice() for kind, each in chosen.items()}
    sketched = built_of.get(SKETCH.word) is not None
    if sketched and opened.sketch is None:
        sketches = sketch_keeper(parts, path / SKETCH_FOLDER, opened.store, opened.provenance, chosen.get(SKETCH))
        assert sketches is not None
        opened.take_sketch(sketches)
    keepers: list[tuple[Kind[Any], Keeper[Any] | None]] = [
        (SKETCH, opened.sketch),
        (INDEX, opened.index),
        (TEXT, opened.text),
    ]
    for kind, keeper in keepers:
        if keeper is None or built_of.get(kind.word) is None:
            continue
        suiting = chosen.get(kind)
        keeper.rebuild(opened.catalog, None if suiting is None else made_of(parts, kind, suiting))
        if kind is SKETCH and suiting is not None and SKETCH.word not in parts.recorded:
            # Before an index is made that needs them.
            grounds = {each.word: (parts.grounds or {}).get(each.word, Grounds()) for each in chosen}
            recorded_anew(writer, {SKETCH.word: suiting.as_choice()}, grounds | {SKETCH.word: Grounds(objects)})
    recorded_anew(writer, built_of, {kind.word: Grounds(objects, sketched) for kind in chosen})

"""Building what is derived anew, and keeping to what it was built of."""

from __future__ import annotations

from seealso.catalogue.writer import CatalogWriter
from seealso.collection.parts.opened import Opened
from seealso.collection.parts.recorded import recorded_anew
from seealso.collection.parts.resolved import Parts
from seealso.configuration.models import place_of
from seealso.errors import ConfigError
from seealso.interfaces.plugin import PluginChoice
from seealso.registry.kinds import DISTANCE, INDEX, SKETCH, TEXT

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


def rebuild(parts: Parts, opened: Opened, writer: CatalogWriter) -> None:
    """Build the indexes and the sketches from the catalogue and the store, then record what they were built of.

    Until it is recorded, whoever has the collection open goes on with what was there before; then all follow.
    """
    # First: what does not fit is known before anything is built.
    built_of = parts.choices(BUILT_OF)
    for keeper in opened.keepers():
        keeper.rebuild(opened.catalog)
    recorded_anew(writer, built_of)

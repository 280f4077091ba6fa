"""What reads words beside a collection's extractor: tried before a collection is made, recorded by who indexes, compared when words
are read."""

from __future__ import annotations

import logging

from seealso.catalogue.reader import Catalog
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.parts.resolved import Parts
from seealso.configuration.models import place_of
from seealso.errors import ConfigError, PluginError, QueryError
from seealso.registry.kinds import EXTRACTOR

WORDS = "words_provenance"
"""Where the catalogue keeps `Extractor.words_provenance`; a collection whose words need nothing of their own is without."""

TRIAL = "a photograph"

log = logging.getLogger("seealso")


def recorded_words(catalog: Catalog) -> str:
    """What has read words, as it is recorded; empty where nothing is."""
    return catalog.meta(WORDS) or ""


def try_words(parts: Parts) -> str:
    """What reads words; empty where the extractor needs nothing for that. A phrase is read, so that what does not fit is known at once.

    Raises:
        ConfigError: it cannot be used.
    """
    try:
        current = parts.extractor.words_provenance
        if current:
            parts.extract_words([TRIAL])
    except (PluginError, QueryError) as error:
        place = (*place_of(parts.name, EXTRACTOR), "words")
        raise ConfigError(f"{parts.config.source.place(place)}: {error}") from error
    return current


def record_words(parts: Parts, writer: CatalogWriter) -> None:
    """Record what reads words from now on. Whoever indexes goes on where that cannot be known, and is told."""
    try:
        current = parts.extractor.words_provenance
    except PluginError as error:
        log.warning("collection %s: images are not found by words, since %s", parts.name, error)
        return
    recorded = recorded_words(writer)
    if not current or current == recorded:
        return
    if recorded:
        log.warning(
            "collection %s: the text side has changed; words are read by this one from now on: %s", parts.name, current
        )
    writer.set_meta({WORDS: current})


def check_words(parts: Parts, catalog: Catalog) -> None:
    """Refuse words that something else reads than is recorded: it may put them anywhere among the descriptors.

    Raises:
        QueryError: says what to do.
    """
    recorded = recorded_words(catalog)
    if recorded and parts.extractor.words_provenance != recorded:
        raise QueryError(
            f"collection {parts.name}: its text side has changed since it was recorded ({recorded}); put the former back, or run "
            "`seealso index` to go on with this one"
        )

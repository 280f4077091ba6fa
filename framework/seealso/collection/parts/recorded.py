"""What the catalogue records of the parts of a collection, and how a later release of a plugin reads that."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from seealso.catalogue.reader import Catalog
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.parts.automatic import Grounds, grounds_record, recorded_grounds
from seealso.errors import FormatError
from seealso.images.ways import NEWEST, Way
from seealso.interfaces.extractor import Extractor, Provenance
from seealso.interfaces.plugin import Plugin, PluginChoice, PluginOptions
from seealso.registry.kinds import Kind

SOURCES = "keyword_sources"  # where the catalogue keeps those that were given beside the configuration
CONFIGURATION = "configuration"  # where the catalogue keeps the choices
DECODING = "decoding"  # where the catalogue keeps the number of the way in which image files are decoded

log = logging.getLogger("seealso")
_told: set[str] = set()  # warnings


def record(choices: dict[str, PluginChoice], provenance: Provenance) -> dict[str, str]:
    """What the catalogue keeps of the parts of a new collection."""
    return {CONFIGURATION: configuration_record(choices), "provenance": json.dumps(asdict(provenance))}


def configuration_record(choices: dict[str, PluginChoice]) -> str:
    """The choices in the form in which the catalogue keeps them."""
    return json.dumps({kind: choice.as_yaml() for kind, choice in choices.items()})


def recorded_anew(
    writer: CatalogWriter, choices: Mapping[str, PluginChoice | None], grounds: Mapping[str, Grounds] | None = None
) -> None:
    """Record other choices of some kinds, in the place of those that were recorded, in one transaction.

    Args:
        writer: of the catalogue.
        choices: kind → the choice; None: the collection does without.
        grounds: for what those were chosen that it leaves open, all of them; None: as it was.
    """
    before = recorded_choices(writer)
    now = {kind: choice for kind, choice in {**before, **choices}.items() if choice is not None}
    changed = {} if now == before else {CONFIGURATION: configuration_record(now)}
    if grounds is not None and grounds != recorded_grounds(writer):
        changed |= grounds_record(grounds)
    if changed:
        writer.set_meta(changed)


def recorded_choices(catalog: Catalog) -> dict[str, PluginChoice]:
    """The choices that a collection was made with.

    Raises:
        FormatError: the record cannot be read.
    """
    try:
        stored = json.loads(catalog.meta(CONFIGURATION) or "")
        return {kind: PluginChoice.parse(choice) for kind, choice in stored.items()}
    except (ValueError, AttributeError):
        raise FormatError(f"{catalog.file}: the record of the collection's configuration is damaged") from None


def recorded_sources(catalog: Catalog) -> list[PluginChoice]:
    """The keyword sources that were given beside the configuration.

    Raises:
        FormatError: the record cannot be read.
    """
    try:
        return [PluginChoice.parse(choice) for choice in json.loads(catalog.meta(SOURCES) or "[]")]
    except (ValueError, TypeError):
        raise FormatError(f"{catalog.file}: the record of the collection's keyword sources is damaged") from None


def sources_record(choices: Sequence[PluginChoice]) -> dict[str, str]:
    """They, in the form in which the catalogue keeps them."""
    return {SOURCES: json.dumps([choice.as_yaml() for choice in choices])}


def recorded_provenance(catalog: Catalog) -> Provenance:
    """What made a collection's descriptors.

    Raises:
        FormatError: the record cannot be read.
    """
    try:
        return Provenance(**json.loads(catalog.meta("provenance") or ""))
    except (ValueError, TypeError):
        raise FormatError(f"{catalog.file}: the record of what made the descriptors is damaged") from None


def recorded_way(catalog: Catalog) -> Way:
    """In which way a collection decodes image files: the first, where an earlier release made it, which recorded none.

    Raises:
        FormatError: the record cannot be read, or a later release made it.
    """
    number = catalog.meta(DECODING)
    try:
        return Way.FIRST if number is None else Way(int(number))
    except ValueError:
        raise FormatError(
            f"{catalog.file}: the collection decodes images in the way {number}, and this release knows {Way.FIRST:d} to {NEWEST:d}; "
            "upgrade seealso"
        ) from None


def way_record(way: Way) -> dict[str, str]:
    """It, in the form in which the catalogue keeps it."""
    return {DECODING: str(int(way))}


def with_secrets(choices: dict[str, PluginChoice], kind: str, of: PluginChoice) -> dict[str, PluginChoice]:
    """Recorded choices, one of which gets the secrets of another choice, where that is of the same plugin: records are without."""
    recorded = choices.get(kind)
    if recorded is None or recorded.plugin != of.plugin:
        return choices
    return {**choices, kind: replace(recorded, secrets=of.secrets)}


def keeping(cls: type[Extractor], choice: PluginChoice, recorded: PluginChoice | None) -> PluginChoice:
    """The choice of an extractor by the configuration, for a collection that was made when other options were the default: of those
    that the choice leaves out it has the recorded ones, for descriptors of today's default could not be compared with its own.

    Args:
        cls: the extractor's class.
        choice: what the configuration says.
        recorded: what the collection was made with; None for a new one.
    """
    if recorded is None or recorded.plugin != choice.plugin:
        return choice
    kept = {
        option: recorded.options[option]
        for option, earlier in cls.earlier_defaults.items()
        if option not in choice.options and recorded.options.get(option) in earlier
    }
    return replace(choice, options={**kept, **choice.options})


def upgraded(kind: Kind[Any], cls: type[Plugin], choice: PluginChoice, collection: str) -> PluginChoice:
    """A recorded choice in the words of the plugin that is installed; what that does not know is left out, with a warning, once."""
    options = cls.Options.upgrade(dict(choice.options))
    known = _names(cls.Options)
    unknown = sorted(set(options) - known) if cls.Options.model_config.get("extra") == "forbid" else []
    if unknown:
        _warn(
            f"collection {collection}: it was made with options that the {kind.word} {choice.plugin} does not know any more, and goes "
            f"on without them: {', '.join(unknown)}"
        )
    return replace(choice, options={name: value for name, value in options.items() if name not in unknown})


def _names(model: type[PluginOptions]) -> set[str]:
    """What the options of a model may be called."""
    aliases = (each for field in model.model_fields.values() for each in (field.alias, field.validation_alias))
    return {*model.model_fields, *(alias for alias in aliases if isinstance(alias, str))}


def _warn(message: str) -> None:
    if message not in _told:
        _told.add(message)
        log.warning("%s", message)

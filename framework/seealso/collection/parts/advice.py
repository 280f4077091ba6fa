"""What a collection could have better: the defaults of today, where it has those of an earlier release."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seealso.collection.parts.automatic import Grounds, best_of, leaves_open
from seealso.collection.parts.growth import bytes_of
from seealso.collection.parts.opened import Opened
from seealso.collection.parts.resolved import Parts
from seealso.collection.parts.scan_rules import GivenRules, rules_with
from seealso.interfaces.extractor import Extractor
from seealso.interfaces.plugin import PluginChoice
from seealso.interfaces.scan_rules import LEFT_OUT
from seealso.registry.kinds import AUTO, DISTANCE, EXTRACTOR, SKETCH


@dataclass(frozen=True, slots=True)
class Advice:
    """A default that came after a collection was made.

    Attributes:
        part: what it is of: ``distance`` or ``sketch``; or ``extractor`` and an option of that, as ``extractor.model``.
        has: what the collection has, which was the default then.
        default: what a new collection gets.
        how: what to do, in words.
    """

    part: str
    has: str
    default: str
    how: str


def advice(parts: Parts) -> list[Advice]:
    """What a collection could have better, by what its extractor's class says of itself. O(1).

    What the configuration names was chosen on purpose, and is passed over.
    """
    recorded = parts.recorded.get(EXTRACTOR.word)
    made_by = parts.plugins.classes(EXTRACTOR).get(recorded.plugin) if recorded else None
    if recorded is None or made_by is None:
        return []
    return [*_of_distance(parts, made_by), *_of_options(parts, made_by, recorded)]


def _of_distance(parts: Parts, made_by: type[Extractor]) -> Iterator[Advice]:
    settings = parts.config.collections[parts.name]
    has, default = parts.chosen(DISTANCE).cls.name, made_by.default_distance
    if settings.choices(DISTANCE) is None and has in made_by.earlier_distances:
        how = f"`seealso {_pick(parts)}rebuild --distance {default}` changes it, and extracts nothing again"
        yield Advice(DISTANCE.word, has, default, how)


def _of_options(parts: Parts, made_by: type[Extractor], recorded: PluginChoice) -> Iterator[Advice]:
    named = parts.config.collections[parts.name].choices(EXTRACTOR)
    if named and named[0].plugin != recorded.plugin:
        return
    given = named[0].options if named else {}
    first = "name another `path:`" if parts.config.source.path else "`seealso init`"
    for option, earlier in made_by.earlier_defaults.items():
        has = recorded.options.get(option)
        if option not in given and has in earlier:
            default = made_by.Options.model_fields[option].get_default(call_default_factory=True)
            how = f"only a new collection gets it: {first}, then `seealso index PATH…`"
            yield Advice(f"{EXTRACTOR.word}.{option}", str(has), str(default), how)


def advice_on_sketches(parts: Parts, opened: Opened) -> list[Advice]:
    """That a collection of an earlier release could have sketches, where its size is worth them. O(1)."""
    silent = parts.config.collections[parts.name].choices(SKETCH) is None
    if parts.grounds is not None or not silent or leaves_open(parts, SKETCH) or SKETCH.word in parts.recorded:
        return []
    grounds = Grounds(opened.catalog.counts().objects)
    if best_of(parts, SKETCH, grounds, bytes_of(opened.provenance)) is None:
        return []
    how = f"`seealso {_pick(parts)}rebuild` gives it to this collection, and extracts nothing again; queries then read much less"
    return [Advice(SKETCH.word, str(SKETCH.without), AUTO, how)]


def advice_on_rules(parts: Parts, opened: Opened) -> list[Advice]:
    """That a collection of an earlier release could leave out what a new one does. O(1)."""
    _, _, rules = rules_with(GivenRules(), opened.catalog, parts.scan)
    if not rules.unasked or not parts.takes_images(opened.provenance):
        return []
    how = f"{_leaving_out(parts)}, and drops what was taken in of them"
    return [Advice("scan.exclude", "none", ", ".join(LEFT_OUT), how)]


def line_on_defaults(parts: Parts, files: int) -> str:
    """What to tell where so many files were found that a new collection would leave out."""
    found = "1 file lies" if files == 1 else f"{files:,} files lie"
    return (
        f"{found} in folders that a new collection leaves out ({', '.join(LEFT_OUT)}); {_leaving_out(parts)}, and drops what was taken in "
        "of them (`--rules none` keeps all, and says no more of it)"
    )


def _leaving_out(parts: Parts) -> str:
    return f"`seealso {_pick(parts)}index --rules default PATH…` leaves these out here, too"


def _pick(parts: Parts) -> str:
    """Which collection is meant, where there are several."""
    return f"--in {parts.name} " if len(parts.config.collections) > 1 else ""

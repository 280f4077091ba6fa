"""Which files a collection takes: by what its configuration says, by what it was made with, and by what was given since."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

from seealso.catalogue.reader import Catalog
from seealso.errors import ConfigError, FormatError
from seealso.interfaces.scan_rules import LEFT_OUT, ScanRules

SCAN = "scan"
"""Where the catalogue keeps them."""


@dataclass(frozen=True, slots=True)
class GivenRules:
    """Rules that are given with a command, and hold from then on.

    Attributes:
        include: patterns, beside those that there are.
        exclude: the same.
        hidden: whether hidden files are taken; None: as before.
        start: what they are put beside: None: the rules so far; ``default``: those of a new collection; ``none``: none.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    hidden: bool | None = None
    start: Literal["default", "none"] | None = None

    @classmethod
    def checked(
        cls,
        include: Sequence[str],
        exclude: Sequence[str],
        hidden: bool | None,
        start: Literal["default", "none"] | None,
    ) -> Self:
        """Rules that make sense.

        Raises:
            ConfigError: a pattern is none; or the start is of another name.
        """
        for patterns in (include, exclude):
            if isinstance(patterns, str) or not all(map(_is_pattern, patterns)):
                raise ConfigError(
                    f"{patterns!r}: expected a list of patterns, each a text that is not empty, as ['@eaDir']; for bytes of a name that "
                    "are no text write ?"
                )
        if start not in (None, "default", "none"):
            raise ConfigError(f"rules is {start!r}; give 'default' or 'none', or leave it out")
        return cls(tuple(include), tuple(exclude), hidden, start)


@dataclass(frozen=True, slots=True)
class RulesInForce:
    """The rules by which files are taken.

    Attributes:
        rules: the rules.
        settled: whether anybody has chosen them: who made the collection, its configuration, or a command. If not, an earlier release has
            made it, and what the rules leave out now, such as hidden files, may have been taken in on purpose: it stays.
        unasked: whether nobody has said if it shall leave out what a new collection leaves out.
    """

    rules: ScanRules
    settled: bool
    unasked: bool


@dataclass(frozen=True, slots=True)
class KeptRules:
    """What the catalogue keeps of them.

    Attributes:
        default: what is left out where the configuration does not say; None: an earlier release has made the collection, and nothing is.
        include: patterns that were given since.
        exclude: the same.
        hidden: whether it was said that hidden files are taken.
    """

    default: tuple[str, ...] | None = LEFT_OUT
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    hidden: bool = False

    def in_force(self, configured: ScanRules) -> RulesInForce:
        """The rules by this and by the configuration."""
        named = configured.model_fields_set
        exclude = configured.exclude if "exclude" in named else self.default or ()
        rules = ScanRules(
            include=_united(configured.include, self.include),
            exclude=_united(exclude, self.exclude),
            hidden=configured.hidden or self.hidden,
        )
        unasked = self.default is None and "exclude" not in named
        return RulesInForce(rules, bool(named) or self != OF_AN_EARLIER_RELEASE, unasked)

    def with_given(self, given: GivenRules, configured: ScanRules) -> Self:
        """The same with what is given.

        Raises:
            ConfigError: the configuration says otherwise.
        """
        if given.hidden is False and configured.hidden:
            raise ConfigError("the configuration says `scan: {hidden: true}`; change it there")
        start = self
        if given.start is not None:
            start = type(self)(LEFT_OUT if given.start == "default" else ())
        return replace(
            start,
            include=_united(start.include, given.include),
            exclude=_united(start.exclude, given.exclude),
            hidden=start.hidden if given.hidden is None else given.hidden,
        )


def _is_pattern(value: object) -> bool:
    return isinstance(value, str) and bool(value) and not any("\ud800" <= character <= "\udfff" for character in value)


OF_AN_EARLIER_RELEASE = KeptRules(default=None)


def _united(patterns: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*patterns, *more]))


def kept_rules(catalog: Catalog) -> KeptRules:
    """The rules that a collection keeps.

    Raises:
        FormatError: the record cannot be read.
    """
    kept = catalog.meta(SCAN)
    if kept is None:
        return OF_AN_EARLIER_RELEASE
    try:
        found = json.loads(kept)
        default = None if found["default"] is None else _patterns(found["default"])
        return KeptRules(default, _patterns(found["include"]), _patterns(found["exclude"]), bool(found["hidden"]))
    except (ValueError, TypeError, KeyError):
        raise FormatError(f"{catalog.file}: the record of which files are taken is damaged") from None


def _patterns(found: Any) -> tuple[str, ...]:
    return tuple(map(str, found))


def rules_record(kept: KeptRules) -> dict[str, str]:
    """They, in the form in which the catalogue keeps them."""
    return {SCAN: json.dumps(asdict(kept))}


def rules_with(
    given: GivenRules, catalog: Catalog | None, configured: ScanRules
) -> tuple[KeptRules, KeptRules, RulesInForce]:
    """What a collection keeps of the rules; the same with those that are given; and the rules in force by the latter.

    Args:
        given: rules that a command gives.
        catalog: the collection's; None: it has not been made yet.
        configured: what its configuration says.

    Raises:
        ConfigError: the configuration says otherwise.
        FormatError: the record cannot be read.
    """
    kept = KeptRules() if catalog is None else kept_rules(catalog)
    wanted = kept.with_given(given, configured)
    return kept, wanted, wanted.in_force(configured)

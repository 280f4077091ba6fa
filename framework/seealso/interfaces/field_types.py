"""What the fields of a value may hold: whoever gives something of another type is told so in one line."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Iterable
from functools import lru_cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from seealso.errors import QueryError

ANY_KIND: dict[type, type] = {int: Integral, float: Real, tuple: Iterable}
"""Numbers may be NumPy's, too, and the items of a tuple may come from anything that gives them."""

BY_ACCIDENT = (bool, str, bytes, np.ndarray)
"""These count as numbers, or give items, and are nevertheless taken only where just they are meant."""

CALLED: dict[type, str] = {
    Integral: "a whole number",
    Real: "a number",
    bool: "True or False",
    str: "text",
    bytes: "bytes",
    os.PathLike: "a path",
    np.ndarray: "a NumPy array",
    Iterable: "a tuple or a list",
}


def check_fields(value: object) -> None:
    """Refuse a dataclass of which a field holds something else than its annotation says.

    Raises:
        QueryError: names the field, what it holds, and what it may hold.
    """
    cls: Any = type(value)
    for name, admitted in _fields(cls):
        check_type(f"{cls.__name__}.{name}", getattr(value, name), *admitted)


def check_type(name: str, given: object, *admitted: type) -> None:
    """Refuse what is of none of some types.

    Raises:
        QueryError: says what ``name`` is, and what it may be.
    """
    if isinstance(given, BY_ACCIDENT):
        right = any(isinstance(given, each) for each in admitted if each in BY_ACCIDENT)
    else:
        right = isinstance(given, admitted)
    if not right:
        words = dict.fromkeys(CALLED.get(each, f"seealso.{each.__name__}") for each in admitted if each is not NoneType)
        raise QueryError(f"{name} is {reprlib.repr(given)}; give {' or '.join(words)}")


@lru_cache
def _fields(cls: type[Any]) -> list[tuple[str, tuple[type, ...]]]:
    """The fields of a dataclass, each with the types that it may be of."""
    return [(name, tuple(_types(hint))) for name, hint in get_type_hints(cls).items()]


def _types(hint: Any) -> list[type]:
    if get_origin(hint) in (Union, UnionType):
        return [each for part in get_args(hint) for each in _types(part)]
    found: type = get_origin(hint) or hint
    return [ANY_KIND.get(found, found)]

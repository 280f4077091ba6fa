"""The options of a plugin in words."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field

import seealso
from seealso.configuration.options import Option, options_of


class Inner(BaseModel):
    depth: int = 3


class Options(seealso.PluginOptions):
    """Options of every type."""

    count: int = Field(description="how\n   many", ge=1, lt=10)
    share: float = Field(0.5, gt=0, le=1)
    on: bool = False
    word: str = "a"
    choice: Literal["x", "y"] = "x"
    number: Literal[1, 10] = 10
    maybe: int | None = None
    either: int | Literal["auto"] = "auto"
    colours: tuple[int, int, int] | None = None
    some: list[str] = Field([])
    file: seealso.RelativePath | None = None
    codec: seealso.PluginChoice | None = None
    inner: Inner = Inner()


def test_in_words():
    found = {option.name: (option.type, option.default) for option in options_of(Options)}
    assert found == {
        "count": ("whole number, at least 1, less than 10", None),
        "share": ("number, at most 1, more than 0", "0.5"),
        "on": ("true or false", "false"),
        "word": ("text", '"a"'),
        "choice": ("x or y", '"x"'),
        "number": ("1 or 10", "10"),
        "maybe": ("whole number or null", "null"),
        "either": ("whole number or auto", '"auto"'),
        "colours": ("list of 3 times whole number or null", "null"),
        "some": ("list of text", "[]"),
        "file": ("path or null", "null"),
        "codec": ("plugin or null", "null"),
        "inner": ("mapping of depth (whole number)", '{"depth": 3}'),
    }


def test_descriptions_are_one_line():
    assert options_of(Options)[0] == Option("count", "whole number, at least 1, less than 10", None, "how many")


@pytest.mark.parametrize("kind", seealso.load_plugins().kinds())
def test_every_option_of_ours_is_described(kind):
    for cls in seealso.load_plugins().classes(kind).values():
        for option in options_of(cls.Options):
            assert option.description, (cls, option.name)
            assert "anything" not in option.type, (cls, option)


def test_a_path_is_one():
    assert Options(count=1, file=Path("x")).file.is_absolute()

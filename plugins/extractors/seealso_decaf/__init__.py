"""The extractor ``decaf7``: the last hidden layer of AlexNet; and the commands that get its trained weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso import hookimpl

if TYPE_CHECKING:
    import click

    from seealso import Extractor


@hookimpl
def register_extractors() -> list[type[Extractor]]:
    """The extractor ``decaf7``."""
    from seealso_decaf.extractor import DecafExtractor

    return [DecafExtractor]


@hookimpl
def register_commands(group: click.Group) -> None:
    """The command ``weights``."""
    from seealso_decaf.commands import weights_command

    group.add_command(weights_command)

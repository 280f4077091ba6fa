"""The command ``export-onnx``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def register_commands(group: click.Group) -> None:
    """The command ``export-onnx``."""
    from seealso_torch.commands import export_command

    group.add_command(export_command)

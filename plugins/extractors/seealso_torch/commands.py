"""The command ``export-onnx``: the network of an extractor on torch as a file that the extractor ``onnx`` runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from seealso import FileError, write_atomically
from seealso_torch import check_installed

if TYPE_CHECKING:
    from seealso import Collection, Deployment


class Context(Protocol):
    """What the command line lends a command."""

    deployment: Deployment

    def collection(self) -> Collection:
        """The collection that ``--in`` picks."""


@click.command("export-onnx")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
@click.pass_obj
def export_command(context: Context, file: Path, force: bool) -> None:
    """Write the network that the configuration names (extractor timm or decaf7) to FILE, as ONNX.

    The extractor onnx runs it, without torch; the file records how images are prepared. It is written once its descriptors are
    found to be those of the original. They are computed in float32, whatever the `precision:`.
    """
    if file.suffix != ".onnx":
        raise click.UsageError(f"{file}: the name of the file has to end in .onnx")
    if file.exists() and not force:
        raise FileError(f"{file}: it is there already; `--force` replaces it")
    if not file.absolute().parent.is_dir():
        raise FileError(f"{file}: there is no folder {file.absolute().parent}; make it first")
    from seealso_torch import TorchExtractor

    extractor = context.collection().parts.extractor
    check_installed("onnxscript", *(extractor.needs if isinstance(extractor, TorchExtractor) else ()))
    from seealso import Extractor
    from seealso_torch.exporting import export

    served = context.deployment.plugins.get("extractor", "onnx")
    assert issubclass(served, Extractor)
    model, error = export(extractor, served)
    write_atomically(file, model)
    click.echo(
        f"wrote {file} ({len(model) / 1e6:.1f} MB): descriptors of {extractor.provenance.dim} values, off by {error:.0e} at most"
    )
    click.echo(f"next, in the configuration: extractor: {{plugin: onnx, model: {file.absolute()}}}")

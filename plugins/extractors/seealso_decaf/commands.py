"""The command ``weights``: the published trained weights, listed and fetched; and a file of weights in another form."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from seealso import FileError
from seealso_decaf.published import PUBLISHED, find_published

if TYPE_CHECKING:
    from seealso_decaf.weights import CaffeNetwork

SECONDS_BETWEEN_LINES = 3.0


@click.group("weights")
def weights_command() -> None:
    """List or fetch the trained weights that others have published; convert a file of weights."""


@weights_command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_weights(as_json: bool) -> None:
    """The published files that are known here: name, what it is, hash, place."""
    if as_json:
        listed = [
            {"name": file.name, "about": file.about, "url": file.url, file.algorithm: file.digest} for file in PUBLISHED
        ]
        click.echo(json.dumps({"weights": listed}, ensure_ascii=False))
        return
    if not sys.stdout.isatty():
        for file in PUBLISHED:
            click.echo("\t".join((file.name, file.about, file.known_by, file.url)))
        return
    for file in PUBLISHED:
        click.echo(click.style(file.name, bold=True))
        click.echo(f"    {file.about}\n    {file.url}\n    {file.known_by}")


@weights_command.command("fetch")
@click.argument("name")
@click.option(
    "--to", "target", type=click.Path(path_type=Path), metavar="FILE", help="Where to; by default its own name, here."
)
def fetch_weights(name: str, target: Path | None) -> None:
    """Fetch the published file NAME, and check its hash.

    An interrupted fetch goes on where it ended. The file gets its name when it is whole and its hash is the published one.
    Who published it decides what you may use it for: read the licence there.
    """
    from seealso_decaf.download import fetch

    published = find_published(name)
    target = target or Path(published.file_name)
    with _showing_progress(published.name) as progress:
        sha256 = fetch(published, target, progress)
    click.echo(f"{target}: {published.known_by}, as published; SHA-256 {sha256}")
    click.echo(f"next, in the configuration: extractor: {{plugin: decaf7, weights: {target.absolute()}}}")


@weights_command.command("convert")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    metavar="NEW",
    help="Where to; by default beside FILE, as .safetensors.",
)
@click.option(
    "--network",
    type=click.Choice(["caffenet", "alexnet"]),
    help="Which of Caffe's networks it is, where FILE does not say.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
def convert_weights(file: Path, target: Path | None, network: str | None, force: bool) -> None:
    """Write the weights in FILE as .safetensors, which is loaded sooner. The descriptors are the same.

    The new file has a hash of its own, so a collection that was made with FILE wants FILE.
    """
    from seealso_torch import check_installed

    target = target or file.with_suffix(".safetensors")
    if target.suffix != ".safetensors":
        raise click.UsageError(f"{target}: the name of the new file has to end in .safetensors")
    if target.exists() and not force:
        raise FileError(f"{target}: it is there already; `--force` replaces it")
    check_installed()
    from seealso_decaf.weights import convert

    convert(file, target, cast("CaffeNetwork | None", network))
    click.echo(f"wrote {target}")


@contextmanager
def _showing_progress(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """Gives the function to tell the bytes to: a bar on a terminal, elsewhere a line every few seconds."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(desc=name, unit="B", unit_scale=True, leave=False, dynamic_ncols=True) as bar:

            def show(done: int, total: int | None) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield show
        return
    last = time.monotonic()

    def tell(done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            click.echo(f"{name}: {done:,} bytes" + (f" of {total:,}" if total else ""), err=True)

    yield tell

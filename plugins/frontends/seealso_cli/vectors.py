"""The commands for descriptors without images: ``import-descriptors`` and ``export``."""

from __future__ import annotations

import time
from pathlib import Path

import click

from seealso import printable
from seealso_cli.output import Number, count, json_option, say, write_json
from seealso_cli.progress import showing_share
from seealso_cli.session import Session


@click.command("import-descriptors")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--ids",
    "names",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="What they are called, in their order: a line each, or a .npy array; by default their rows, from 0.",
)
@click.option(
    "--dataset", default="", metavar="NAME", help="The data set of an HDF5 file, or the column of a Parquet file."
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16", "float64", "uint8"]),
    default="float32",
    show_default=True,
    help="What the values are kept as; uint8 for bits.",
)
@click.option(
    "--made-by", default="", metavar="TEXT", help="What made them; only such as were made by the same go together."
)
@click.option("--limit", type=Number(min=1), help="Only so many, from the first on.")
@json_option
@click.pass_obj
def import_descriptors_command(
    session: Session,
    file: Path,
    names: Path | None,
    dataset: str,
    dtype: str,
    made_by: str,
    limit: int | None,
    as_json: bool,
) -> None:
    """Take in descriptors that were made elsewhere, without images (.npy, .fvecs, .bvecs, .h5, .parquet).

    Each is an object at the place FILE#NAME. An interrupted import goes on when it is started again.
    """
    with showing_share("Importing", "descriptor") as tell:
        report = session.collection().import_descriptors(
            file, names=names, dataset=dataset, dtype=dtype, made_by=made_by, limit=limit, progress=tell
        )
    if as_json:
        write_json({"descriptors": report.descriptors, "added": report.added, "seconds": report.seconds})
    else:
        known = report.descriptors - report.added
        there = f", {known:,} were there" if known else ""
        say(f"{count(report.added, 'new descriptor')}{there} ({report.seconds:.1f} s)")


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace what is there.")
@click.pass_obj
def export_command(session: Session, file: Path, force: bool) -> None:
    """Write all descriptors, with their IDs and paths (.npy and two files beside it, .h5, .parquet)."""
    from seealso import export

    started = time.monotonic()
    with showing_share("Exporting", "descriptor") as tell:
        written = export(session.collection(), file, force=force, progress=tell)
    say(f"wrote {count(written, 'descriptor')} to {printable(str(file))} ({time.monotonic() - started:.1f} s)")

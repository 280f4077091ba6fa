"""What every benchmark has in common: its arguments, its table, its JSON."""

import argparse
import json
import os
import platform
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass
class Figure:
    """One measured figure; ``beside`` is the reference that was measured in the same run."""

    name: str
    value: float
    unit: str
    goal: str = ""
    holds: bool | None = None
    beside: str = ""


def arguments(description: str, **defaults: object) -> argparse.Namespace:
    """``--quick`` and ``--json FILE``, and one option for each default."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="a minute or so: the same figures on less work; no goal is met or missed"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    return parser.parse_args()


def photographs_below(folder: str) -> list[Path]:
    """The JPEG files below a folder, in order; without any the benchmark ends here."""
    found = sorted(Path(folder).rglob("*.jpg")) if folder else []
    if not found:
        raise SystemExit(f"there are no .jpg files below {folder!r}; name a folder of photographs: --photos DIR")
    return found


def bytes_below(folder: Path) -> int:
    """What a folder takes on the disk."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def peak_memory() -> int:
    """Bytes of memory that this process held at its peak."""
    try:
        status = Path("/proc/self/status").read_text()
        # getrusage also counts what the parent held when it started this process.
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def own_memory() -> int:
    """Bytes of memory that this process holds now, mapped files not counted; where the system does not tell, its peak."""
    try:
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.partition("RssAnon:")[2].split()[0])
    except (OSError, IndexError):
        return peak_memory()


def machine() -> dict[str, object]:
    """The machine, as far as it matters."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


def package_versions() -> dict[str, str]:
    """What the figures depend on."""
    packages = ("seealso", "numpy", "onnxruntime", "pillow", "lmdb", "tantivy")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def report(title: str, figures: list[Figure], options: argparse.Namespace, *, whole: bool = True) -> None:
    """Print the table; write the JSON where one is asked for.

    A goal is meant for all of the work. Where less was done, it is neither met nor missed: with ``--quick``, and where ``whole`` says so.
    A goal of one figure alone that is meant for a larger size is left open by whoever makes the figure.

    Args:
        title: stands above the table.
        figures: what was measured.
        options: the program's, as `arguments` gave them.
        whole: whether as much was measured as the goals are meant for.
    """
    if options.quick or not whole:
        for figure in figures:
            figure.holds = None
    print_figures(title, figures)
    write_document({"figures": [asdict(figure) for figure in figures]}, options.json)


def print_figures(title: str, figures: list[Figure]) -> None:
    """The figures as a table."""
    rows = []
    for figure in figures:
        holds = {True: "yes", False: "NO", None: ""}[figure.holds]
        rows.append([figure.name, f"{figure.value:.4g}", figure.unit, figure.goal, holds, figure.beside])
    print_table(title, ("figure", "value", "unit", "goal", "holds", "beside"), rows)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table; what is a number stands at the right."""
    table = Table(title=title)
    for place, column in enumerate(columns):
        numbers = place > 0 and all(row[place][:1].isdigit() or not row[place] for row in rows)
        table.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(width=None if os.isatty(1) else 160).print(table)


def print_markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for a page of the documentation; all but the first two columns stand at the right."""
    print("| " + " | ".join(columns) + " |")
    print("|" + "|".join("---" if place < 2 else "--:" for place in range(len(columns))) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def write_document(content: Mapping[str, object], json_file: Path | None) -> None:
    """Write the JSON where one is asked for: what was measured, when, where, and with which versions."""
    if json_file is not None:
        document = {"date": date.today().isoformat(), "machine": machine(), "versions": package_versions(), **content}
        json_file.write_text(json.dumps(document, indent=1, default=lambda value: value.item()) + "\n")

"""What every benchmark has in common: its arguments, its table, its JSON."""

import argparse
import json
import os
import platform
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
    parser.add_argument("--quick", action="store_true", help="under a minute: the same figures on less work")
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


def machine() -> dict[str, object]:
    """The machine, as far as it matters."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def report(title: str, figures: list[Figure], json_file: Path | None) -> None:
    """Print the table; write the JSON where one is asked for."""
    packages = ("seealso", "numpy", "onnxruntime", "pillow", "lmdb", "tantivy")
    versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
    table = Table(title=title)
    for column in ("figure", "value", "unit", "goal", "holds", "beside"):
        table.add_column(column, justify="right" if column == "value" else "left", overflow="fold")
    for figure in figures:
        holds = {True: "yes", False: "NO", None: ""}[figure.holds]
        table.add_row(figure.name, f"{figure.value:.4g}", figure.unit, figure.goal, holds, figure.beside)
    Console(width=None if os.isatty(1) else 160).print(table)
    if json_file is not None:
        document: dict[str, object] = {"date": date.today().isoformat(), "machine": machine(), "versions": versions}
        document["figures"] = [asdict(figure) for figure in figures]
        json_file.write_text(json.dumps(document, indent=1, default=lambda value: value.item()) + "\n")

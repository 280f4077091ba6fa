"""How large the base installation is, and its largest parts.

    python benchmarks/install_size.py [--wheel dist/seealso-….whl] [--json FILE]

The wheel (by default one that is built now, from the checkout) is installed into an environment of its own, with what it needs; what
pip and setuptools take, which the environment has before, does not count.
"""

import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

from report import Figure, arguments, report

ROOT = Path(__file__).parents[1]
GOAL_MB = 560
LARGEST = 5
THERE_BEFORE = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence")


def bytes_of(path: Path) -> int:
    """Bytes of a file, or of all below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def parts(site: Path) -> Iterator[tuple[int, str]]:
    """What an environment holds, and how large each is."""
    for path in site.iterdir():
        if not path.name.startswith(THERE_BEFORE) and path.name != "__pycache__":
            # A package's libraries stand beside it: numpy.libs.
            yield bytes_of(path), path.name.removesuffix(".libs")


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", wheel="")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        wheel = options.wheel
        if not wheel:
            command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
            subprocess.run(command, check=True)
            (wheel,) = map(str, folder.glob("*.whl"))
        venv.create(folder / "environment", with_pip=True)
        python = folder / "environment" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", wheel], check=True)
        site = next((folder / "environment" / "lib").glob("python*")) / "site-packages"
        sizes: dict[str, int] = {}
        for size, name in parts(site):
            sizes[name] = sizes.get(name, 0) + size
        has_torch = (site / "torch").exists()
    total = sum(sizes.values()) / 1e6
    figures = [
        Figure("installed", total, "MB", f"<= {GOAL_MB}", total <= GOAL_MB),
        Figure("torch", float(has_torch), "of it", "0", not has_torch),
    ]
    for name, size in sorted(sizes.items(), key=lambda each: -each[1])[:LARGEST]:
        figures.append(Figure(f"  {name}", size / 1e6, "MB"))
    report("The base installation", figures, options)


if __name__ == "__main__":
    main()

"""What a long benchmark has measured so far, so that one that was interrupted goes on behind it."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import platformdirs
from report import Figure

ROOT = Path(__file__).resolve().parents[1]


class Kept:
    """Measurements in a file, until all of a run are there.

    They count only for the same settings and the same code: after a change of either all is measured again.

    Args:
        folder: where the file lies.
        name: of the benchmark.
        settings: what the measurements depend on.
    """

    def __init__(self, folder: Path, name: str, settings: Mapping[str, object]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / f"{name}-so-far.json"
        self._of = {"settings": {key: str(value) for key, value in settings.items()}, "code": code_in_force()}
        before = json.loads(self._file.read_text()) if self._file.exists() else {}
        self._measured: dict[str, Any] = before["measured"] if before.get("of") == self._of else {}

    def __contains__(self, what: str) -> bool:
        return what in self._measured

    def measured(self, what: str, measure: Callable[[], Any]) -> Any:
        """What ``measure`` gives, or gave before: anything that JSON can hold."""
        if what not in self._measured:
            self._measured[what] = measure()
            unfinished = self._file.with_suffix(".part")
            document = {"of": self._of, "measured": self._measured}
            unfinished.write_text(json.dumps(document, default=lambda value: value.item()))
            unfinished.replace(self._file)
        return self._measured[what]

    def figures(self, what: str, measure: Callable[[], Sequence[Figure]]) -> Iterator[Figure]:
        """The figures that ``measure`` gives, or gave before."""
        for kept in self.measured(what, lambda: [asdict(figure) for figure in measure()]):
            yield Figure(**kept)

    def forget(self) -> None:
        """All was measured and reported: the next run begins anew."""
        self._file.unlink(missing_ok=True)


def code_in_force() -> str:
    """A checksum of the program that is measured, and of what measures it."""
    digest = hashlib.sha256()
    for folder in ("framework", "plugins", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def kept_in(folder: str) -> Path:
    """The folder that was named; without a name one in the user's cache."""
    found = Path(folder) if folder else Path(platformdirs.user_cache_dir("seealso")) / "benchmarks"
    found.mkdir(parents=True, exist_ok=True)
    return found

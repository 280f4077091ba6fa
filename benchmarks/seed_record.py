"""What the folder of the seed's experiment says of itself: what is measured there, what it took so far, and what was found."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import seealso

FILE = "experiment.json"
COLLECTION = "seed.seealso"
GENERATION, TRUTH, TAKING_IN, QUERIES = "generation", "truth", "taking in", "queries"
"""Stages. Taking in includes index and sketch, which follow."""


@dataclass
class Record:
    """The record of one experiment. It names no place, so the folder may be moved.

    Attributes:
        dim: values of a descriptor.
        latent: dimensions of the space that they come from.
        queries: that are held out.
        codec: by which the store writes.
        rows: so many of those that were imported are counted in the seconds; what a killed run did last is not.
        seconds: what each stage took.
        peaks: bytes of memory that the processes of a stage held at their peak.
        answers: by the number of descriptors: what was found when they were asked.
    """

    dim: int
    latent: int
    queries: int
    codec: str
    rows: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> Self | None:
        """That of a folder; None where none was begun there.

        Raises:
            SystemExit: it cannot be read.
        """
        file = folder / FILE
        if not file.exists():
            if (folder / COLLECTION).exists():
                raise SystemExit(f"{folder}: there is {COLLECTION}, and no {FILE}; name another folder: --folder DIR")
            return None
        try:
            return cls(**json.loads(file.read_text()))
        except (ValueError, TypeError) as error:
            raise SystemExit(f"{file}: it cannot be read ({error}); name another folder: --folder DIR") from None

    def require(self, folder: Path, **wanted: object) -> None:
        """Refuse to go on with another experiment than was begun.

        Args:
            folder: where it was begun.
            wanted: what the options say, by the names of the attributes.

        Raises:
            SystemExit: names the option that differs.
        """
        for name, value in wanted.items():
            if getattr(self, name) != value:
                raise SystemExit(
                    f"{folder}: an experiment with --{name} {getattr(self, name)} was begun there; "
                    f"say that, or name another folder for --{name} {value}"
                )

    def spend(self, stage: str, seconds: float) -> None:
        """A stage took so long."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def held(self, stage: str, peak: int) -> None:
        """A process of a stage held so many bytes at its peak."""
        self.peaks[stage] = max(peak, self.peaks.get(stage, 0))

    def save(self, folder: Path) -> None:
        """Write it, in one replacement."""
        seealso.write_atomically(folder / FILE, (json.dumps(asdict(self), indent=1) + "\n").encode())

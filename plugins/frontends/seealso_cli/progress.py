"""How far long work has come: a bar on a terminal, elsewhere a line every few seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from seealso_cli.output import count, note

if TYPE_CHECKING:
    from seealso import Progress

SECONDS_BETWEEN_LINES = 3.0


@contextmanager
def showing_progress() -> Iterator[Callable[[Progress], None]]:
    """Gives the function to tell the progress to."""
    if sys.stderr.isatty():
        with _bar() as tell:
            yield tell
    else:
        yield _lines()


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    from tqdm import tqdm

    with tqdm(desc="Indexing", unit="file", leave=False, dynamic_ncols=True) as bar:

        def tell(progress: Progress) -> None:
            bar.total = progress.total
            if progress.failed:
                bar.set_postfix_str(f"{progress.failed} failed", refresh=False)
            bar.update(progress.done - bar.n)

        yield tell


@contextmanager
def showing_share(verb: str, what: str) -> Iterator[Callable[[int, int], None]]:
    """Gives the function to tell how many are done, and of how many."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(desc=verb, unit=what, leave=False, dynamic_ncols=True) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield show
        return
    last = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            note(f"{done:,} of {count(total, what)}")

    yield tell


def _lines() -> Callable[[Progress], None]:
    last = time.monotonic()

    def tell(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < SECONDS_BETWEEN_LINES:
            return
        last = now
        of = f" of {progress.total:,}" if progress.total else ""
        left = ""
        if progress.total and progress.done:
            left = f", {_duration((progress.total - progress.done) * progress.seconds / progress.done)} left"
        failed = f", {progress.failed:,} failed" if progress.failed else ""
        note(
            f"{progress.done:,}{of} files, {count(progress.extracted, 'image')} extracted, "
            f"{_rate(progress):.0f} files/s{left}{failed}"
        )

    return tell


def _rate(progress: Progress) -> float:
    return progress.done / progress.seconds if progress.seconds else 0.0


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"

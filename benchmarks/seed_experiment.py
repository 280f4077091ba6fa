"""The experiment of Novak, Batko and Zezula (SIGIR 2015) again, with a sketch, at any size up to its own: recall by reads, warm and cold.

    python benchmarks/seed_experiment.py --size 20000000 --folder DIR [--dim 4096] [--latent 40] [--queries 200] [--codec NAME]
                                         [--page FILE] [--quick] [--json FILE]

Descriptors are shaped like DeCAF7 (activations.py): 4,096 rectified float32 values, seven tenths of them zero. They are made a few at a time,
compared with the queries while they pass, and imported into flat-file, the cells of ppp-codes and a sketch of 40 bytes; as float32 they never lie on
the disk. The queries are held out. Their true neighbours are those of the float32 values, whatever the store's codec keeps.

First it says what it will take, and chooses the most exact codec with which all finds room on the disk; what does not fit is refused, with the
size that would. It may be ended at any moment, and killed: the same command goes on, also after the folder was moved. With a larger ``--size`` a
finished one grows, and the page shows the time of a query by size. The report comes when all is there.

Taking in may allocate 4 GB, answering 1 GB; each is done in a process of its own, so that its memory is its own. *Warm* is a query whose
descriptors were read just before. *Cold* is one when nothing of the store lies in the system's cache, which is verified: the system says so before
(mincore), and how much was read from the disk after. Index and sketch are in memory then, as they are in any program that goes on answering.
"""

import errno
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from activations import DIM, LATENT, Activations
from alone import alone
from asking import tell
from report import arguments, report
from seed_answers import answers
from seed_figures import GOALS, figures_of
from seed_fill import fill
from seed_page import page, require_plots
from seed_plan import planned
from seed_record import QUERIES, Record

import seealso

SIZE = 1_000_000
HELD_OUT = 200
AGAIN = "run the same command again, and it goes on where it was"
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def stage(what: str, folder: Path) -> Iterator[None]:
    """A stage of the experiment; what ends it is one line.

    Raises:
        SystemExit: says what ended it, and what to do.
    """
    tell(what)
    try:
        yield
    except seealso.SeealsoError as error:
        raise SystemExit(f"{what}: {error}") from None
    except OSError as error:
        reason = "the disk is full; make room" if error.errno in FULL else f"{error}"
        raise SystemExit(f"{what}: {folder}: {reason}; {AGAIN}") from None
    except MemoryError:
        raise SystemExit(f"{what}: it needs more memory than it may allocate; {AGAIN}") from None
    except BrokenProcessPool:
        raise SystemExit(f"{what}: its process was killed; {AGAIN}") from None
    except KeyboardInterrupt:
        raise SystemExit(f"{what}: interrupted; {AGAIN}") from None


def begun(folder: Path, size: int, dim: int, latent: int, queries: int, codec: str) -> Record:
    """The record of the experiment in a folder, which is begun there where there is none; what it will take is said before.

    Raises:
        SystemExit: it does not fit, or another one was begun there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = Record.of(folder)
    if record is not None:
        record.require(folder, dim=dim, latent=latent, queries=queries, **({"codec": codec} if codec else {}))
    need = planned(folder, Activations(dim, latent), record, size, queries, codec)
    if record is None:
        record = Record(dim, latent, queries, need.codec)
        record.save(folder)
    return record


def asked(folder: Path, size: int) -> Record:
    """Ask for the neighbours, and keep what was found in the record, which is returned."""
    started = time.perf_counter()
    found = alone(answers, folder, size)
    record = Record.of(folder)
    assert record is not None
    record.answers[str(size)] = found
    record.seconds[QUERIES] = time.perf_counter() - started
    record.save(folder)
    return record


def main() -> None:
    """Measure and report."""
    options = arguments(
        __doc__ or "", size=SIZE, dim=DIM, latent=LATENT, queries=HELD_OUT, codec="", folder="", page=""
    )
    size, dim, queries = (3000, 256, 20) if options.quick else (options.size, options.dim, options.queries)
    if options.page:
        require_plots()
    folder = Path(options.folder or tempfile.mkdtemp())
    try:
        with stage("planning", folder):
            begun(folder, size, dim, options.latent, queries, options.codec)
        with stage("taking in", folder):
            alone(fill, folder, size)
        with stage("asking", folder):
            record = asked(folder, size)
        found = record.answers[str(size)]
        figures = list(figures_of(folder, record, found))
        whole = size >= min(GOALS) and dim >= DIM and options.latent == LATENT
        report(f"The seed's experiment, {size:,} descriptors", figures, options, whole=whole)
        if options.page:
            with stage("the page", folder):
                Path(options.page).write_text(page(record, found, figures))
    finally:
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

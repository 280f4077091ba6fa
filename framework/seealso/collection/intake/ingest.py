"""The way in: scan → read and prepare (worker threads) → extract in batches → commit → index.

Queues are bounded everywhere, so memory does not grow with the folder. Files are handled in the order of the scan, so
the same folder gives the same IDs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from seealso.catalogue.reader import Catalog
from seealso.catalogue.rows import Failure, FileState, Location, ObjectRow
from seealso.catalogue.writer import CatalogWriter, IdReserve
from seealso.collection.derived.keeper import Keeper
from seealso.collection.intake.bounded import Pending, in_order
from seealso.collection.intake.forgetting import StayingOut
from seealso.collection.intake.keywords import Annotator
from seealso.collection.intake.reading import FileReader, PreparedImage, ReadFile
from seealso.collection.intake.scan import Scan, ScannedFile, ScanProblem
from seealso.collection.intake.seen import Seen
from seealso.errors import PluginError
from seealso.images.decoding import DecodedImage
from seealso.images.ways import Way
from seealso.interfaces.extractor import Extractor
from seealso.interfaces.image_limits import ImageLimits
from seealso.interfaces.store import ObjectStore
from seealso.interfaces.text import TextIndex
from seealso.paths import shown_path
from seealso.registry.registry import Plugins

LOOKUP_PAGE = 500  # files looked up in the catalogue at once
COMMIT_PLACES = 1000  # locations and failures in a batch, at most
SHOWN_PROBLEMS = 20  # of words that could not be read; the others are counted
BATCHES_WAITING = 2  # extracted batches that may wait for their commit


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest has come.

    Attributes:
        done: files looked at.
        total: files there are; None while they are still being counted. They are counted when the first of them has to be read: until
            then all goes so fast that to list them twice would take longer.
        extracted: images whose descriptors were extracted.
        failed: files that failed.
        seconds: since the start.
    """

    done: int
    total: int | None
    extracted: int
    failed: int
    seconds: float


@dataclass(frozen=True, slots=True)
class IngestedBatch:
    """New objects that were just committed to a collection (the hook ``ingested``).

    Attributes:
        ids: int64 ``(n,)``.
        descriptors: ``(n, dim)``.
        paths: one path for each object.
        change: the number of the change.
    """

    ids: np.ndarray
    descriptors: np.ndarray
    paths: tuple[bytes, ...]
    change: int


@dataclass(slots=True)
class IngestReport:
    """What an ingest did.

    Attributes:
        files: files looked at.
        unchanged: files that hold what they held before.
        added: new objects.
        damaged: those of them whose picture is damaged in part.
        located: files in another place than before whose content was known: moved or copied.
        failed: files that failed, this time.
        known_failures: files that failed before, and still do.
        forgotten: files whose content was forgotten, and stays out.
        removed: objects that are gone.
        locations_removed: paths that are gone.
        excluded: paths that the rules of the scan leave out, dropped as well.
        left_out: folders, and files with an image's suffix, that patterns of the rules left out.
        annotated: files of known content whose words are others than before.
        warnings: what was not done, and why; one line each.
        unusable: what is wrong with paths that were given themselves; one line each.
        seconds: how long it took.
        device: where the extractor ran, as it says itself; empty where it says nothing, or nothing was extracted.
    """

    files: int = 0
    unchanged: int = 0
    added: int = 0
    damaged: int = 0
    located: int = 0
    failed: int = 0
    known_failures: int = 0
    forgotten: int = 0
    removed: int = 0
    locations_removed: int = 0
    excluded: int = 0
    left_out: int = 0
    annotated: int = 0
    warnings: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    seconds: float = 0.0
    device: str = ""

    @property
    def changed(self) -> bool:
        """Whether the collection is another than before."""
        dropped = self.removed or self.locations_removed or self.excluded
        return bool(self.added or self.located or self.failed or dropped or self.annotated)


@dataclass(slots=True)
class Batch:
    """What is extracted and committed together."""

    images: list[PreparedImage] = field(default_factory=list)
    files: list[ReadFile] = field(default_factory=list)
    descriptors: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class IngestParts:
    """What an ingest works with."""

    collection: str
    catalog: Catalog
    writer: CatalogWriter
    store: ObjectStore
    committed: Callable[[int, np.ndarray, np.ndarray], None]
    extractor: Extractor
    extract: Callable[[np.ndarray], np.ndarray]
    annotator: Annotator
    text: Keeper[TextIndex] | None
    limits: ImageLimits
    way: Way
    plugins: Plugins
    threads: int
    tell_decoded: Callable[[bytes, bytes, DecodedImage], None]
    staying_out: StayingOut


class Ingest:
    """One run of the way in.

    Args:
        parts: what it works with.
        scan: the files.
        seen: is told which these are.
        progress: told how far it is, after every file; called from the thread that runs it.
        retry: also read files that failed before and are unchanged.
    """

    def __init__(
        self, parts: IngestParts, scan: Scan, seen: Seen, progress: Callable[[Progress], None], *, retry: bool = False
    ) -> None:
        self.parts = parts
        self.report = IngestReport()
        self.problem_paths: set[bytes] = set()
        self._scan = scan
        self._seen = seen
        self._progress = progress
        self._retry = retry
        self._total: int | None = None
        self._counting = threading.Thread(target=self._count, daemon=True)
        self._started = time.monotonic()
        self._given = set(scan.paths)
        # Contents on their way to the catalogue: between a batch's being begun and its commit.
        self._in_flight: set[bytes] = set()
        self._broken: dict[bytes, str] = {}
        self._ids = IdReserve(parts.writer)
        self._problems = 0
        self._shown_problems: list[str] = []

    def run(self) -> IngestReport:
        """Take in what is new. Whatever ends it early, what was committed stays.

        Raises:
            PluginError: the extractor fails on everything.
            DiskFull: no space is left.
        """
        reader = FileReader(
            self.parts.extractor,
            self.parts.limits,
            self.parts.way,
            self._is_known,
            self.parts.annotator,
            self.parts.tell_decoded,
            self.parts.staying_out.holds,
        )
        workers = ThreadPoolExecutor(self.parts.threads, thread_name_prefix="read")
        committer = ThreadPoolExecutor(1, thread_name_prefix="commit")
        try:
            window = 2 * self.parts.threads + self.parts.extractor.batch_size
            commits = Pending(BATCHES_WAITING)
            begun = (
                self._begun(workers, reader, file) if isinstance(file, ScannedFile) else file
                for file in self._changed_files()
            )
            for batch in self._batches(in_order(begun, window)):
                self._extract(batch)
                commits.add(committer.submit(self._commit, batch))
            commits.wait()
            self._ids.give_back()
        finally:
            # Without this, an interrupted run would first read every file that waits.
            workers.shutdown(cancel_futures=True)
            committer.shutdown(cancel_futures=True)
            told = self.parts.annotator.end()
        if self._counting.ident is not None:
            self._counting.join()
        self._tell_problems()
        self.report.left_out = self._scan.left_out
        self.report.warnings += told
        self.report.seconds = time.monotonic() - self._started
        if self.report.added:
            self.report.device = str(self.parts.extractor.device)
        return self.report

    def _begun(self, workers: ThreadPoolExecutor, reader: FileReader, file: ScannedFile) -> Future[ReadFile]:
        if self._counting.ident is None:
            self._counting.start()
        return workers.submit(reader, file)

    def _count(self) -> None:
        self._total = Scan(self._scan.paths, self._scan.rules, self._scan.skip).count()

    def _is_known(self, digest: bytes) -> bool:
        return digest in self._in_flight or self.parts.catalog.id_of_hash(digest) is not None

    def _changed_files(self) -> Iterator[ScannedFile | ReadFile]:
        """The files to read; and the failures of those that cannot even be looked at."""
        found = iter(self._scan)
        while page := list(islice(found, LOOKUP_PAGE)):
            known = self.parts.catalog.states([file.path for file in page])
            annotated = self.parts.catalog.annotation_states([file.path for file in page])
            failed = self.parts.catalog.failure_reasons([file.path for file in page])
            forgotten = self.parts.staying_out.states([file.path for file in page])
            for file in page:
                if isinstance(file, ScannedFile):
                    self._seen.add(file.path)
                if isinstance(file, ScanProblem):
                    self.problem_paths.add(file.path)
                    yield ReadFile(file.path, FileState(b"", 0), failure=file.reason, reached=False)
                elif (file.path, file.state.signature) in forgotten:
                    self.report.files += 1
                    self.report.forgotten += 1
                    self._tell()
                elif (
                    (self._retry and file.path in failed)
                    or known.get(file.path) != file.state.signature
                    # Read again for its words, but not extracted: its content is known.
                    or (file.path in annotated and annotated[file.path] != self.parts.annotator.state(file.path))
                ):
                    yield file
                else:
                    self.report.files += 1
                    if file.path in failed:
                        self.report.known_failures += 1
                        self._note_unusable(file.path, failed[file.path])
                    else:
                        self.report.unchanged += 1
                    self._tell()

    def _batches(self, files: Iterable[ReadFile]) -> Iterator[Batch]:
        batch = Batch()
        for file in files:
            if file.vanished:
                self._seen.discard(file.path)
                continue
            self._take(file, batch)
            if len(batch.images) >= self.parts.extractor.batch_size or len(batch.files) >= COMMIT_PLACES:
                yield batch
                batch = Batch()
        if batch.files:
            yield batch

    def _take(self, file: ReadFile, batch: Batch) -> None:
        self.report.files += 1
        if file.image is not None and not self._is_known(file.digest):
            self._in_flight.add(file.digest)
            batch.images.append(file.image)
        batch.files.append(replace(file, image=None))
        self._problems += len(file.problems)
        self._shown_problems += file.problems[: SHOWN_PROBLEMS - len(self._shown_problems)]
        self._tell()

    def _tell_problems(self) -> None:
        self.report.warnings += self._shown_problems
        if self._problems > len(self._shown_problems):
            more = self._problems - len(self._shown_problems)
            self.report.warnings.append(f"… and {more:,} more whose words could not be read")

    def _tell(self) -> None:
        report = self.report
        seconds = time.monotonic() - self._started
        self._progress(Progress(report.files, self._total, report.added, report.failed, seconds))

    def _note_unusable(self, path: bytes, reason: str) -> None:
        if path in self._given:
            self.report.unusable.append(f"{shown_path(path)}: {reason}")

    # Extraction

    def _extract(self, batch: Batch) -> None:
        """Extract a batch; where that fails, image by image, so that one bad image does not take others along."""
        provenance = self.parts.extractor.provenance
        if not batch.images:
            batch.descriptors = np.empty((0, provenance.dim), provenance.dtype)
            return
        try:
            batch.descriptors = self._extract_arrays(batch.images)
        except PluginError:
            raise
        except Exception as error:
            failed_together = len(batch.images)
            self._extract_singly(batch)
            if not batch.images and failed_together > 1 and not self.report.added:
                raise PluginError(
                    f"the extractor {provenance.plugin} failed on every image so far, and nothing was taken in: "
                    f"{type(error).__name__}: {' '.join(str(error).split())}"
                ) from error

    def _extract_singly(self, batch: Batch) -> None:
        """Keep in the batch what can be extracted alone."""
        provenance = self.parts.extractor.provenance
        good: list[PreparedImage] = []
        rows = [np.empty((0, provenance.dim), provenance.dtype)]
        for image in batch.images:
            try:
                rows.append(self._extract_arrays([image]))
                good.append(image)
            except Exception as error:
                self._broken[image.digest] = f"extractor {provenance.plugin}: {' '.join(str(error).split())}"
        batch.images, batch.descriptors = good, np.concatenate(rows)

    def _extract_arrays(self, images: Sequence[PreparedImage]) -> np.ndarray:
        """Extract, and hold the extractor to its contract."""
        extractor = self.parts.extractor
        shapes = {image.array.shape for image in images}
        if len(shapes) > 1:
            raise PluginError(f"{extractor.name}.prepare returned arrays of several shapes: {sorted(shapes)[:3]}")
        descriptors = self.parts.extract(np.stack([image.array for image in images]))
        if descriptors.dtype.kind == "f" and not np.isfinite(descriptors).all():
            raise ValueError("it gave values that are not finite numbers")
        return descriptors

    # Commit; in a thread of its own

    def _commit(self, batch: Batch) -> None:
        assert batch.descriptors is not None
        ids = self._ids.take(len(batch.images))
        objects = [
            ObjectRow(int(id_), image.digest, image.width, image.height, image.bytes, image.damage)
            for id_, image in zip(ids, batch.images, strict=True)
        ]
        if objects:
            self.parts.store.put_many(ids, batch.descriptors)
            self.parts.store.flush()
        files = self.parts.staying_out.settle(batch.files)
        self.report.forgotten += len(batch.files) - len(files)
        locations, failures = self._sort_out(files, {row.hash: row.id for row in objects})
        self._count_commit(objects, locations, failures)
        before = self.parts.writer.change()
        change = self.parts.writer.commit(objects, locations, failures)
        self._in_flight -= {row.hash for row in objects}
        if change > before:
            self.parts.committed(change, ids, batch.descriptors)
            if self.parts.text is not None:
                self.parts.text.committed(self.parts.catalog, change)
        if objects:
            first_path = {location.object: location.path for location in reversed(locations)}
            paths = tuple(first_path[row.id] for row in objects)
            new = IngestedBatch(ids, batch.descriptors, paths, change)
            self.parts.plugins.observe("ingested", collection=self.parts.collection, batch=new)

    def _count_commit(
        self, objects: Sequence[ObjectRow], locations: Sequence[Location], failures: Sequence[Failure]
    ) -> None:
        """Count what a commit will change, against what the catalogue holds before it."""
        before = self.parts.writer.objects_at([location.path for location in locations])
        same = [location for location in locations if before.get(location.path) == location.object]
        annotated = self.parts.writer.annotation_states([location.path for location in same])
        reannotated = sum(
            location.annotation is not None and annotated[location.path] != location.annotation.state
            for location in same
        )
        reasons = self.parts.writer.failure_reasons([failure.path for failure in failures])
        known = sum(reasons.get(failure.path) == failure.reason for failure in failures)
        self.report.added += len(objects)
        self.report.damaged += sum(row.damage is not None for row in objects)
        self.report.located += len(locations) - len(objects) - len(same)
        self.report.annotated += reannotated
        self.report.unchanged += len(same) - reannotated
        self.report.failed += len(failures) - known
        self.report.known_failures += known

    def _sort_out(self, files: Sequence[ReadFile], new: dict[bytes, int]) -> tuple[list[Location], list[Failure]]:
        """The locations and the failures of a batch. Every object that they refer to is in the catalogue, or in ``new``."""
        locations, failures = [], []
        for file in files:
            reason = file.failure or self._broken.get(file.digest, "")
            id_ = None if reason else new.get(file.digest) or self.parts.writer.id_of_hash(file.digest)
            if id_ is not None:
                locations.append(Location(file.path, id_, file.state, file.annotation))
            else:
                state = FileState(b"", 0) if file.digest in self._broken else file.state
                failures.append(Failure(file.path, reason, state, time.time(), file.reached))
                self._note_unusable(file.path, reason)
        return locations, failures

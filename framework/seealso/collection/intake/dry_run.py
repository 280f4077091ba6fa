"""What indexing would do, found out without writing anything."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from seealso.catalogue.forgotten import forgotten_hashes, forgotten_states
from seealso.catalogue.reader import Catalog
from seealso.collection.intake.bounded import in_order
from seealso.collection.intake.ingest import LOOKUP_PAGE, Progress
from seealso.collection.intake.prune import prune, refuse_most
from seealso.collection.intake.reading import read_file
from seealso.collection.intake.scan import Scan, ScannedFile, ScanProblem, is_absent, scan_of
from seealso.collection.intake.seen import Seen
from seealso.collection.intake.sieve import Sieve
from seealso.collection.parts.advice import line_on_defaults
from seealso.collection.parts.resolved import Parts
from seealso.collection.parts.scan_rules import GivenRules, RulesInForce, rules_with
from seealso.errors import ImageTooLarge
from seealso.interfaces.image_limits import ImageLimits
from seealso.paths import shown_path


@dataclass(slots=True)
class DryRun:
    """What `Collection.index` would do. Whether a file is an image that can be used, only indexing finds out.

    Attributes:
        files: files looked at.
        new: images of a content that the collection does not hold, at places where it knows nothing.
        changed: files at known places that hold another content by now.
        moved: files at new places whose content is known: moved or copied.
        unchanged: files that hold what they held before.
        gone: places whose files are gone, which would be dropped.
        excluded: places that the rules of the scan leave out by now, which would be dropped.
        forgotten: files whose content was forgotten, and stays out.
        failed: files that cannot be read, or failed before and are the same still.
        left_out: folders, and files with an image's suffix, that patterns of the rules leave out.
        warnings: what would not be done, and why; one line each.
        unusable: what is wrong with paths that were given themselves; one line each.
        seconds: how long it took to find out.
    """

    files: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0
    unchanged: int = 0
    gone: int = 0
    excluded: int = 0
    forgotten: int = 0
    failed: int = 0
    left_out: int = 0
    warnings: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    seconds: float = 0.0


def dry_run(
    parts: Parts,
    catalog: Catalog | None,
    given: Sequence[bytes],
    rules: GivenRules,
    force: bool | None,
    progress: Callable[[Progress], None],
    *,
    again: bool,
) -> DryRun:
    """Find out what indexing would do; nothing is written. New files, and changed ones, are read, but not decoded.

    Args:
        parts: the collection's.
        catalog: its catalogue; None: it has not been made yet.
        given: absolute paths.
        rules: rules that would be given.
        force: whether what is gone or left out would be dropped: False never, True always, None when that is surely meant.
        progress: told how far it is, after every file.
        again: whether what was forgotten would be taken in.

    Raises:
        CollectionError, ConfigError: the rules would be refused.
    """
    kept, wanted, in_force = rules_with(rules, catalog, parts.scan)
    if catalog is not None and wanted != kept and force is None:
        refuse_most(catalog, given, Sieve(in_force.rules))
    settings = parts.config.collections[parts.name]
    directory = os.fsencode(settings.path) if catalog is not None else None
    missing = dict.fromkeys(path for path in given if is_absent(path))
    scan = scan_of([path for path in given if path not in missing], in_force, directory)
    rehearsal = _Rehearsal(catalog, scan, settings.images, again=again, progress=progress)
    run = rehearsal.go(parts.threads)
    if scan.noted:
        run.warnings.append(line_on_defaults(parts, scan.noted))
    for path in missing:
        if force and catalog is not None and any(True for _ in catalog.locations_below(path)):
            run.warnings.append(f"{shown_path(path)}: it is not there; what was found there before would be dropped")
        else:
            run.unusable.append(f"{shown_path(path)}: there is no such file or folder")
    if force is not False and catalog is not None:
        rehearsal.prune(given, in_force, force=bool(force))
    run.seconds = time.monotonic() - rehearsal.started
    return run


@dataclass(frozen=True, slots=True)
class _InDoubt:
    """A file whose content has to be looked at, and the ID of the object that was found at its path, if there is one."""

    path: bytes
    object: int | None


_Read = tuple[_InDoubt, bytes | str]
"""A file, and the SHA-256 of its content; or why it cannot be read."""


class _Rehearsal:
    """Goes through the files as an ingest does, and counts what that would do.

    Args:
        catalog: the collection's; None: it has not been made yet.
        scan: the files.
        limits: on them.
        again: whether what was forgotten would be taken in.
        progress: told how far it is, after every file.
    """

    def __init__(
        self,
        catalog: Catalog | None,
        scan: Scan,
        limits: ImageLimits,
        *,
        again: bool,
        progress: Callable[[Progress], None],
    ) -> None:
        self.started = time.monotonic()
        self._catalog = catalog
        self._scan = scan
        self._limits = limits
        self._again = again
        self._progress = progress
        self._given = set(scan.paths)
        self._seen = Seen()
        self._fresh: set[bytes] = set()
        self._run = DryRun()

    def go(self, threads: int) -> DryRun:
        """Count the files.

        Args:
            threads: in which they are read.
        """
        workers = ThreadPoolExecutor(threads, thread_name_prefix="read")
        try:
            begun: Iterator[Future[_Read] | _Read] = (workers.submit(self._read, file) for file in self._in_doubt())
            for file, found in in_order(begun, 2 * threads):
                self._count(file, found)
                self._tell()
        finally:
            workers.shutdown(cancel_futures=True)
        self._run.left_out = self._scan.left_out
        return self._run

    def prune(self, given: Sequence[bytes], rules: RulesInForce, *, force: bool) -> None:
        """Count what would be dropped."""
        assert self._catalog is not None
        sieve = Sieve(rules.rules) if rules.settled else None
        pruned = prune(self._catalog, given, self._seen, lambda paths: None, force=force, sieve=sieve)
        self._run.gone, self._run.excluded = pruned.locations, pruned.excluded
        self._run.warnings += pruned.warnings

    def _in_doubt(self) -> Iterator[_InDoubt]:
        """The files that have to be read; the others are counted."""
        catalog, run = self._catalog, self._run
        found = iter(self._scan)
        while page := list(islice(found, LOOKUP_PAGE)):
            paths = [file.path for file in page]
            states = catalog.states(paths) if catalog else {}
            failures = catalog.failure_reasons(paths) if catalog else {}
            objects = catalog.objects_at(paths) if catalog else {}
            forgotten = forgotten_states(catalog, paths) if catalog and not self._again else set()
            for file in page:
                if isinstance(file, ScannedFile):
                    self._seen.add(file.path)
                if isinstance(file, ScanProblem):
                    self._note_failure(file.path, file.reason)
                elif (file.path, file.state.signature) in forgotten:
                    run.forgotten += 1
                elif states.get(file.path) != file.state.signature:
                    yield _InDoubt(file.path, objects.get(file.path))
                    continue
                elif file.path in failures:
                    self._note_failure(file.path, failures[file.path])
                else:
                    run.unchanged += 1
                run.files += 1
                self._tell()

    def _note_failure(self, path: bytes, reason: str) -> None:
        self._run.failed += 1
        if path in self._given:
            self._run.unusable.append(f"{shown_path(path)}: {reason}")

    def _read(self, file: _InDoubt) -> _Read:
        """The SHA-256 of a file; or why it cannot be read, which is nothing where it is there no more."""
        try:
            data, _ = read_file(file.path, self._limits)
        except ImageTooLarge as error:
            return file, str(error)
        except OSError as error:
            return file, "" if is_absent(file.path) else f"cannot be read: {os.strerror(error.errno or 0)}"
        return file, hashlib.sha256(data).digest()

    def _count(self, file: _InDoubt, found: bytes | str) -> None:
        """Count a file by its content."""
        catalog, run = self._catalog, self._run
        if not found:
            self._seen.discard(file.path)
            return
        run.files += 1
        if isinstance(found, str):
            self._note_failure(file.path, found)
            return
        id_ = catalog.id_of_hash(found) if catalog else None
        known = id_ is not None or found in self._fresh
        if catalog and not self._again and forgotten_hashes(catalog, [found]):
            run.forgotten += 1
            return
        if id_ is None:
            self._fresh.add(found)
        if file.object is not None and id_ == file.object:
            run.unchanged += 1
        elif file.object is not None:
            run.changed += 1
        elif known:
            run.moved += 1
        else:
            run.new += 1

    def _tell(self) -> None:
        run = self._run
        self._progress(Progress(run.files, None, 0, run.failed, time.monotonic() - self.started))

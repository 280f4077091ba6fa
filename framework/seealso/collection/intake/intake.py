"""What a writer does to a collection: it indexes what it finds, and drops what is gone."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from seealso.catalogue.forgotten import forget
from seealso.catalogue.reader import pages_of
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.intake.forgetting import ForgetReport, StayingOut, meant
from seealso.collection.intake.ingest import Ingest, IngestParts, IngestReport, Progress
from seealso.collection.intake.keywords import Annotator
from seealso.collection.intake.prune import LeftOut, prune, prune_failures, refuse_most
from seealso.collection.intake.scan import Scan, is_absent, scan_of
from seealso.collection.intake.seen import Seen
from seealso.collection.intake.sieve import Sieve
from seealso.collection.parts.advice import line_on_defaults
from seealso.collection.parts.opened import Opened
from seealso.collection.parts.recorded import recorded_sources
from seealso.collection.parts.resolved import Parts
from seealso.collection.parts.scan_rules import GivenRules, RulesInForce, rules_record, rules_with
from seealso.images.decoding import DecodedImage
from seealso.interfaces.observed import Observed
from seealso.paths import shown_path
from seealso.registry.registry import Plugins


@dataclass(frozen=True, slots=True)
class Intake:
    """The way in, for as long as a writer holds the lock.

    Attributes:
        name: the collection's.
        of: the collection, as observers see it.
        parts: the plugins in force.
        plugins: told of what happens.
        opened: what is open.
        writer: of its catalogue.
    """

    name: str
    of: Observed
    parts: Parts
    plugins: Plugins
    opened: Opened
    writer: CatalogWriter

    def adopt(self, given: GivenRules, paths: Sequence[bytes], force: bool | None) -> RulesInForce:
        """The rules in force, from now on with those that are given.

        Args:
            given: rules beside those that there are.
            paths: absolute paths that are about to be looked through.
            force: as for `index`.

        Raises:
            CollectionError: they leave out more than half of what was found below a path, and nothing is forced; nothing has changed.
            ConfigError: the configuration says otherwise.
        """
        kept, wanted, rules = rules_with(given, self.writer, self.parts.scan)
        if wanted != kept:
            if force is None:
                refuse_most(self.writer, paths, Sieve(rules.rules))
            self.writer.set_meta(rules_record(wanted))
        return rules

    def index(
        self,
        given: Sequence[bytes],
        rules: RulesInForce,
        force: bool | None,
        progress: Callable[[Progress], None],
        *,
        again: bool = False,
    ) -> IngestReport:
        """Take in what is new, changed or moved below the paths given; drop what is gone, or left out.

        Args:
            given: absolute paths.
            rules: which files are taken.
            force: whether to drop what is gone or left out: False never, True always, None when that is surely meant.
            progress: told how far it is.
            again: take in what was forgotten, too.
        """
        missing = dict.fromkeys(path for path in given if is_absent(path))
        present = [path for path in given if path not in missing]
        seen = Seen()
        scan = scan_of(present, rules, os.fsencode(self.of.path))
        sieve = Sieve(rules.rules) if rules.settled else None
        report = self._ingest(scan, seen, progress, LeftOut(present, sieve), again=again)
        if scan.noted:
            report.warnings.append(line_on_defaults(self.parts, scan.noted))
        for path in missing:
            if force and any(True for _ in self.writer.locations_below(path)):
                report.warnings.append(f"{shown_path(path)}: it is not there; what was found there before is dropped")
            else:
                report.unusable.append(f"{shown_path(path)}: there is no such file or folder")
        if force is not False:
            pruned = prune(self.writer, given, seen, self.writer.remove_locations, force=bool(force), sieve=sieve)
            report.locations_removed, report.excluded = pruned.locations, pruned.excluded
            report.warnings += pruned.warnings
        report.removed = self.drop()
        return report

    def retry_failures(self, progress: Callable[[Progress], None]) -> IngestReport:
        """Try again just the files that failed, changed or not."""
        paths = [failure.path for failure in self.writer.failures()]
        _, _, rules = rules_with(GivenRules(), self.writer, self.parts.scan)
        scan = Scan([path for path in paths if not is_absent(path)], rules.rules)
        report = self._ingest(scan, Seen(), progress, LeftOut(paths, None), retry=True)
        # Nobody named these paths; what still fails is told by `failures`.
        report.unusable.clear()
        report.removed = self.drop()
        return report

    def forget(self, which: Sequence[int | bytes]) -> ForgetReport:
        """Drop images, and have their contents stay out.

        Args:
            which: IDs, and absolute paths.

        Raises:
            NoObject, FileError: one of them means nothing; nothing was forgotten.
        """
        ids, elsewhere = meant(self.writer, self.name, which)
        locations = sum(forget(self.writer, page) for page in pages_of(ids))
        self.drop()
        return ForgetReport(len(ids), locations, elsewhere)

    def drop(self) -> int:
        """Drop the objects that no file holds any more; returns how many there were."""
        removed = 0
        for ids in self.writer.remove_unplaced():
            removed += int(ids.size)
            self.opened.store.remove_many(ids)
            self.tell_removed(ids)
        self.opened.store.flush()
        return removed

    def tell_removed(self, ids: np.ndarray) -> None:
        """Tell observers that objects, int64 ``(n,)``, are gone."""
        self.plugins.observe("removed", collection=self.name, ids=ids)

    def _ingest(
        self,
        scan: Scan,
        seen: Seen,
        progress: Callable[[Progress], None],
        left_out: LeftOut,
        *,
        retry: bool = False,
        again: bool = False,
    ) -> IngestReport:
        """Take in what a scan finds, and note what that is; forget the failures below the paths given that are failures no more."""
        chosen = self.parts.chosen_sources(recorded_sources(self.writer), recorded=True)
        sources = {name: each.cls(each.options) for name, each in chosen.items()}
        annotator = Annotator(sources, {name: each.as_built() for name, each in chosen.items()})
        annotator.begin()
        opened = self.opened
        parts = IngestParts(
            collection=self.name,
            catalog=opened.catalog,
            writer=self.writer,
            store=opened.store,
            committed=opened.committed,
            extractor=self.parts.extractor,
            extract=self.parts.extract,
            annotator=annotator,
            text=opened.text,
            limits=self.parts.limits,
            way=self.parts.way,
            plugins=self.plugins,
            threads=self.parts.threads,
            tell_decoded=self._tell_decoded,
            staying_out=StayingOut(opened.catalog, self.writer, again=again),
        )
        run = Ingest(parts, scan, seen, progress, retry=retry)
        report = run.run()
        prune_failures(self.writer, run.problem_paths, left_out)
        return report

    def _tell_decoded(self, digest: bytes, data: bytes, decoded: DecodedImage) -> None:
        self.plugins.observe("decoded", collection=self.name, digest=digest, data=data, decoded=decoded, of=self.of)

"""A collection: a directory that holds a catalogue, a store and an index, and the configuration that made it."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np

from seealso.catalogue.reader import Catalog, Counts, Failure, ObjectRecord
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.intake.importing import Import, ImportReport, read_names
from seealso.collection.intake.ingest import Ingest, IngestParts, IngestReport, Progress
from seealso.collection.intake.prune import prune, prune_failures
from seealso.collection.intake.scan import Scan, ScanRules, is_absent
from seealso.collection.intake.vector_files import open_vectors
from seealso.collection.parts import resolved as parts_module
from seealso.collection.parts.creation import create, exists, explain_absence
from seealso.collection.parts.lock import write_lock
from seealso.collection.parts.opened import Opened
from seealso.collection.parts.resolved import Parts
from seealso.collection.search.examples import Region, check_query, describe_query, read_content, read_query
from seealso.collection.search.refinement import search, with_keywords
from seealso.collection.upkeep.convert import Conversion, convert, remove_other_stores
from seealso.collection.upkeep.maintain import Checkup, Upkeep, bytes_below, check, keep_up
from seealso.configuration.models import Config, validate_options
from seealso.durability import writing_in
from seealso.errors import CollectionError, ConfigError, ImageError, QueryError, SeealsoError
from seealso.images.decoding import DecodedImage, ImageLimits
from seealso.interfaces.distance import Distance
from seealso.interfaces.extractor import Provenance
from seealso.interfaces.index import IdSet
from seealso.interfaces.plugin import PluginChoice
from seealso.interfaces.query import Answer, Cost, Hit, Query
from seealso.interfaces.store import ObjectStore
from seealso.interfaces.text import Words
from seealso.interfaces.text_query import TextQuery
from seealso.paths import PathLike, absolute, shown_path
from seealso.registry.registry import Plugins


class Collection:
    """A collection of images, searched by their descriptors.

    Nothing is opened until it is needed, and a collection that does not exist is made by its first `index`. Searching
    may be done from several threads at once, and while this or another process writes; only one process writes at a
    time. Close it, or use it in a ``with`` statement.
    """

    def __init__(self, config: Config, plugins: Plugins, name: str | None = None) -> None:
        self.config = config
        self.plugins = plugins
        self.name, self.settings = config.collection(name)
        self.path = self.settings.path
        self._lock = threading.RLock()
        self._opened: Opened | None = None
        # Opened before the descriptors moved to another store; somebody may still be reading from it.
        self._left: list[Opened] = []
        self._parts: Parts | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of files, memory and devices. A closed collection opens itself anew when it is used again."""
        with self._lock:
            for opened in (*self._left, *filter(None, [self._opened])):
                opened.close()
            self._opened, self._left = None, []
            if self._parts is not None:
                if "extractor" in vars(self._parts):
                    self._parts.extractor.close()
                self._parts = None

    # Opening

    def exists(self) -> bool:
        """Whether the collection has been made."""
        return exists(self.path)

    @property
    def parts(self) -> Parts:
        """The plugins in force."""
        with self._lock:
            if self._parts is None:
                recorded: dict[str, PluginChoice] = {}
                if self.exists():
                    catalog = Catalog(self.path)
                    try:
                        recorded = parts_module.recorded_choices(catalog)
                    finally:
                        catalog.close()
                self._parts = Parts(self.config, self.name, self.plugins, recorded)
            return self._parts

    def _open(self) -> Opened:
        with self._lock:
            if self._opened is not None and self._opened.moved():
                self.parts.recorded = parts_module.recorded_choices(self._opened.catalog)
                self._left.append(self._opened)
                self._opened = None
            if self._opened is None:
                self._require()
                self._opened = Opened.open(self.path, self.parts)
            return self._opened

    def _require(self) -> None:
        if not self.exists():
            raise explain_absence(self.path)

    def _current(self) -> Opened:
        """Opened, and up to date with what any process has committed."""
        opened = self._open()
        opened.catalog.refresh()
        opened.index.catch_up(opened.catalog)
        return opened

    def _answer(self, ask: Callable[[Opened], Answer]) -> Answer:
        """Ask what is opened; again where its store was left for another one meanwhile, for then it may have been half gone."""
        started = time.perf_counter()
        while True:
            opened = self._current()
            try:
                answer = ask(opened)
            except (SeealsoError, OSError):
                if not opened.moved():
                    raise
                continue
            if not opened.moved():
                break
        answer.cost.ms.total = 1000 * (time.perf_counter() - started)
        self.plugins.observe("searched", answer=answer)
        return answer

    @contextmanager
    def _writing(self) -> Iterator[tuple[Opened, CatalogWriter]]:
        """Hold the lock, and have the collection open for writing."""
        self._require()
        with write_lock(self.path), writing_in(self.path):
            opened = self._open()
            writer = CatalogWriter(self.path)
            try:
                opened.index.catch_up(opened.catalog)
                yield opened, writer
            finally:
                writer.close()

    # The way in

    def index(
        self,
        paths: Iterable[PathLike],
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        hidden: bool = False,
        prune: bool | None = None,
        keywords: Sequence[PluginChoice] | None = None,
        progress: Callable[[Progress], None] = lambda progress: None,
    ) -> IngestReport:
        """Take in the images below ``paths``: what is new, changed or moved; and drop what is gone from disk.

        Args:
            paths: files, taken whatever their names; and folders, of which what has an image's suffix is taken. The
                collection's own directory is passed over.
            include: only files that match one of these patterns (see `ScanRules`).
            exclude: no files or folders that match one of these.
            hidden: also files and folders whose name begins with a dot.
            prune: whether to drop what is gone: False never, True always, None when it is surely gone
                (see `seealso.collection.intake.prune.prune`).
            keywords: keyword sources beside those of the configuration, from now on; None: those given before.
            progress: told how far it is, after every file.

        Raises:
            CollectionBusy: another process is writing.
            CollectionReadOnly: nothing can be written there.
            ProvenanceMismatch: the collection was made by another extractor.
            DiskFull: no space is left. What was committed stays.
        """
        given = list(dict.fromkeys(absolute(path) for path in paths))
        if self.exists() and self.provenance.plugin == "imported":
            raise CollectionError(
                f"the descriptors of the collection {self.name} were imported, so images cannot be taken in; "
                "`seealso import-descriptors` adds to it, or give the images a collection of their own"
            )
        if not self.exists():
            create(self.path, self.parts)
            self._parts = None  # what is in force now is recorded in it
        with self._writing() as (opened, writer):
            self.parts.check_provenance(opened.provenance)
            if keywords is not None:
                # Before it is kept: what does not fit is refused.
                self.parts.chosen_sources(keywords)
                writer.set_meta(parts_module.sources_record(keywords))
            missing = dict.fromkeys(path for path in given if is_absent(path))
            present = [path for path in given if path not in missing]
            scan = Scan(present, ScanRules(tuple(include), tuple(exclude), hidden), os.fsencode(self.path))
            report = self._ingest(opened, writer, scan, progress, present)
            for path in missing:
                if prune and any(True for _ in writer.locations_below(path)):
                    report.warnings.append(
                        f"{shown_path(path)}: it is not there; what was found there before is dropped"
                    )
                else:
                    report.unusable.append(f"{shown_path(path)}: there is no such file or folder")
            self._drop(opened, writer, given, prune, report)
        return report

    def retry_failures(self, progress: Callable[[Progress], None] = lambda progress: None) -> IngestReport:
        """Try again just the files that failed, changed or not."""
        with self._writing() as (opened, writer):
            self.parts.check_provenance(opened.provenance)
            paths = [failure.path for failure in writer.failures()]
            scan = Scan([path for path in paths if not is_absent(path)])
            report = self._ingest(opened, writer, scan, progress, paths, retry=True)
            # Nobody named these paths; what still fails is told by `failures`.
            report.unusable.clear()
            self._drop(opened, writer, [], False, report)
        return report

    def import_descriptors(
        self,
        file: PathLike,
        *,
        names: PathLike | None = None,
        dataset: str = "",
        dtype: str = "float32",
        made_by: str = "",
        limit: int | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> ImportReport:
        """Take in descriptors that were made elsewhere, without images: .npy, .fvecs, .bvecs, .h5 or .parquet.

        Each becomes an object at the place ``FILE#NAME``. It may be interrupted at any moment: the next time it goes on. Memory is
        bounded. A collection that does not exist is made, with the extractor ``imported``, which stands for the one that nobody has.

        Args:
            file: the file.
            names: what the descriptors are called, in their order (see `read_names`); by default by their row, from 0.
            dataset: the data set of an HDF5 file, or the column of a Parquet file.
            dtype: what the values are kept as; ``uint8`` for bits.
            made_by: what made them, in words; only such as were made by the same go together.
            limit: only so many, from the first on.
            progress: told how many were looked at, and of how many.

        Raises:
            QueryError: the file, or a row of it, cannot be used; rows before it were taken in.
            ProvenanceMismatch: the collection's descriptors are others.
            CollectionBusy: another process is writing.
        """
        path = absolute(file)
        with open_vectors(Path(os.fsdecode(path)), dataset) as vectors:
            count = vectors.count if limit is None else min(limit, vectors.count)
            named = None if names is None else read_names(Path(os.fsdecode(absolute(names))), vectors.count)
            choice = PluginChoice("imported", {"dim": vectors.dim, "dtype": dtype, "made_by": made_by})
            with self._as_imported(choice) as collection, collection._writing() as (opened, writer):
                collection.parts.check_provenance(opened.provenance)
                report = Import(opened, writer, self.plugins, self.name).run(vectors, path, named, count, progress)
                opened.index.catch_up(writer)
                opened.index.save_if_worthwhile()
        return report

    def remove(self, ids: Sequence[int] | np.ndarray) -> int:
        """Forget objects with all their places; returns how many there were. An image whose file is still there comes back, as another
        object, when its folder is indexed again.

        Raises:
            CollectionBusy: another process is writing.
            CollectionReadOnly: nothing can be written there.
        """
        report = IngestReport()
        with self._writing() as (opened, writer):
            records = writer.records([int(id_) for id_ in ids])
            writer.remove_locations([path for record in records.values() for path in record.paths])
            self._drop(opened, writer, [], False, report)
        return report.removed

    @contextmanager
    def _as_imported(self, choice: PluginChoice) -> Iterator[Collection]:
        """This collection with the extractor ``imported``, whatever the configuration says; it is made where it is missing."""
        settings = self.settings.model_copy(update={"extractor": choice})
        config = self.config.model_copy(update={"collections": {**self.config.collections, self.name: settings}})
        validate_options(self.plugins.get("extractor", choice.plugin), choice)
        with Collection(config, self.plugins, self.name) as collection:
            if not collection.exists():
                create(collection.path, collection.parts)
                collection._parts = None
                self._parts = None
            yield collection

    def _ingest(
        self,
        opened: Opened,
        writer: CatalogWriter,
        scan: Scan,
        progress: Callable[[Progress], None],
        paths: Sequence[bytes],
        *,
        retry: bool = False,
    ) -> IngestReport:
        """Take in what a scan finds, and forget the failures below ``paths`` that are failures no more."""
        describer = self.parts.describer(parts_module.recorded_sources(writer))
        describer.begin()
        with opened.text.updating(writer) as text:
            parts = IngestParts(
                self.name,
                opened.catalog,
                writer,
                opened.store,
                opened.index,
                self.parts.extractor,
                self.parts.extract,
                describer,
                text,
                self.settings.images,
                self.plugins,
                self.parts.threads,
                self._tell_decoded,
            )
            run = Ingest(parts, scan, progress, retry=retry)
            try:
                report = run.run()
            finally:
                # Whatever ended it: what was committed is found at once.
                opened.index.catch_up(writer)
        prune_failures(writer, paths, run.problem_paths)
        return report

    def _tell_decoded(self, digest: bytes, data: bytes, decoded: DecodedImage) -> None:
        self.plugins.observe("decoded", collection=self, digest=digest, data=data, decoded=decoded)

    def _drop(
        self,
        opened: Opened,
        writer: CatalogWriter,
        paths: Sequence[bytes],
        force: bool | None,
        report: IngestReport,
    ) -> None:
        """Drop what is gone from disk, and the objects that no file holds any more; bring the index up to date."""
        if force is not False:
            pruned = prune(writer, paths, force=bool(force))
            report.locations_removed = pruned.locations
            report.warnings += pruned.warnings
        for ids in writer.remove_unplaced():
            report.removed += int(ids.size)
            opened.store.remove_many(ids)
        opened.store.flush()
        opened.index.catch_up(writer)
        opened.index.save_if_worthwhile()
        opened.text.catch_up(writer)

    # The way out

    def similar(
        self,
        query: PathLike | int,
        k: int = 10,
        *,
        candidates: int | None = None,
        allowed: IdSet | None = None,
        where: str | None = None,
        others: bool = False,
    ) -> Answer:
        """The nearest neighbours of an image file, or of an object by its ID.

        A file whose content is in the collection needs no extraction.

        Args:
            query: a path, or an ID.
            k: how many.
            candidates: how many candidates to refine, at most; by default what the configuration says.
            allowed: only these objects.
            where: only objects that match this text query; as many as k of them, where there are so many.
            others: leave out the object that is the query itself.

        Raises:
            QueryError: there is no such object, or ``k`` is less than 1.
            ImageError: the file cannot be read as an image.
            ProvenanceMismatch: a descriptor would have to be extracted, by another extractor than made the collection.
        """

        def ask(opened: Opened) -> Answer:
            started = time.perf_counter()
            asked, descriptor = self._describe(opened, query)
            extracted = 1000 * (time.perf_counter() - started)
            skip = [asked.id] if others and asked.id is not None else []
            answer = self._search(opened, asked, descriptor, k, candidates, allowed, where, skip)
            answer.cost.ms.extract = extracted
            return answer

        return self._answer(ask)

    def _describe(self, opened: Opened, query: PathLike | int) -> tuple[Query, np.ndarray]:
        """What is asked, and its descriptor: from the store where it is there."""
        if isinstance(query, int):
            asked = Query(id=query, path=self._paths(opened, query)[0])
        else:
            path = absolute(query)
            # What was imported has a place, and no file.
            placed = opened.catalog.objects_at([path]) if opened.provenance.plugin == "imported" else {}
            if path in placed:
                return self._describe(opened, placed[path])
            data = read_query(path, self.settings.images)
            asked = Query(id=opened.catalog.id_of_hash(hashlib.sha256(data).digest()), path=path)
            if asked.id is None:
                self.parts.check_provenance(opened.provenance)
                try:
                    return asked, describe_query(data, self.parts, self.settings.images)
                except ImageError as error:
                    raise type(error)(f"{shown_path(path)}: {error}") from None
        return asked, opened.store.get_many(np.array([asked.id], dtype=np.int64))[0]

    def similar_to_descriptor(
        self,
        descriptor: np.ndarray,
        k: int = 10,
        *,
        candidates: int | None = None,
        allowed: IdSet | None = None,
        where: str | None = None,
    ) -> Answer:
        """The nearest neighbours of a descriptor ``(dim,)`` made by the collection's own extractor; see `similar`.

        Raises:
            QueryError: it is not of the collection's dimension and dtype, or holds values that are not finite.
        """
        asked = np.asarray(descriptor)
        return self._answer(lambda opened: self._search(opened, Query(), asked, k, candidates, allowed, where, ()))

    def _search(
        self,
        opened: Opened,
        asked: Query,
        descriptor: np.ndarray,
        k: int,
        candidates: int | None,
        allowed: IdSet | None,
        where: str | None,
        skip: Sequence[int],
    ) -> Answer:
        if k < 1:
            raise QueryError(f"k is {k}; ask for at least 1 neighbour")
        check_query(descriptor, opened.provenance)
        matched: int | None = None
        started = time.perf_counter()
        if where is not None:
            asked = replace(asked, text=where)
            matching = opened.text.matching(opened.catalog, TextQuery.parse(where))
            matched = int(matching.size)
            allowed = IdSet(matching if allowed is None else np.intersect1d(matching, allowed.ids))
        found = 1000 * (time.perf_counter() - started)
        hits, cost = search(
            opened.catalog,
            opened.store,
            opened.index.index,
            opened.distance,
            descriptor,
            k=k,
            candidates=max(k, candidates or self.settings.search.candidates),
            patience=self.settings.search.patience,
            allowed=allowed,
            skip=skip,
        )
        cost.ms.text = found if where is not None else 0.0
        return Answer(asked, hits, cost, matched)

    def text(self, query: str, k: int = 10, offset: int = 0) -> Answer:
        """The objects that match a text query, best first; `TextQuery` says what it may hold.

        Args:
            query: the query.
            k: how many.
            offset: how many of the best to leave out: the next page of an answer begins where the one before it ended.

        Raises:
            QueryError: there is nothing to look for in it, or no text index; ``k`` is less than 1, ``offset`` than 0.
        """
        if k < 1 or offset < 0:
            raise QueryError(f"k is {k} and offset is {offset}; ask for at least 1 object, from 0 on")
        parsed = TextQuery.parse(query)

        def ask(opened: Opened) -> Answer:
            started = time.perf_counter()
            hits, matched = opened.text.hits(opened.catalog, parsed, k, offset)
            cost = Cost()
            cost.ms.text = 1000 * (time.perf_counter() - started)
            return Answer(Query(text=query), hits, cost, matched)

        return self._answer(ask)

    @property
    def has_text(self) -> bool:
        """Whether there is a text index, so that `text` and ``where`` can be asked."""
        return self.parts.chosen_text() is not None

    def suggest(self, beginning: str, limit: int = 10) -> list[str]:
        """Words of the collection that begin so, the most frequent first; none where there is no text index."""
        opened = self._open()
        opened.catalog.refresh()
        return opened.text.suggest(opened.catalog, beginning, limit)

    def words(self, ids: Sequence[int]) -> dict[int, dict[str, tuple[Words, ...]]]:
        """What describes objects: ID → keyword source → words; without the objects that nothing describes."""
        return self._open().catalog.words(ids)

    def describe(
        self, data: bytes, *, region: Region | None = None, limits: ImageLimits | None = None
    ) -> tuple[np.ndarray, int | None]:
        """The descriptor ``(dim,)`` of an image file's bytes, for `similar_to_descriptor`; and the ID of the object with
        just these bytes, if there is one.

        Of an object's image as a whole the descriptor is read from the store; everything else is extracted.

        Args:
            data: the file's bytes.
            region: only this part of the image.
            limits: on the image; by default those of the configuration.

        Raises:
            ImageError: it cannot be used as an image.
            ProvenanceMismatch: another extractor made the collection.
        """
        opened = self._current()
        id_ = opened.catalog.id_of_hash(hashlib.sha256(data).digest())
        if id_ is not None and region is None:
            return opened.store.get_many(np.array([id_], dtype=np.int64))[0], id_
        self.parts.check_provenance(opened.provenance)
        return describe_query(data, self.parts, limits or self.settings.images, region), id_

    def descriptors(self, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """The descriptors ``(n, dim)`` of objects, in the order asked.

        Raises:
            MissingObject: names the IDs that are not there.
        """
        return self._open().store.get_many(np.asarray(ids, dtype=np.int64))

    @contextmanager
    def reading(self) -> Iterator[tuple[ObjectStore, Distance]]:
        """The store of all descriptors, and the distance that compares them, for who goes through all of them. Nothing is to be
        written there."""
        opened = self._current()
        yield opened.store, opened.distance

    def ids(self) -> np.ndarray:
        """The IDs of all objects, int64, ascending."""
        return self._open().catalog.ids()

    def show(self, id_: int) -> ObjectRecord:
        """One object.

        Raises:
            QueryError: there is no such object.
        """
        opened = self._open()
        self._paths(opened, id_)
        return opened.catalog.records([id_])[id_]

    def records(self, ids: Sequence[int]) -> dict[int, ObjectRecord]:
        """Those of ``ids`` that are objects."""
        return self._open().catalog.records(ids)

    def known(self, digests: Iterable[bytes]) -> set[bytes]:
        """Those of the content hashes (SHA-256 of a file, `ObjectRecord.hash`) that are of an object."""
        return self._open().catalog.known_hashes(digests)

    def read(self, id_: int) -> bytes:
        """The bytes of an object's image file, from the first of its places that still holds them.

        Nothing but the very content that was taken in is ever given, whatever lies at its places now.

        Raises:
            QueryError: there is no such object, or no place holds it any more.
        """
        return read_content(self.show(id_), self.settings.images)

    def random(self, count: int = 20, seed: int | None = None) -> tuple[Hit, ...]:
        """A random selection of objects, each at most once; the same again for the same seed."""
        if count < 1:
            raise QueryError(f"n is {count}; ask for at least 1 object")
        catalog = self._open().catalog
        chosen = [int(i) for i in catalog.random_ids(count, np.random.default_rng(seed))]
        records = catalog.records(chosen)
        hits = [Hit(i, None, records[i].paths) for i in chosen if i in records and records[i].paths]
        return tuple(with_keywords(catalog, hits))

    def _paths(self, opened: Opened, id_: int) -> tuple[bytes, ...]:
        record = opened.catalog.records([id_]).get(id_) if 0 <= id_ < 1 << 63 else None
        if record is None or not record.paths:
            raise QueryError(f"there is no object {id_} in the collection {self.name}")
        return record.paths

    # Upkeep

    def failures(self) -> Iterator[Failure]:
        """The files that could not be taken in, by path."""
        return self._open().catalog.failures()

    def counts(self) -> Counts:
        """How many objects, locations and failures there are."""
        return self._open().catalog.counts()

    @property
    def provenance(self) -> Provenance:
        """What made the descriptors."""
        return self._open().provenance

    def status(self) -> dict[str, object]:
        """What there is to say of the collection, part by part; what the plugins say of themselves included."""
        return {
            "name": self.name,
            "path": str(self.path),
            **self._current().describe(),
            "parts": self.described_parts(),
            "bytes": bytes_below(self.path),
        }

    def described_parts(self) -> dict[str, object]:
        """The plugins in force with all their options, in the form of the configuration."""
        parts: dict[str, object] = {kind: choice.as_yaml() for kind, choice in self.parts.choices().items()}
        return parts | {"keywords": [source.as_choice().as_yaml() for source in self.parts.chosen_sources().values()]}

    def verify(self) -> Checkup:
        """Check every checksum, and the parts against one another."""
        opened = self._current()
        return check(opened.catalog, opened.store, opened.index, opened.text)

    def rebuild(self) -> None:
        """Throw the indexes away and build them from the catalogue and the store."""
        with self._writing() as (opened, writer):
            opened.index.rebuild(writer)
            opened.text.catch_up(writer, anew=True)

    def maintain(self) -> Upkeep:
        """Reclaim space: descriptors that nobody sees, the store's and the catalogue's free space, old snapshots.

        Objects whose descriptor is lost or damaged are dropped, so that the next `index` takes them in anew.
        """
        with self._writing() as (opened, writer):
            before = bytes_below(self.path)
            dropped, removed = keep_up(writer, opened.store, opened.index, opened.text)
            remove_other_stores(self.path, writer)
            self.parts.plugins.observe("maintained", collection=self)
            return Upkeep(dropped, removed, before, bytes_below(self.path))

    def convert(
        self, store: PluginChoice | None = None, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Conversion | None:
        """Move the descriptors to another store, or another codec. Searches go on meanwhile.

        It may be interrupted at any moment: the collection is then as it was, and the next conversion to the same store
        goes on where this one ended.

        Args:
            store: the new store; by default the one that the configuration names.
            progress: told how many descriptors are done, and of how many.

        Returns:
            What was done; None where the collection is kept by just that store already.

        Raises:
            ConfigError: no store is named, or its options do not fit.
            CollectionBusy: another process is writing.
            CorruptRecord, MissingObject: a descriptor is lost; `maintain` lets go of its object.
            DiskFull: no space is left; nothing has changed.
        """
        self._require()
        wanted = store or self.settings.store
        if wanted is None:
            raise ConfigError("say which store, or name one in the configuration (`store:`)")
        cls = self.plugins.get("store", wanted.plugin)
        wanted = PluginChoice(cls.name, validate_options(cls, wanted, location=("store",)).model_dump(mode="json"))
        self.close()
        # What the configuration says of the store is where it is going, not where it is.
        settings = {**self.config.collections, self.name: self.settings.model_copy(update={"store": None})}
        with Collection(self.config.model_copy(update={"collections": settings}), self.plugins, self.name) as found:
            if found.parts.choices()["store"] == wanted:
                return None
            with found._writing() as (opened, writer):
                converted = convert(self.path, found.parts, opened, writer, wanted, progress)
                opened.store.close()
                remove_other_stores(self.path, writer)
                return converted

"""A collection: a directory that holds a catalogue, a store and an index, and the configuration that made it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from seealso.catalogue.forgotten import call_back, count_forgotten, forgotten_places
from seealso.catalogue.rows import Failure
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.duplicates.finding import Finding
from seealso.collection.duplicates.groups import Duplicates
from seealso.collection.duplicates.kept import KeptDuplicates
from seealso.collection.duplicates.nearness import Nearness
from seealso.collection.duplicates.pictures import Reader
from seealso.collection.intake.dry_run import DryRun, dry_run
from seealso.collection.intake.forgetting import ForgetReport, ForgottenImage, images_of, meant_hashes
from seealso.collection.intake.importing import Import, ImportReport, read_names
from seealso.collection.intake.ingest import IngestReport, Progress
from seealso.collection.intake.intake import Intake
from seealso.collection.intake.vector_files import open_vectors
from seealso.collection.likeness import KeptLikeness, random_distances
from seealso.collection.parts.advice import Advice, advice, advice_on_rules, advice_on_sketches
from seealso.collection.parts.automatic import AUTOMATIC, leaves_open
from seealso.collection.parts.opened import Opened
from seealso.collection.parts.opening import Opening
from seealso.collection.parts.reading_words import record_words
from seealso.collection.parts.reasons import reasons
from seealso.collection.parts.recorded import sources_record, with_secrets
from seealso.collection.parts.resolved import Parts
from seealso.collection.parts.scan_rules import GivenRules, rules_with
from seealso.collection.search.content import Content, Contents, read_content
from seealso.collection.search.examples import Examples
from seealso.collection.search.hits import hits_of
from seealso.collection.search.looks import Looks, looks_of
from seealso.collection.search.searching import Searching
from seealso.collection.search.stopwatch import Stopwatch
from seealso.collection.upkeep.convert import Conversion, convert, wanted_store
from seealso.collection.upkeep.leaving import leave_unfinished, remove_left
from seealso.collection.upkeep.maintain import Checkup, Upkeep, bytes_below, bytes_of_parts, check, keep_up
from seealso.collection.upkeep.rebuild import check_distance, rebuild
from seealso.configuration.models import Config
from seealso.durability import make_directory, writing_in
from seealso.errors import CollectionError, MissingObject, QueryError
from seealso.imported.extractor import Imported
from seealso.interfaces.answer import Answer, Hit
from seealso.interfaces.distance import Distance
from seealso.interfaces.example import Example
from seealso.interfaces.extractor import Provenance
from seealso.interfaces.image_limits import ImageLimits
from seealso.interfaces.likeness import Likeness, Within
from seealso.interfaces.plugin import PluginChoice
from seealso.interfaces.query import Query
from seealso.interfaces.records import Counts, DamagedObject, ObjectRecord
from seealso.interfaces.scan_rules import ScanRules
from seealso.interfaces.store import ObjectStore
from seealso.interfaces.text import Words
from seealso.layout import extras_of
from seealso.paths import PathLike, absolute
from seealso.registry.kinds import AUTO, EXTRACTOR, STORE, TEXT
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
        self._opening = Opening(self.path, partial(Parts, config, self.name, plugins))
        self._lock = threading.Lock()
        self._found: tuple[Parts, Examples] | None = None
        self._contents = Contents(self.settings.images)
        self._likeness = KeptLikeness(self.path)
        self._duplicates = KeptDuplicates(self.path)
        self._searching = Searching(
            self._opening, self._examples, self.settings.search, self._likeness, self._duplicates
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of files, memory and devices. A closed collection opens itself anew when it is used again."""
        self._opening.close()
        with self._lock:
            self._found = None

    # Opening

    def exists(self) -> bool:
        """Whether the collection has been made."""
        return self._opening.exists()

    @property
    def parts(self) -> Parts:
        """The plugins in force."""
        return self._opening.parts

    def _writing(
        self, *, anew: bool = False, force: bool = False
    ) -> AbstractContextManager[tuple[Opened, CatalogWriter]]:
        return self._opening.writing(anew=anew, force=force)

    def variant(self, path: Path | None = None, *, name: str | None = None, **settings: object) -> Collection:
        """This collection with some settings changed, or one like it at another place. Close it, for it is opened by itself.

        Args:
            path: another directory. What is not changed is then what is in force here, by default or not; what the size of
                the collection chooses here, that of the other one chooses there.
            name: another name, by which hooks know it.
            settings: what is changed, as `CollectionConfig` holds it: a kind of plugin under its word, as `PluginChoice`, or
                None for what there is without a configuration.
        """
        if path is not None:
            settings = {**self.parts.choices(), **dict.fromkeys(self.left_open, AUTO), **settings, "path": path}
        name = name or self.name
        changed = self.settings.model_copy(update=settings)
        config = self.config.model_copy(update={"collections": {**self.config.collections, name: changed}})
        return Collection(config, self.plugins, name)

    # The way in

    def index(
        self,
        paths: Iterable[PathLike],
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        hidden: bool | None = None,
        rules: Literal["default", "none"] | None = None,
        prune: bool | None = None,
        again: bool = False,
        keywords: Sequence[PluginChoice] | None = None,
        progress: Callable[[Progress], None] = lambda progress: None,
    ) -> IngestReport:
        """Take in the images below ``paths``: what is new, changed or moved; and drop what is gone from disk, or left out by now.

        The rules that are given hold from now on, for every later call (see `rules`).

        Args:
            paths: files, taken whatever their names; and folders, of which what has an image's suffix is taken. The
                collection's own directory is passed over.
            include: only files that match one of these patterns (see `ScanRules`), or one of those given before.
            exclude: no files or folders that match one of these, beside those given before.
            hidden: also files and folders whose name begins with a dot; None: as before.
            rules: take back the rules that were given before: ``default``: begin anew with those of a new collection; ``none``: with none.
                What the configuration names stays.
            prune: whether to drop what is gone or left out: False never, True always, None when that is surely meant
                (see `seealso.collection.intake.prune.prune`).
            again: also take in what was forgotten (see `forget`), and is found now; it is forgotten no more.
            keywords: keyword sources beside those of the configuration, from now on; None: those given before.
            progress: told how far it is, after every file.

        Raises:
            CollectionBusy: another process is writing.
            CollectionReadOnly: nothing can be written there.
            ProvenanceMismatch: the collection was made by another extractor.
            DiskFull: no space is left. What was committed stays.
            CollectionError: rules that are given leave out more than half of what was found; nothing has changed.
            ConfigError: a pattern is none, or the configuration says otherwise.
        """
        given = list(dict.fromkeys(absolute(path) for path in paths))
        wanted = GivenRules.checked(include, exclude, hidden, rules)
        self._refuse_images_to_imported()
        self._opening.make()
        with self._writing() as (opened, writer):
            self.parts.check_provenance(opened.provenance)
            record_words(self.parts, writer)
            if keywords is not None:
                # Before anything is kept: what does not fit is refused.
                self.parts.chosen_sources(keywords)
            intake = self._intake(opened, writer)
            in_force = intake.adopt(wanted, given, prune)
            if keywords is not None:
                writer.set_meta(sources_record(keywords))
            return intake.index(given, in_force, prune, progress, again=again)

    def _refuse_images_to_imported(self) -> None:
        if self.exists() and not self.parts.takes_images(self.provenance):
            raise CollectionError(
                f"the descriptors of the collection {self.name} were imported, so images cannot be taken in; "
                "`seealso import-descriptors` adds to it, or give the images a collection of their own"
            )

    def dry_run(
        self,
        paths: Iterable[PathLike],
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        hidden: bool | None = None,
        rules: Literal["default", "none"] | None = None,
        prune: bool | None = None,
        again: bool = False,
        progress: Callable[[Progress], None] = lambda progress: None,
    ) -> DryRun:
        """What `index` would do with the same arguments. Nothing is written, and no collection is made.

        Files that are new or changed are read, for their content says whether they are moved or forgotten; no image is decoded.

        Raises:
            CollectionError: rules that are given would be refused.
            ConfigError: a pattern is none, or the configuration says otherwise.
        """
        given = list(dict.fromkeys(absolute(path) for path in paths))
        wanted = GivenRules.checked(include, exclude, hidden, rules)
        if not self.exists():
            return dry_run(self.parts, None, given, wanted, prune, progress, again=again)
        self._refuse_images_to_imported()
        with self._opening.using() as opened:
            return dry_run(self.parts, opened.catalog, given, wanted, prune, progress, again=again)

    @property
    def rules(self) -> ScanRules:
        """Which files `index` takes: by the configuration, by what was given to `index` before, and by how the collection was made."""
        if not self.exists():
            return rules_with(GivenRules(), None, self.settings.scan)[2].rules
        return self._opening.asked(lambda opened: rules_with(GivenRules(), opened.catalog, self.settings.scan)[2].rules)

    def retry_failures(self, progress: Callable[[Progress], None] = lambda progress: None) -> IngestReport:
        """Try again just the files that failed, changed or not."""
        with self._writing() as (opened, writer):
            self.parts.check_provenance(opened.provenance)
            return self._intake(opened, writer).retry_failures(progress)

    def _intake(self, opened: Opened, writer: CatalogWriter) -> Intake:
        return Intake(self.name, self, self.parts, self.plugins, opened, writer)

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
            FileError: the file, or a row of it, cannot be used; the rows before it are imported.
            MissingExtra: what reads it is not installed.
            ProvenanceMismatch: the collection's descriptors are others.
            CollectionBusy: another process is writing.
        """
        path = absolute(file)
        with open_vectors(Path(os.fsdecode(path)), dataset) as vectors:
            count = vectors.count if limit is None else min(limit, vectors.count)
            named = None if names is None else read_names(Path(os.fsdecode(absolute(names))), vectors.count)
            choice = Imported.choice(vectors.dim, dtype, made_by)
            with self._as_imported(choice) as collection, collection._writing() as (opened, writer):
                collection.parts.check_provenance(opened.provenance)
                return Import(opened, writer, self.plugins, self.name).run(vectors, path, named, count, progress)

    def remove(self, ids: Sequence[int] | np.ndarray) -> int:
        """Drop objects with all their places; returns how many there were. An image whose file is still there comes back, as another
        object, when its folder is indexed again; `forget` has it stay out.

        Raises:
            CollectionBusy: another process is writing.
            CollectionReadOnly: nothing can be written there.
        """
        with self._writing() as (opened, writer):
            records = writer.records([int(id_) for id_ in ids])
            writer.remove_locations([path for record in records.values() for path in record.paths])
            return self._intake(opened, writer).drop()

    def forget(self, *which: int | PathLike) -> ForgetReport:
        """Drop images, and have them stay out: their content is not taken in again, wherever it is found, until `index` is told to
        (``again``), or until `unforget`.

        Args:
            which: IDs, and paths. A file means its image, wherever else that is found; a folder the images that are found nowhere else.

        Raises:
            NoObject, FileError: one of them means no object; nothing was forgotten.
            CollectionBusy: another process is writing.
            CollectionReadOnly: nothing can be written there.
        """
        named = _ids_and_paths(which)
        with self._writing() as (opened, writer):
            return self._intake(opened, writer).forget(named)

    def unforget(self, *which: int | PathLike) -> int:
        """Let images come in again that were forgotten; returns how many. The next `index` takes in those that it finds.

        Args:
            which: the IDs that they had, and paths: where they were found, a folder above that, or a file that holds the same now; none: all.

        Raises:
            QueryError: one of them means nothing that was forgotten; nothing has changed.
            CollectionBusy: another process is writing.
            CollectionReadOnly: nothing can be written there.
        """
        named = _ids_and_paths(which)
        with self._writing() as (_, writer):
            before = count_forgotten(writer)
            call_back(writer, meant_hashes(writer, named, self.limits) if named else None)
            return before - count_forgotten(writer)

    def forgotten(self) -> Iterator[ForgottenImage]:
        """The images that were forgotten, and stay out."""
        with self._opening.using() as opened:
            yield from images_of(forgotten_places(opened.catalog))

    @contextmanager
    def _as_imported(self, choice: PluginChoice) -> Iterator[Collection]:
        """This collection with the extractor ``imported``, whatever the configuration says; it is made where it is missing."""
        self.parts.checked(EXTRACTOR, choice)
        with self.variant(extractor=choice) as collection:
            if collection._opening.make():
                self._opening.forget()
            yield collection

    # The way out

    def search(self, query: Query) -> Answer:
        """Answer a query: the one entrance that all others come through.

        A file whose content is in the collection needs no extraction. Every observer of the hook ``searched`` is told.

        Raises:
            QueryError: the query makes no sense here: there is no such object, no text index, only examples that the hits shall be unlike.
            FileError: an example's file cannot be read.
            ImageError: it is no image that can be used.
            ProvenanceMismatch: a descriptor would have to be extracted, by another extractor than made the collection.
            CollectionError: the index is too far behind to answer; says what to run.
        """
        answer = self._searching.search(query)
        self._tell_searched(answer)
        return answer

    def search_many(self, queries: Sequence[Query]) -> list[Answer]:
        """Answer several queries, in their order. The answers are those of `search`, of one moment for every hundred queries, and sooner
        there: the collection is looked at once, and what several of them need is read at once. What that costs is told in equal shares.

        Raises:
            SeealsoError: what the first query that fails raises (see `search`).
        """
        answers = self._searching.search_many(queries)
        for answer in answers:
            self._tell_searched(answer)
        return answers

    def search_by_reads(self, query: Query, reads: Sequence[int]) -> list[Answer]:
        """The answers that a query would get with each of some numbers of reads instead of its own (`Query.reads`), by one search, which
        looks at what it has found when it has read so many. Their cost is what it took until then, so it is a little more than if each
        had been asked for itself. Without sketches all are the same. The hook ``searched`` is not told: this is for measuring.

        Args:
            query: by images alone, without folding.
            reads: one or more numbers, each 1 or more.

        Raises:
            QueryError: it is another query, or makes no sense here; or there is no such number.
            SeealsoError: as `search` does.
        """
        return self._searching.by_reads(query, reads)

    def _tell_searched(self, answer: Answer) -> None:
        self.plugins.observe("searched", collection=self.name, query=answer.query, answer=answer)

    def similar(self, example: PathLike | int | Example, k: int = 10, **settings: Any) -> Answer:
        """The nearest neighbours of an image file, or of an object by its ID: `search` for one example.

        Args:
            example: a path, an ID, or an `Example`.
            k: how many.
            settings: what else a `Query` has: ``where``, ``max_distance``, ``others``, ….
        """
        return self.search(Query.like(example, k=k, **settings))

    def similar_to_descriptor(self, descriptor: np.ndarray, k: int = 10, **settings: Any) -> Answer:
        """The nearest neighbours of a descriptor ``(dim,)`` made by the collection's own extractor; see `similar`."""
        return self.search(Query.like(np.asarray(descriptor), k=k, **settings))

    def text(
        self, query: str, k: int = 10, offset: int = 0, by: Literal["keywords", "looks"] | None = "keywords"
    ) -> Answer:
        """The objects that match a text query, best first: by keywords; by looks, where the extractor knows the words; or None: by
        both (`Query.by_words`)."""
        return self.search(Query.by_words(query, by, k=k, offset=offset))

    def _examples(self) -> Examples:
        with self._lock:
            parts = self.parts
            if self._found is None or self._found[0] is not parts:
                self._found = parts, Examples(self.name, parts)
            return self._found[1]

    @property
    def has_text(self) -> bool:
        """Whether there is a text index, so that ``keywords`` and ``where`` can be asked."""
        return self.parts.chosen_or_none(TEXT) is not None

    def suggest(self, beginning: str, limit: int = 10) -> list[str]:
        """Words of the collection that begin so, the most frequent first; none where there is no text index."""
        with self._opening.using() as opened:
            if opened.text is None:
                return []
            return opened.ask_text(lambda view: [] if view.part is None else view.part.suggest(beginning, limit))

    def keywords(self, ids: Sequence[int]) -> dict[int, dict[str, tuple[Words, ...]]]:
        """The words recorded for objects: ID → keyword source → words; without the objects that have none."""
        return self._opening.asked(lambda opened: opened.catalog.words(ids))

    @property
    def takes_words(self) -> bool:
        """Whether the extractor reads words, so that images are found by what they show. Nothing is loaded to know it."""
        return self.parts.can("takes_words")

    def finds_by(self) -> tuple[Literal["keywords", "looks"], ...]:
        """In which ways words can be looked for here: by ``keywords``, where any image has some; by ``looks``, where the extractor reads
        words."""
        by_keywords = self.has_text and self._opening.asked(lambda opened: opened.catalog.annotated())
        return (*(("keywords",) if by_keywords else ()), *(("looks",) if self.takes_words else ()))

    def looks_like(self, ids: Sequence[int]) -> dict[int, Looks]:
        """What objects show, in the words of the extractor: ID → words, each with how sure it is (above 0, at most 1), the surest first;
        without the objects of which it says nothing."""
        return self._opening.asked(lambda opened: looks_of(opened, self.parts, ids))

    def extract(self, example: Example) -> tuple[np.ndarray, int | None]:
        """The descriptor ``(dim,)`` of an example; and the ID of the object with just its content, if there is one.

        Of an object's image as a whole the descriptor is read from the store; everything else is extracted.

        Raises:
            QueryError: there is no such object.
            ImageError: it cannot be used as an image.
            ProvenanceMismatch: another extractor made the collection.
        """
        asked, descriptor = self._opening.asked(lambda opened: self._examples().find(opened, example, Stopwatch()))
        return descriptor, asked.id

    def likeness(self) -> Likeness:
        """What a likeness in percent means here. Where nobody has asked before, or the collection has grown by half since, it is
        measured on pairs of its objects: some hundred milliseconds, however many there are."""
        return self._opening.asked(self._likeness.get)

    def random_distances(self) -> np.ndarray:
        """The distances of random pairs of objects, float64, ascending: of all, where there are up to a hundred objects, else of up to
        49,500; the same again as long as nothing changes."""
        return self._opening.asked(lambda opened: random_distances(opened.store, opened.distance, opened.catalog))

    def keep_likeness(self, likeness: Likeness) -> None:
        """Let `likeness` give this from now on, as long as it would give what was measured now."""
        self._opening.asked(lambda opened: self._likeness.keep(opened, likeness))

    def duplicates(
        self,
        within: Within | float | None = None,
        *,
        mirrored: bool = False,
        progress: Callable[[str, int, int], None] = lambda what, done, total: None,
    ) -> Duplicates:
        """Groups of near-identical images: resized, compressed anew, cut a little, with something small on them; and several files of one
        image. They are kept, where the collection's directory can be written, for `found_duplicates`.

        No image is further than `within` from the largest of its group, and their pictures fit, as far as they can be read. O(objects ×
        groups) comparisons of a few numbers each, in bounded memory; nothing is locked meanwhile.

        Args:
            within: how near is near; by default `MAY_BE_THE_SAME`, or `NEARLY_THE_SAME` where the pictures cannot be read.
            mirrored: whether a mirror image is the same picture.
            progress: told what is being done, how far it is, and of how much.

        Raises:
            QueryError: `within` is no distance and no likeness; or mirror images are asked for, and there are no pictures.
        """
        asked = within if within is None or isinstance(within, Within) else Within(within)
        # What was taken in is looked at, also where no more of the kind is taken.
        limits = self.limits.taking_damaged()

        def find(opened: Opened) -> Duplicates:
            looks = self.parts.takes_images(opened.provenance)
            if mirrored and not looks:
                raise QueryError(
                    "imported descriptors have no pictures, by which a mirror image is recognised; look for duplicates without mirrored ones"
                )
            nearness = Nearness.of(asked, lambda: self._likeness.get(opened), looks=looks)
            reader = Reader(lambda record: read_content(record, limits), limits) if looks else None
            found = Finding(opened, nearness, reader, progress).find(mirrored=mirrored)
            self._duplicates.keep(opened, found)
            return found

        return self._opening.asked(find)

    def found_duplicates(self) -> Duplicates | None:
        """What `duplicates` found last, in this or another process; None where nobody has asked yet. Objects may have come and gone
        since."""
        return self._opening.asked(self._duplicates.get)

    def descriptors(self, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """The descriptors ``(n, dim)`` of objects, in the order asked.

        Raises:
            MissingObject: names the IDs that are not there.
        """
        try:
            wanted = np.asarray(ids, dtype=np.int64)
        except OverflowError:
            raise MissingObject([id_ for id_ in map(int, ids) if not -(1 << 63) <= id_ < 1 << 63]) from None
        return self._opening.asked(lambda opened: opened.store.get_many(wanted))

    @contextmanager
    def reading(self) -> Iterator[tuple[ObjectStore, Distance]]:
        """The store of all descriptors, and the distance that compares them, for who goes through all of them. Nothing is to be
        written there."""
        with self._opening.using() as opened:
            yield opened.store, opened.distance

    def ids(self) -> np.ndarray:
        """The IDs of all objects, int64, ascending."""
        return self._opening.asked(lambda opened: opened.catalog.ids())

    def show(self, id_: int) -> ObjectRecord:
        """One object.

        Raises:
            QueryError: there is no such object.
        """
        return self._opening.asked(lambda opened: self._examples().record(opened, id_))

    def records(self, ids: Sequence[int]) -> dict[int, ObjectRecord]:
        """Those of ``ids`` that are objects."""
        return self._opening.asked(lambda opened: opened.catalog.records(ids))

    def known(self, digests: Iterable[bytes]) -> set[bytes]:
        """Those of the content hashes (SHA-256 of a file, `ObjectRecord.hash`) that are of an object."""
        return self._opening.asked(lambda opened: opened.catalog.known_hashes(digests))

    def read(self, id_: int) -> bytes:
        """The bytes of an object's image file, from the first of its places that still holds them.

        Nothing but the very content that was taken in is ever given, whatever lies at its places now.

        Raises:
            QueryError: there is no such object.
            FileError: no place holds it any more.
        """
        return read_content(self.show(id_), self.settings.images)

    def content(self, id_: int) -> Content:
        """Open an object's image file, to read it a block at a time. Like `read`, it gives only the bytes that were indexed. Close it.

        Raises:
            QueryError: there is no such object.
            FileError: no place holds it any more.
        """
        return self._contents.open(self.show(id_))

    def random(self, count: int = 20, seed: int | None = None) -> tuple[Hit, ...]:
        """A random selection of objects, each at most once; the same again for the same seed.

        Raises:
            QueryError: less than one is asked for, or the seed is below 0.
        """
        if count < 1:
            raise QueryError(f"n is {count}; ask for at least 1 object")
        if seed is not None and seed < 0:
            raise QueryError(f"seed is {seed}; give a whole number, 0 or more")
        with self._opening.using() as opened:
            chosen = opened.catalog.random_ids(count, np.random.default_rng(seed)).tolist()
            return hits_of(opened.catalog, chosen, [None] * len(chosen))

    @property
    def limits(self) -> ImageLimits:
        """What an image file may be, by the configuration; and, where that says nothing of damaged pictures, as the collection was made."""
        return self.parts.limits

    @property
    def frontends(self) -> Sequence[PluginChoice]:
        """The frontends that the configuration names."""
        return self.config.frontends

    def folder_for(self, plugin: str, *, make: bool = False) -> Path:
        """The folder of a plugin's own in the collection's directory, ``extras/PLUGIN``.

        For what can be made again: nobody checks it or counts on it, `status` does not count its bytes, and a backup may leave it
        out. It is the plugin's to keep in order, with the hooks ``removed`` and ``maintained``; it goes with the directory.

        Args:
            plugin: the name by which the configuration selects the plugin.
            make: make it, durably, where it is missing.

        Raises:
            PluginError: a plugin cannot have that name.
            NoCollection: there is no collection to make it in.
            CollectionReadOnly, DiskFull: it cannot be made.
        """
        folder = extras_of(self.path, plugin)
        if make and not folder.is_dir():
            self._opening.require()
            with writing_in(self.path):
                make_directory(folder)
        return folder

    # Upkeep

    def failures(self) -> Iterator[Failure]:
        """The files that could not be taken in, by path."""
        with self._opening.using() as opened:
            yield from opened.catalog.failures()

    def damaged(self) -> Iterator[DamagedObject]:
        """The objects that were taken in though their pictures are damaged, by ID. None of the counts that a collection gives knows them
        apart: they are found as all others."""
        with self._opening.using() as opened:
            yield from opened.catalog.damaged()

    def counts(self) -> Counts:
        """How many objects, locations and failures there are."""
        return self._opening.asked(lambda opened: opened.catalog.counts())

    @property
    def provenance(self) -> Provenance:
        """What made the descriptors."""
        return self._opening.asked(lambda opened: opened.provenance)

    def status(self) -> dict[str, object]:
        """What there is to say of the collection, part by part; what the plugins say of themselves included. O(1) in the number
        of objects.

        ``bytes`` is what its catalogue, store and indexes take on disk; kept thumbnails, for example, are not counted. ``advice``
        says which better defaults have come since it was made, and how to get them; ``auto`` says what its size has chosen, and why; ``scan``
        which files are taken in; ``forgotten`` how many images stay out, which takes O(those). Where the extractor's plugin is not
        installed, ``extractor`` has ``missing``, which says so.
        """
        missing = self.parts.missing(EXTRACTOR)
        return {
            "name": self.name,
            "path": str(self.path),
            "decoding": {
                "way": int(self.parts.way),
                "gamma": self.parts.way.honours_gamma,
                "damaged": self.parts.limits.damaged,
            },
            **self._opening.asked(lambda opened: opened.status()),
            **({EXTRACTOR.word: {"missing": missing}} if missing else {}),
            **({"scan": self.rules.model_dump(mode="json")} if self.parts.takes_images(self.provenance) else {}),
            "forgotten": self._opening.asked(lambda opened: count_forgotten(opened.catalog)),
            "parts": self.choices(),
            "auto": self._opening.asked(lambda opened: reasons(self.parts, opened)),
            "advice": [asdict(each) for each in self._advice()],
            "bytes": bytes_of_parts(self.path),
        }

    def _advice(self) -> Iterator[Advice]:
        yield from advice(self.parts)
        yield from self._opening.asked(lambda opened: advice_on_sketches(self.parts, opened))
        yield from self._opening.asked(lambda opened: advice_on_rules(self.parts, opened))

    @property
    def left_open(self) -> tuple[str, ...]:
        """The kinds of plugins that the collection's size chooses, as ``index`` and ``sketch``: the configuration says `auto`, or nothing."""
        return tuple(kind.word for kind in AUTOMATIC if leaves_open(self.parts, kind))

    def choices(self) -> dict[str, object]:
        """The plugins in force with all their options, in the form of the configuration."""
        parts: dict[str, object] = {kind: choice.as_yaml() for kind, choice in self.parts.choices().items()}
        return parts | {"keywords": [source.as_choice().as_yaml() for source in self.parts.chosen_sources().values()]}

    def verify(self) -> Checkup:
        """Check every checksum, and the parts against one another."""
        return self._opening.asked(check)

    def rebuild(self, distance: PluginChoice | None = None) -> None:
        """Throw the indexes away and build them from the catalogue and the store, as the configuration says. From then on the collection
        keeps to that, and whoever has it open follows. Where the index or the sketch is `auto`, it is chosen anew.

        Args:
            distance: compare by another distance from now on, where the configuration names none.

        Raises:
            CollectionBusy: another process is writing.
            ConfigError: the configuration names another distance; or it does not take such descriptors. Nothing has changed.
            PluginError: there is no such distance.
        """
        if distance is not None:
            check_distance(self.parts, distance)
            with self.variant(distance=distance) as other:
                other.rebuild()
            return
        with self._writing(anew=True) as (opened, writer):
            rebuild(self.path, self.parts, opened, writer)

    def try_out_index(self) -> None:
        """Build the metric index in memory as the configuration says, however the one on disk was made; this collection then asks
        it until it is closed. Nothing is written. O(objects)."""
        with self._opening.using() as opened:
            opened.index.try_out(opened.catalog)

    def maintain(self, *, force: bool = False) -> Upkeep:
        """Reclaim space: descriptors that nobody sees, the store's and the catalogue's free space, old snapshots.

        Objects whose descriptor is lost or damaged are dropped, so that the next `index` takes them in anew.

        Args:
            force: also where most descriptors are lost, or most are of no object; and where the store has lost its identity.

        Raises:
            WrongStore: so much is lost that the store seems to be the wrong one; nothing was changed.
        """
        with self._writing(force=force) as (opened, writer):
            before = bytes_below(self.path)
            dropped, removed = keep_up(writer, opened, self._intake(opened, writer).tell_removed, force=force)
            leave_unfinished(self.path, self.parts, writer)
            self.plugins.observe("maintained", collection=self.name, of=self)
            return Upkeep(dropped, removed, before, bytes_below(self.path))

    def convert(
        self,
        store: PluginChoice | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
        *,
        options: Mapping[str, Any] | None = None,
    ) -> Conversion | None:
        """Move the descriptors to another store, or another codec, or another place. Searches go on meanwhile.

        It may be interrupted at any moment: the collection is then as it was, and the next conversion to the same store
        goes on where this one ended. The store that is left is removed, with what it keeps elsewhere.

        Args:
            store: the new store; by default the one that the configuration names, else the one in force. The options that the
                configuration gives it are kept; else those of the store in force, where it is the same plugin.
            progress: told how many descriptors are done, and of how many.
            options: of its options those that are to be others, ``codec`` among them.

        Returns:
            What was done; None where the collection is kept by just that store already.

        Raises:
            ConfigError: nothing is asked for, or an option does not fit.
            CollectionBusy: another process is writing.
            WrongStore: at the new place there are other descriptors.
            CorruptRecord, MissingObject: a descriptor is lost; `maintain` lets go of its object.
            DiskFull: no space is left; nothing has changed.
        """
        self._opening.require()
        configured = self.parts.chosen(STORE).as_choice() if self.settings.choices(STORE) else None
        self.close()
        # What the configuration says of the store is where it is going, not where it is.
        with self.variant(store=None) as found:
            if configured is not None:
                found.parts.follow(with_secrets(found.parts.recorded, STORE.word, configured))
            wanted = wanted_store(store, options or {}, configured, found.parts)
            if found.parts.choices()[STORE.word] == wanted.as_choice():
                return None
            with found._writing() as (opened, writer):
                if opened.growth is not None:
                    # It reads from the store that is about to be left.
                    opened.growth.settle()
                converted = convert(self.path, found.parts, opened, writer, wanted, progress)
                for keeper in opened.keepers():
                    keeper.finish()
                opened.store.close()
                remove_left(self.path, found.parts, writer)
                return converted


def _ids_and_paths(which: Iterable[int | PathLike]) -> list[int | bytes]:
    """IDs as they are, and paths as the catalogue knows them, each once."""
    named = (int(each) if isinstance(each, int | np.integer) else absolute(each) for each in which)
    return list(dict.fromkeys(named))

"""What a plan is tried with: some of the images, or of the descriptors, that there are; or pictures that are made up."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from seealso.collection import Collection
from seealso.collection.intake.scan import Scan, is_absent
from seealso.collection.intake.vector_files import SUFFIXES, open_vectors
from seealso.errors import FileError, QueryError
from seealso.imported.extractor import Imported
from seealso.interfaces.plugin import PluginChoice
from seealso.paths import PathLike, absolute, shown_path

FILES = 20_000
RUN = 16
DESCRIPTORS = 2000
MADE_UP = 96
MADE_UP_SIZE = (1600, 1200)
SEED = 0


@dataclass(frozen=True, slots=True)
class PlanSample:
    """Images or descriptors, by chance.

    Attributes:
        count: how many there are in all.
        files: paths of images, in an order by chance.
        descriptors: ``(n, dim)`` instead, where there are no images.
        path_bytes: of a path, the mean.
        told: what it is, in words.
    """

    count: int
    files: Sequence[bytes]
    descriptors: np.ndarray | None
    path_bytes: int
    told: str

    def imported(self) -> PluginChoice:
        """The extractor that stands for what made the descriptors."""
        assert self.descriptors is not None
        return Imported.choice(self.descriptors.shape[1], self.descriptors.dtype.name)


def plan_sample(collection: Collection, paths: Sequence[PathLike], scratch: Path) -> PlanSample:
    """Some of what is below ``paths``; without any, of the collection; without one, pictures that are made up in ``scratch``.

    O(number of files), none of which is looked at.

    Raises:
        FileError: a path is not there, there is nothing below it, or it cannot be used.
        MissingExtra: what reads a file of descriptors is not installed.
        QueryError: none is given, and not one image of the collection is at its place.
    """
    given = [absolute(path) for path in paths]
    missing = next((path for path in given if is_absent(path)), None)
    if missing is not None:
        raise FileError(f"{shown_path(missing)}: there is no such file or folder")
    if len(given) == 1 and os.path.splitext(os.fsdecode(given[0]))[1].lower() in SUFFIXES:
        return _of_descriptors(Path(os.fsdecode(given[0])))
    if given:
        shown = ", ".join(shown_path(path) for path in given)
        skip = os.fsencode(collection.path) if collection.path.is_dir() else None
        found = _of_files(Scan(given, collection.rules, skip).file_paths(), f"below {shown}")
        if not found.count:
            raise FileError(f"{shown}: there are no images below it")
        return found
    if collection.exists() and collection.counts().objects:
        return _of_collection(collection)
    return _made_up(scratch)


def _of_files(paths: Iterable[bytes], where: str) -> PlanSample:
    """Runs of files that lie side by side, for so they are read; as many as are to be kept, each with the same chance (Vitter's
    reservoir, 1985), so that memory is bounded."""
    random = np.random.default_rng(SEED)
    kept: list[list[bytes]] = []
    count = runs = total = 0
    source = iter(paths)
    while run := list(islice(source, RUN)):
        runs += 1
        count += len(run)
        total += sum(map(len, run))
        if len(kept) < FILES // RUN:
            kept.append(run)
        elif (place := int(random.integers(runs))) < len(kept):
            kept[place] = run
    files = [path for place in random.permutation(len(kept)).tolist() for path in kept[place]]
    return PlanSample(count, files, None, total // max(count, 1), f"{count:,} images {where}")


def _of_descriptors(path: Path) -> PlanSample:
    with open_vectors(path) as vectors:
        # From the beginning, for some forms are read in their order only.
        rows = vectors.rows(0, min(vectors.count, vectors.part, DESCRIPTORS))
        rows = np.ascontiguousarray(rows, np.uint8 if rows.dtype == np.uint8 else np.float32)
        if rows.dtype.kind == "f" and not np.isfinite(rows).all():
            raise FileError(f"{path}: there are values that are not finite numbers")
        return PlanSample(
            vectors.count, [], rows, len(os.fsencode(path)) + 8, f"{vectors.count:,} descriptors in {path}"
        )


def _of_collection(collection: Collection) -> PlanSample:
    """Of its images; of its descriptors, where it has none."""
    ids = np.random.default_rng(SEED).permutation(collection.ids())
    told = f"the collection {collection.name}, {ids.size:,} objects"
    records = collection.records(ids[:FILES].tolist())
    places = [records[int(id_)].paths[0] for id_ in ids[:FILES] if int(id_) in records and records[int(id_)].paths]
    mean = sum(map(len, places)) // max(len(places), 1)
    if not collection.parts.takes_images(collection.provenance):
        return PlanSample(int(ids.size), [], collection.descriptors(ids[:DESCRIPTORS]), mean, told)
    files = [path for path in places if os.path.isfile(path)]
    if not files:
        raise QueryError(
            f"not one image of the collection {collection.name} is at its place to be tried; name a folder of images"
        )
    return PlanSample(int(ids.size), files, None, mean, told)


def _made_up(folder: Path) -> PlanSample:
    """JPEG files of soft shapes and noise, as large as small photographs."""
    folder.mkdir()
    random = np.random.default_rng(SEED)
    files = []
    for number in range(MADE_UP):
        coarse = random.integers(0, 256, size=(9, 12, 3), dtype=np.uint8)
        picture = np.asarray(Image.fromarray(coarse).resize(MADE_UP_SIZE, Image.Resampling.BICUBIC), np.int16)
        grain = random.integers(-12, 13, size=(MADE_UP_SIZE[1], MADE_UP_SIZE[0], 1), dtype=np.int16)
        file = folder / f"{number:04}.jpg"
        Image.fromarray(np.clip(picture + grain, 0, 255).astype(np.uint8)).save(file, quality=85)
        files.append(os.fsencode(file))
    width, height = MADE_UP_SIZE
    told = f"{MADE_UP} pictures that were made up, of {width} × {height} pixels; name a folder of yours to know better"
    return PlanSample(MADE_UP, files, None, 60, told)

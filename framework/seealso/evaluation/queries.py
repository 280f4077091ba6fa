"""Queries that are no objects of the collection: a folder of images, or a file of descriptors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seealso.collection import Collection
from seealso.collection.intake.vector_files import open_vectors
from seealso.collection.search.examples import check_descriptor
from seealso.errors import FileError, ImageError, QueryError
from seealso.evaluation.measuring import Sample
from seealso.images.decoding import IMAGE_SUFFIXES
from seealso.interfaces.example import Example


def queries_from(collection: Collection, source: Path, count: int, seed: int) -> tuple[Sample, list[str]]:
    """Up to ``count`` queries, by chance, from below a folder of images, or from a file of descriptors (see `open_vectors`).

    Returns:
        The queries; and what could not be used, one line each. An image that the collection holds is the object that it is, which
        is left out of its own answers.

    Raises:
        FileError: there is nothing to be used, or the descriptors are not as the collection's are.
        MissingExtra: what reads the file is not installed.
    """
    rng = np.random.default_rng(seed)
    if source.is_dir():
        return _from_images(collection, source, count, rng)
    with open_vectors(source) as vectors:
        rows = np.sort(rng.choice(vectors.count, size=min(count, vectors.count), replace=False))
        chosen = np.concatenate([vectors.rows(int(row), int(row) + 1) for row in rows])
    for row, descriptor in zip(rows.tolist(), chosen, strict=True):
        try:
            check_descriptor(descriptor, collection.provenance)
        except QueryError as error:
            raise FileError(f"{source}, row {row}: {error}") from None
    return Sample(chosen, np.full(len(chosen), -1, np.int64), str(source)), []


def _from_images(
    collection: Collection, folder: Path, count: int, rng: np.random.Generator
) -> tuple[Sample, list[str]]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    unusable: list[str] = []
    descriptors: list[np.ndarray] = []
    ids: list[int] = []
    for place in rng.permutation(len(files)).tolist():
        if len(descriptors) == count:
            break
        try:
            descriptor, id_ = collection.extract(Example(image=files[place].read_bytes()))
        except (ImageError, OSError) as error:
            unusable.append(f"{files[place]}: {error}")
            continue
        descriptors.append(descriptor)
        ids.append(-1 if id_ is None else id_)
    if not descriptors:
        raise FileError(f"{folder}: there is no image below it that can be read")
    return Sample(np.stack(descriptors), np.array(ids, np.int64), str(folder)), unusable

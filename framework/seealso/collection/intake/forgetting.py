"""Forgetting on purpose: which images are meant; and what stays out while files are taken in."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from seealso.catalogue.forgotten import (
    call_back,
    forgotten_hashes,
    forgotten_states,
    has_forgotten,
    hashes_below,
    hashes_of_objects,
    pass_over,
)
from seealso.catalogue.reader import Catalog
from seealso.catalogue.rows import ForgottenPlace
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.intake.reading import ReadFile, read_file
from seealso.errors import FileError, ImageTooLarge, NoObject, QueryError
from seealso.interfaces.image_limits import ImageLimits
from seealso.paths import is_below, shown_path

PAGE = 500


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """What was forgotten.

    Attributes:
        objects: how many images.
        locations: at how many places they were found.
        elsewhere: how many images below a folder that was given were kept, since they are found elsewhere, too.
    """

    objects: int
    locations: int
    elsewhere: int


@dataclass(frozen=True, slots=True)
class ForgottenImage:
    """An image that was forgotten.

    Attributes:
        hash: the SHA-256 of its file.
        id: the ID that it had.
        paths: where it was found, ascending.
        time: when it was forgotten, in seconds since 1970.
    """

    hash: bytes
    id: int
    paths: tuple[bytes, ...]
    time: float


def images_of(places: Iterable[ForgottenPlace]) -> Iterator[ForgottenImage]:
    """Images from their places, which come by content."""
    waiting: list[ForgottenPlace] = []
    for place in places:
        if waiting and waiting[0].hash != place.hash:
            yield _image(waiting)
            waiting = []
        waiting.append(place)
    if waiting:
        yield _image(waiting)


def _image(places: Sequence[ForgottenPlace]) -> ForgottenImage:
    first = places[0]
    return ForgottenImage(first.hash, first.object, tuple(place.path for place in places), first.time)


def meant(catalog: Catalog, collection: str, which: Sequence[int | bytes]) -> tuple[list[int], int]:
    """The IDs that are meant by IDs and paths; and how many objects below folders are found elsewhere, too, and are not meant.

    A file means its image, wherever it is found; a folder the images that are found nowhere else.

    Args:
        catalog: the catalogue.
        collection: its collection's name.
        which: IDs, and absolute paths.

    Raises:
        NoObject: there is none of that ID.
        FileError: nothing was found at a path.
    """
    named: dict[int, None] = {}
    folders: list[bytes] = []
    for each in which:
        if isinstance(each, int):
            if each not in catalog.records([each]):
                raise NoObject(each, collection)
            named[each] = None
        elif (at := catalog.objects_at([each])) != {}:
            named |= dict.fromkeys(at.values())
        elif any(True for _ in catalog.locations_below(each)):
            folders.append(each)
        else:
            raise FileError(f"{shown_path(each)}: nothing of the collection {collection} was found there")
    below, elsewhere = _found_below(catalog, folders)
    return list(named | below), sum(id_ not in named for id_ in elsewhere)


def _found_below(catalog: Catalog, folders: Sequence[bytes]) -> tuple[dict[int, None], dict[int, None]]:
    """The IDs of the objects that are found below some folders, and nowhere else; and of the others that are found there."""
    alone: dict[int, None] = {}
    elsewhere: dict[int, None] = {}
    for folder in folders:
        locations = catalog.locations_below(folder)
        while page := list(islice(locations, PAGE)):
            for id_, record in catalog.records([location.object for location in page]).items():
                inside = all(any(is_below(path, above) for above in folders) for path in record.paths)
                (alone if inside else elsewhere)[id_] = None
    return alone, elsewhere


def meant_hashes(catalog: Catalog, which: Sequence[int | bytes], limits: ImageLimits) -> set[bytes]:
    """The contents that were forgotten and are meant by the IDs that they had, and by paths: those where they were found, folders above
    these, and files that hold them now.

    Raises:
        QueryError: none is meant by one of them.
    """
    found: set[bytes] = set()
    for each in which:
        if isinstance(each, int):
            hashes, shown = hashes_of_objects(catalog, [each]), f"object {each}"
        else:
            hashes, shown = hashes_below(catalog, each) or _hash_at(catalog, each, limits), shown_path(each)
        if not hashes:
            raise QueryError(f"{shown}: no image was forgotten by that name; `seealso forget --list` lists all")
        found |= hashes
    return found


def _hash_at(catalog: Catalog, path: bytes, limits: ImageLimits) -> set[bytes]:
    """The content of a file, where it was forgotten."""
    if not os.path.isfile(path):
        return set()
    try:
        data, _ = read_file(path, limits)
    except (ImageTooLarge, OSError):
        return set()
    return forgotten_hashes(catalog, [hashlib.sha256(data).digest()])


class StayingOut:
    """What was forgotten, while files are taken in.

    Args:
        catalog: the catalogue. It is asked only where anything was forgotten at all, which is seldom.
        writer: writes to it; asked from one thread.
        again: whether what was forgotten is taken in again, and is forgotten no more.
    """

    def __init__(self, catalog: Catalog, writer: CatalogWriter, *, again: bool) -> None:
        self._catalog = catalog
        self._writer = writer
        self._recalling = again and has_forgotten(catalog)
        self._any = not again and has_forgotten(catalog)

    def holds(self, digest: bytes) -> bool:
        """Whether content stays out. May be asked from several threads at once."""
        return self._any and bool(forgotten_hashes(self._catalog, [digest]))

    def states(self, paths: Sequence[bytes]) -> set[tuple[bytes, bytes]]:
        """Path and signature of the files of which it is known, without reading them, that they stay out."""
        return forgotten_states(self._catalog, paths) if self._any else set()

    def settle(self, files: Sequence[ReadFile]) -> Sequence[ReadFile]:
        """Write down, before files are committed, which of them stay out, or do so no more; returns those that do not."""
        if self._recalling:
            back = forgotten_hashes(self._writer, [file.digest for file in files])
            if back:
                call_back(self._writer, back)
        passed = [(file.path, file.digest, file.state.signature) for file in files if file.forgotten]
        if not passed:
            return files
        pass_over(self._writer, passed)
        return [file for file in files if not file.forgotten]

"""tantivy's files: which count, links to them, and opening them to read."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import tantivy

from seealso import CollectionError, FormatError
from seealso_tantivy.errors import REMEDY, translated

META = "meta.json"
"""tantivy's list of the segments that count. It is the only file that is ever replaced."""

_MEMORY = "/dev/shm"  # noqa: S108 - the folder is made by tempfile
"""Where Linux keeps files in memory."""

_ATTEMPTS = 20


def listed(directory: Path) -> list[str]:
    """The names of the files that belong to the segments in tantivy's list, and of the list itself.

    Other files may lie beside them: merged segments, and what a writer that was killed has left.

    Raises:
        FormatError: the list is missing or damaged.
    """
    try:
        segments = json.loads((directory / META).read_bytes())["segments"]
        deletes = {
            each["segment_id"].replace("-", ""): each["deletes"]["opstamp"] if each["deletes"] else None
            for each in segments
        }
    except (FileNotFoundError, NotADirectoryError):
        raise FormatError(f"{directory}: the text index has lost its files; {REMEDY}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise FormatError(f"{directory / META} is damaged; {REMEDY}") from None
    names = [META]
    for name in sorted(os.listdir(directory)):
        segment, _, kind = name.partition(".")
        if segment in deletes and (not kind.endswith("del") or kind == f"{deletes[segment]}.del"):
            names.append(name)
    return names


def link_files(origin: Path, names: Iterable[str], directory: Path, *, lasting: bool) -> None:
    """Have files in another folder too, by hard links where the file system has them: only the list is ever replaced.

    Args:
        origin: where they are; of a symbolic link, what it points to is meant.
        names: theirs.
        directory: the other folder.
        lasting: they have to stay when those in the first folder go, so that they are copied where hard links cannot be made;
            otherwise symbolic links will do.
    """
    for name in names:
        source, target = os.path.realpath(origin / name), directory / name
        if name == META or not (
            _linked(os.link, source, target) or (not lasting and _linked(os.symlink, source, target))
        ):
            shutil.copyfile(source, target)


def _linked(link: Callable[[str, Path], None], source: str, target: Path) -> bool:
    try:
        link(source, target)
    except OSError:
        return False
    return True


def open_to_read(directory: Path, names: Iterable[str], schema: tantivy.Schema) -> tantivy.Searcher:
    """Open files that do not change. The searcher may be used from any thread.

    tantivy wants to write a lock file where it reads. Therefore it is given links in a temporary folder, which is gone when
    this returns, since everything is mapped by then: nothing is ever written beside the files, and they may lie on a
    read-only disk.

    Raises:
        FormatError: they are damaged.
        CollectionError: no temporary folder can be made.
    """
    with _temporary_folder() as links:
        try:
            for name in names:
                os.symlink(os.path.abspath(directory / name), links / name)
        except OSError as error:
            raise CollectionError(f"{directory}: the text index cannot be opened by way of {links}: {error}") from error
        with translated(directory, links):
            index = tantivy.Index(schema, str(links))
            index.config_reader("manual")
            index.reload()
            return index.searcher()


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    try:
        folder = tempfile.mkdtemp(prefix="seealso-")
    except OSError as error:
        try:
            # Where all disks are full there may be room in memory.
            folder = tempfile.mkdtemp(prefix="seealso-", dir=_MEMORY)
        except OSError:
            raise CollectionError(f"the text index needs a temporary folder, and none can be made: {error}") from error
    try:
        yield Path(folder)
    finally:
        # A thread that tantivy starts with every index may be making its lock file there at the same time; it does so once.
        for _ in range(_ATTEMPTS):
            shutil.rmtree(folder, ignore_errors=True)
            if not os.path.exists(folder):
                break

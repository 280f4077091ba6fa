"""The folders of a store's directory, and which of them is current.

``CURRENT`` names a generation, a folder such as ``data-000001`` with LMDB's two files in it. Compaction writes the next
generation and replaces ``CURRENT`` atomically; whoever has the old one open notices before its next transaction.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
from pathlib import Path
from typing import Any

import lmdb

from seealso import FormatError, StoreError, sync_directory, write_atomically
from seealso_lmdb.pages import Damaged, Overtaken, Pages, refuse_damaged_heads

log = logging.getLogger("seealso")

CURRENT = "CURRENT"
DESCRIPTORS = b"descriptors"
META = b"meta"
SMALLEST_MAP = 1 << 24
LEAST_MAP = 1 << 17  # an empty store takes half of it; from there on it grows by itself
LARGEST_MAP = 1 << 62
UNFINISHED = 1 << 18
"""Bytes that a generation of which nothing could be read may have for it to be one that was never finished."""
DAMAGE = (lmdb.InvalidError, lmdb.CorruptedError, lmdb.NotFoundError, lmdb.PageNotFoundError, lmdb.VersionMismatchError)
"""Errors by which LMDB says that its file is damaged."""

ATTEMPTS = 10
"""So often a file is looked at that writers are changing."""
REMEDY = "restore it from a backup, or move the collection away and index again"


def open_folder(folder: Path, map_size: int, **options: Any) -> Any:
    """Open LMDB's files, once they were looked through: LMDB may end the process that comes across damage.

    Raises:
        StoreError: they are damaged.
    """
    file = folder / "data.mdb"
    try:
        if file.exists():
            refuse_damaged_heads(file)
    except Damaged as error:
        raise _is_damaged(file, error) from None
    opened = _open_mapped(folder, map_size, options)
    try:
        refuse_cut_short(opened)
        refuse_damaged(opened, whole=False)
    except BaseException:
        opened.close()
        raise
    return opened


def _open_mapped(folder: Path, map_size: int, options: dict[str, Any]) -> Any:
    """Open them with a smaller map where the address space does not allow the one asked for, and never one of no use."""
    map_size = min(max(map_size, LEAST_MAP), LARGEST_MAP)
    while True:
        try:
            return lmdb.open(str(folder), map_size=map_size, max_dbs=2, max_readers=512, **options)
        except (lmdb.MemoryError, MemoryError):
            if map_size <= SMALLEST_MAP:
                raise
            map_size //= 2


def refuse_cut_short(environment: Any) -> None:
    """Refuse a file that has lost its end: where LMDB's map reaches beyond it, reading kills the process.

    Raises:
        StoreError: some of the pages that are counted in its head are not there.
    """
    # In this order: a file that another process writes to only grows.
    needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    file = Path(environment.path()) / "data.mdb"
    missing = needed - file.stat().st_size
    if missing > 0:
        raise StoreError(f"{file} is cut short: {missing} bytes are missing at its end; {REMEDY}")


def refuse_damaged(environment: Any, *, whole: bool) -> None:
    """Refuse a file whose structure is damaged.

    Args:
        environment: the file, open.
        whole: look at everything, however large it is; O(bytes).

    Raises:
        StoreError: says what is wrong.
    """
    file = Path(environment.path()) / "data.mdb"
    for _ in range(ATTEMPTS):
        try:
            # As long as it is being read, nothing of it is overwritten but the heads.
            with environment.begin() as transaction:
                Pages(file, environment.stat()["psize"], transaction.id()).check(whole=whole)
            return
        except lmdb.MapResizedError:
            # Another process has enlarged it.
            environment.set_mapsize(0)
        except Overtaken:
            continue
        except Damaged as error:
            raise _is_damaged(file, error) from None
    raise _is_damaged(file, Damaged("its head is not as it was written"))


def _is_damaged(file: Path, damage: Damaged) -> StoreError:
    return StoreError(f"{file} is damaged: {damage}; {REMEDY}")


def create(directory: Path, map_size: int, meta: dict[bytes, bytes]) -> None:
    """Make the first generation; whole or not at all.

    Raises:
        StoreError: there are descriptors, and only ``CURRENT`` is missing.
    """
    for folder in sorted(directory.glob("data-*")):
        if _holds_descriptors(folder):
            raise StoreError(
                f"{directory}: the file {CURRENT} is missing, but {folder.name} holds descriptors; "
                f"write the name of the folder with the highest number into {CURRENT}, or move the folders away"
            )
    remove_other_generations(directory)
    folder = directory / "data-000001"
    folder.mkdir()
    made = open_folder(folder, map_size)
    try:
        with made.begin(write=True) as transaction:
            made.open_db(DESCRIPTORS, txn=transaction)
            database = made.open_db(META, txn=transaction)
            for key, value in meta.items():
                transaction.put(key, value, db=database)
    finally:
        made.close()
    # LMDB syncs its file, and never the folder that it has made it in.
    sync_directory(folder)
    set_current(directory, folder.name)


def _holds_descriptors(folder: Path) -> bool:
    """Whether a generation holds anything; one whose making was interrupted holds nothing."""
    file = folder / "data.mdb"
    size = file.stat().st_size if file.is_file() else 0
    if not size:
        return False
    try:
        with open_folder(folder, 0, readonly=True, lock=False) as opened, opened.begin() as transaction:
            database = opened.open_db(DESCRIPTORS, txn=transaction, create=False)
            return bool(transaction.stat(database)["entries"])
    except (lmdb.Error, StoreError):
        return size > UNFINISHED


def current(directory: Path) -> Path:
    """The folder of the current generation.

    Raises:
        FileNotFoundError: there is none, or it has just been replaced.
        FormatError: ``CURRENT`` does not name one.
        StoreError: it is empty.
    """
    file = directory / CURRENT
    # Opening a pipe would wait for ever.
    name = "" if file.exists() and not file.is_file() else _named(file)
    if not name:
        raise FormatError(
            f"{directory / CURRENT} is damaged: it does not name a folder of the store lmdb; write the name of the folder "
            "data-… with the highest number into it"
        )
    file = directory / name / "data.mdb"
    if not file.is_file():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))
    if not file.stat().st_size:
        raise StoreError(f"{file} is cut short: nothing is left of it; {REMEDY}")
    return directory / name


def _named(file: Path) -> str:
    """The folder that ``CURRENT`` names; empty where it names none."""
    name = file.read_bytes()[:64].decode("ascii", "replace").strip()
    return name if re.fullmatch(r"data-\d{6,18}", name) else ""


def mend_current(directory: Path) -> None:
    """Write ``CURRENT`` anew where it is missing or names nothing, and there is just one folder that it can mean."""
    file = directory / CURRENT
    if file.exists() and (not file.is_file() or _named(file)):
        return
    folders = [folder for folder in directory.glob("data-*") if (folder / "data.mdb").is_file()]
    # One that holds nothing, and was never named, is of a store whose making was interrupted.
    if len(folders) == 1 and (file.exists() or _holds_descriptors(folders[0])):
        set_current(directory, folders[0].name)
        log.warning(
            "%s was damaged or missing, and is written anew: it names %s, the only folder", file, folders[0].name
        )


def following(folder: Path) -> Path:
    """The folder of the generation after this one."""
    return folder.with_name(f"data-{int(folder.name.removeprefix('data-')) + 1:06d}")


def set_current(directory: Path, name: str) -> None:
    """Name the current generation, durably."""
    write_atomically(directory / CURRENT, name.encode())


def remove_other_generations(directory: Path) -> None:
    """Remove every generation but the current one. Whoever has one mapped goes on with it until its next transaction."""
    kept = current(directory).name if (directory / CURRENT).exists() else ""
    for folder in directory.glob("data-*"):
        if folder.name != kept:
            shutil.rmtree(folder, ignore_errors=True)


def state(directory: Path) -> tuple[int, int] | None:
    """What changes whenever another generation becomes current; None where there is none. Costs one ``stat``."""
    try:
        found = os.stat(directory / CURRENT)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns

"""Files that survive a power cut: written beside, fsynced, renamed, and the folder fsynced."""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seealso.errors import CollectionError, CollectionReadOnly, DiskFull, FileError

FULL = (errno.ENOSPC, errno.EDQUOT)
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


def sync_file(path: Path) -> None:
    """Force a file's content to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Force a folder's entries (files created, renamed, removed) to the disk."""
    sync_file(path)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file's content: on return the new content is durable; before, whatever happens, the old one stands."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.rename(new, path)
    sync_directory(path.parent)


def make_directory(path: Path) -> None:
    """Make a folder and those above it that are missing, durably."""
    missing = [path, *path.parents]
    missing = missing[: next(place for place, folder in enumerate(missing) if folder.is_dir())]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_directory(folder.parent)


def refuse_without_locks(file: Path) -> None:
    """Refuse a file system that cannot lock files. SQLite takes that for a lock that another process holds, and waits.

    Args:
        file: one that is locked in no other way than this, by `flock`, or not at all: this lets go of the locks that this process
            holds on it by `lockf`.

    Raises:
        CollectionError: it cannot; says where.
    """
    descriptor = os.open(file, os.O_RDONLY)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in WITHOUT_LOCKS:
            raise _without_locks(file.parent, error) from error
    finally:
        os.close(descriptor)


def _without_locks(directory: Path, error: OSError) -> CollectionError:
    return CollectionError(
        f"{directory}: its file system cannot lock files ({error.strerror}), and a collection needs that; move it to another disk"
    )


def disk_is_full(directory: Path, least: int = 1 << 20) -> bool:
    """Whether less than so many bytes can be written in a folder: its disk has no room, or the user's quota is spent. For libraries
    that do not tell that from other failures."""
    if shutil.disk_usage(directory).free < least:
        return True
    # What a quota leaves is not told; it shows when something is written.
    try:
        with tempfile.TemporaryFile(dir=directory) as probe:
            probe.write(bytes(least))
            probe.flush()
    except OSError as error:
        return error.errno in FULL
    return False


@contextmanager
def telling_full(directory: Path) -> Iterator[None]:
    """Let an error that does not say why writing failed, as NumPy's do not, say that the disk is full, where it is."""
    try:
        yield
    except OSError as error:
        if error.errno is None and disk_is_full(directory):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(directory)) from error
        raise


@contextmanager
def writing_in(directory: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write below a directory into our errors."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull(
                f"{directory}: the disk is full; make room and run the command again, nothing is lost"
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise CollectionReadOnly(
                f"{directory}: the collection cannot be written: it lies on a read-only disk, or the permission is missing"
            ) from error
        if error.errno == errno.ENOLCK:
            raise _without_locks(directory, error) from error
        raise


@contextmanager
def writing_to(file: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write a file that the user named into our errors.

    Raises:
        DiskFull: no space is left for it.
        FileError: it cannot be written; says why.
    """
    try:
        yield
    except OSError as error:
        full = error.errno in FULL
        # What libraries say of a full disk is no line for a person.
        reason = os.strerror(error.errno or 0) if full else error.strerror or error
        raise (DiskFull if full else FileError)(f"{file}: cannot be written: {reason}") from None

"""What was forgotten on purpose: its content stays out, wherever it is found, until it is called back.

A row for each place where it was found: so a file that is still there need not be read again to know it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from seealso.catalogue.checksums import checksum_of, inserting
from seealso.catalogue.connection import out_of_order
from seealso.catalogue.formats import FORGOTTEN_SINCE
from seealso.catalogue.reader import Catalog, marks, pages_of
from seealso.catalogue.rows import ForgottenPlace
from seealso.catalogue.writer import CatalogWriter

PAGE = 1000

COLUMNS = "hash, path, object, time"

FORGET = (
    "INSERT OR REPLACE INTO forgotten SELECT o.hash, l.path, o.id, l.signature, ?1, "
    + checksum_of("forgotten", hash="o.hash", path="l.path", object="o.id", signature="l.signature", time="?1")
    + " FROM locations AS l JOIN objects AS o ON o.id = l.object WHERE o.id = ?2"
)


def has_forgotten(catalog: Catalog) -> bool:
    """Whether anything was forgotten."""
    return catalog.is_of_format(FORGOTTEN_SINCE) and bool(catalog.rows("SELECT 1 FROM forgotten LIMIT 1"))


def count_forgotten(catalog: Catalog) -> int:
    """How many contents were forgotten; O(those)."""
    if not catalog.is_of_format(FORGOTTEN_SINCE):
        return 0
    return int(catalog.rows("SELECT count(DISTINCT hash) FROM forgotten")[0][0])


def forgotten_places(catalog: Catalog) -> Iterator[ForgottenPlace]:
    """Every place of what was forgotten, by content and path; a page at a time, so that the catalogue may change meanwhile."""
    last = (b"", b"")
    while catalog.is_of_format(FORGOTTEN_SINCE):
        rows = catalog.rows(
            f"SELECT {COLUMNS} FROM forgotten WHERE (hash, path) > (?, ?) ORDER BY hash, path LIMIT ?", (*last, PAGE)
        )
        for row in rows:
            yield ForgottenPlace(*row)
        if not rows:
            return
        before, last = last, rows[-1][:2]
        if not all(isinstance(value, bytes) for value in last) or last <= before:
            raise out_of_order(catalog.file)


def forgotten_hashes(catalog: Catalog, digests: Iterable[bytes]) -> set[bytes]:
    """Those of some content hashes that were forgotten."""
    if not catalog.is_of_format(FORGOTTEN_SINCE):
        return set()
    return {
        row[0]
        for part in pages_of(list(digests))
        for row in catalog.rows(f"SELECT DISTINCT hash FROM forgotten WHERE hash IN ({marks(part)})", part)
    }


def forgotten_states(catalog: Catalog, paths: Sequence[bytes]) -> set[tuple[bytes, bytes]]:
    """Path and signature of the files at some paths that held forgotten content when they were read."""
    if not catalog.is_of_format(FORGOTTEN_SINCE):
        return set()
    return {
        (path, signature)
        for part in pages_of(list(paths))
        for path, signature in catalog.rows(
            f"SELECT path, signature FROM forgotten WHERE path IN ({marks(part)})", part
        )
    }


def hashes_of_objects(catalog: Catalog, ids: Sequence[int]) -> set[bytes]:
    """The forgotten contents that had these IDs; O(forgotten)."""
    if not catalog.is_of_format(FORGOTTEN_SINCE):
        return set()
    return {
        row[0]
        for part in pages_of(list(ids))
        for row in catalog.rows(f"SELECT DISTINCT hash FROM forgotten WHERE object IN ({marks(part)})", part)
    }


def hashes_below(catalog: Catalog, path: bytes) -> set[bytes]:
    """The forgotten contents that were found at or below a path."""
    if not catalog.is_of_format(FORGOTTEN_SINCE):
        return set()
    low, high = path.rstrip(b"/") + b"/", path.rstrip(b"/") + b"0"
    rows = catalog.rows(
        "SELECT DISTINCT hash FROM forgotten WHERE path = ? OR (path > ? AND path < ?)", (path, low, high)
    )
    return {row[0] for row in rows}


# Writing; each function is one transaction


def forget(writer: CatalogWriter, ids: Sequence[int]) -> int:
    """Have the contents of objects stay out, and remove their locations; returns how many there were.

    `CatalogWriter.remove_unplaced` removes the objects.
    """
    paths = [path for record in writer.records(ids).values() for path in record.paths]
    now = time.time()
    with writer.transaction() as connection:
        connection.executemany(FORGET, ((now, id_) for id_ in ids))
        writer.leave_in(connection, paths)
    return len(paths)


def pass_over(writer: CatalogWriter, files: Sequence[tuple[bytes, bytes, bytes]]) -> None:
    """Note where forgotten content was found by now: path, hash and signature each. Whatever was known of these paths is known no more."""
    paths = [path for path, _, _ in files]
    with writer.transaction() as connection:
        for path, digest, signature in files:
            # What was called back a moment ago is none of them any more.
            row = connection.execute("SELECT object, time FROM forgotten WHERE hash = ? LIMIT 1", (digest,)).fetchone()
            if row is not None:
                values = (digest, path, row[0], signature, row[1])
                connection.execute(inserting("forgotten", "INSERT OR REPLACE"), values)
        connection.executemany("DELETE FROM failures WHERE path = ?", ((path,) for path in paths))
        writer.leave_in(connection, paths)


def call_back(writer: CatalogWriter, digests: Iterable[bytes] | None) -> None:
    """Let contents come in again; None: all."""
    with writer.transaction() as connection:
        if digests is None:
            connection.execute("DELETE FROM forgotten")
        else:
            connection.executemany("DELETE FROM forgotten WHERE hash = ?", ((digest,) for digest in digests))

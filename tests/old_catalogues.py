"""Catalogues as earlier releases made them."""

import contextlib
import sqlite3
from pathlib import Path

from seealso.catalogue.checksums import COVERED
from seealso.catalogue.formats import COUNTED, FORMAT
from seealso.layout import CATALOGUE

UNDO = {
    4: "".join(f"ALTER TABLE {table} DROP COLUMN checksum;" for table in COVERED)
    + f"DELETE FROM meta WHERE key = '{FORMAT}';",
    3: "DROP TABLE counts;"
    + "".join(f"DROP TRIGGER {table}_added; DROP TRIGGER {table}_removed;" for table in COUNTED),
    2: "DROP TABLE words; DROP TABLE described; ALTER TABLE locations DROP COLUMN described;",
}


def make_old(folder: Path, version: int) -> None:
    """Make the catalogue in a folder one of an earlier format."""
    with contextlib.closing(sqlite3.connect(folder / CATALOGUE)) as connection:
        script = "".join(undo for since, undo in UNDO.items() if since > version)
        connection.executescript(f"BEGIN; {script} PRAGMA user_version = {version}; COMMIT;")

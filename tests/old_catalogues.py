"""Catalogues as earlier releases made them."""

import contextlib
import sqlite3
from pathlib import Path

from seealso.catalogue.checksums import COVERED, LATER, checksum_of, register
from seealso.catalogue.formats import COUNTED, FORMAT
from seealso.layout import CATALOGUE

OF_FORMAT_4 = checksum_of("meta", value="'4'")

UNDO = {
    5: "DROP TABLE forgotten;DROP TABLE damage;"
    f"UPDATE meta SET value = '4', checksum = {OF_FORMAT_4} WHERE key = '{FORMAT}';"
    "DELETE FROM meta WHERE key = 'scan';",
    4: "".join(f"ALTER TABLE {table} DROP COLUMN checksum;" for table in COVERED if table not in LATER)
    + f"DELETE FROM meta WHERE key = '{FORMAT}';",
    3: "DROP TABLE counts;"
    + "".join(f"DROP TRIGGER {table}_added; DROP TRIGGER {table}_removed;" for table in COUNTED),
    2: "DROP TABLE words; DROP TABLE described; ALTER TABLE locations DROP COLUMN described;",
}


def make_old(folder: Path, version: int) -> None:
    """Make the catalogue in a folder one of an earlier format."""
    with contextlib.closing(sqlite3.connect(folder / CATALOGUE)) as connection:
        register(connection)
        script = "".join(undo for since, undo in UNDO.items() if since > version)
        connection.executescript(f"BEGIN; {script} PRAGMA user_version = {version}; COMMIT;")

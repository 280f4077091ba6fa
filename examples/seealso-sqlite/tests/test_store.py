"""The plugin sqlite does what the framework asks of its kind."""

from seealso.testing import ObjectStoreTests

from seealso_sqlite.store import SqliteStore


class TestSqlite(ObjectStoreTests):
    """All of it."""

    store_class = SqliteStore

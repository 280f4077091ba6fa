"""Looking after a collection: checking, giving back space, moving it to another store, exporting."""

"""A collection: the way in, the way out, and its upkeep."""

from seealso.collection.collection import Collection

__all__ = ["Collection"]

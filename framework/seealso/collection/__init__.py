"""A collection: the way in, the way out, and its upkeep."""

from seealso.collection.collection import Collection
from seealso.opening import open

__all__ = ["Collection", "open"]

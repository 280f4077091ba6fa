"""Stores as the conformance kit opens them, here and in other processes."""

from pathlib import Path
from typing import Any

import numpy as np

from seealso.codecs import register_codecs
from seealso.codecs.choice import choose_codec
from seealso.interfaces.codec import Codec, CodecContext
from seealso.interfaces.plugin import PluginChoice
from seealso.interfaces.store import ObjectStore, StoreContext

DIM = 16
CODECS = {codec.name: codec for codec in register_codecs()}


def open_store(
    cls: type[ObjectStore],
    directory: Path,
    *,
    dim: int = DIM,
    dtype: str = "float32",
    read_only: bool = False,
    identity: str = "",
    **options: Any,
) -> ObjectStore:
    """A store of this class, with the framework's own codecs."""
    directory.mkdir(exist_ok=True)
    encoded = CodecContext(dim, np.dtype(dtype))

    def make(choice: PluginChoice) -> Codec:
        codec = CODECS[choice.plugin]
        return codec(codec.Options(**choice.options), encoded)

    def choose(descriptors: np.ndarray) -> PluginChoice:
        return choose_codec(CODECS, encoded, descriptors)

    context = StoreContext(directory, dim, np.dtype(dtype), read_only, make, choose, identity)
    return cls(cls.Options(**options), context)


def rows(ids: Any, dim: int = DIM) -> np.ndarray:
    """A descriptor for each ID, float32 ``(n, dim)``, that tells its ID (up to 2²⁴)."""
    found: np.ndarray = np.asarray(ids, np.float32)[:, np.newaxis] + np.arange(dim, dtype=np.float32)
    return found


def put(store: ObjectStore, ids: Any) -> None:
    """Store these IDs' `rows`, and flush."""
    ids = np.asarray(ids, np.int64)
    store.put_many(ids, rows(ids))
    store.flush()

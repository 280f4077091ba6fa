"""An object store in memory: what the tests of indexes keep descriptors in, and a back door to them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seealso.codecs.raw import Raw
from seealso.errors import MissingObject
from seealso.interfaces.codec import CodecContext
from seealso.interfaces.plugin import PluginChoice, PluginOptions
from seealso.interfaces.store import EncodedBlock, ObjectStore, StoreContext, StoreReport

BLOCK = 64


class MemoryStore(ObjectStore):
    """Keeps descriptors in a dictionary, ``held``; nothing is written anywhere."""

    name = "memory"

    def __init__(self, dim: int, dtype: str = "float32") -> None:
        codec = Raw(PluginOptions(), CodecContext(dim, np.dtype(dtype)))
        raw = PluginChoice(Raw.name)
        super().__init__(
            PluginOptions(),
            StoreContext(Path(), dim, np.dtype(dtype), False, lambda choice: codec, lambda descriptors: raw),
        )
        self._codec = codec
        self._identity = ""
        self.held: dict[int, np.ndarray] = {}

    def identity(self) -> str:
        return self._identity

    def keep_identity(self, identity: str) -> None:
        self._identity = identity

    def put_many(self, ids: np.ndarray, descriptors: np.ndarray) -> None:
        self.context.check(ids, descriptors)
        self.held = self.held | dict(zip(ids.tolist(), descriptors.copy(), strict=True))

    def flush(self) -> None:
        pass

    def remove_many(self, ids: np.ndarray) -> None:
        gone = set(ids.tolist())
        self.held = {id_: descriptor for id_, descriptor in self.held.items() if id_ not in gone}

    def ids(self) -> np.ndarray:
        return np.array(sorted(self.held), dtype=np.int64)

    def get_many(self, ids: np.ndarray) -> np.ndarray:
        held = self.held
        missing = sorted({id_ for id_ in ids.tolist() if id_ not in held})
        if missing:
            raise MissingObject(missing)
        out = np.empty((ids.size, self.context.dim), self.context.dtype)
        for place, id_ in enumerate(ids.tolist()):
            out[place] = held[id_]
        return out

    def read_blocks(self, ids: np.ndarray) -> Iterator[EncodedBlock]:
        held = self.held
        there = np.array([id_ for id_ in np.unique(ids).tolist() if id_ in held], dtype=np.int64)
        for start in range(0, there.size, BLOCK):
            part = there[start : start + BLOCK]
            records = self._codec.encode(np.stack([held[id_] for id_ in part.tolist()]))
            yield EncodedBlock(part, records, self._codec, int(part.size), sum(map(len, records)))

    def verify(self) -> StoreReport:
        return StoreReport(len(self.held))

    def statistics(self) -> dict[str, int | float | str]:
        return {"objects": len(self.held), "bytes": 0}

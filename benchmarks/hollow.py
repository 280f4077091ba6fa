"""An extractor, a store and an index that keep nothing: what the catalogue costs remains. A plugin of one file."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import seealso

DIM = 8


class HollowExtractor(seealso.Extractor):
    """Every image is like every other."""

    name = "hollow"
    batch_size = 256

    @property
    def provenance(self) -> seealso.Provenance:
        return seealso.Provenance(self.name, "", "none", DIM)

    def prepare(self, image: Image.Image) -> np.ndarray:
        return np.zeros(1, np.uint8)

    def extract(self, batch: np.ndarray) -> np.ndarray:
        return np.zeros((len(batch), DIM), np.float32)


class HollowStore(seealso.ObjectStore):
    """Holds no descriptors."""

    name = "hollow"

    def put_many(self, ids: np.ndarray, descriptors: np.ndarray) -> None:
        pass

    def flush(self) -> None:
        pass

    def read_blocks(self, ids: np.ndarray) -> Iterator[seealso.EncodedBlock]:
        return iter(())

    def remove_many(self, ids: np.ndarray) -> None:
        pass

    def ids(self) -> np.ndarray:
        return np.empty(0, np.int64)

    def get_many(self, ids: np.ndarray) -> np.ndarray:
        return np.zeros((ids.size, self.context.dim), self.context.dtype)

    def verify(self) -> seealso.StoreReport:
        return seealso.StoreReport(0)

    def statistics(self) -> dict[str, int | float | str]:
        return {"objects": 0, "bytes": 0}


class HollowIndex(seealso.MetricIndex):
    """Finds nothing."""

    name = "hollow"
    needs_content = False

    def add(self, ids: np.ndarray, descriptors: np.ndarray | None) -> None:
        pass

    def remove(self, ids: np.ndarray) -> None:
        pass

    def candidates(
        self, query: np.ndarray, *, allowed: seealso.IdSet | None = None, wanted: int = 1000
    ) -> Iterator[seealso.CandidateBlock]:
        return iter(())

    def ids(self) -> np.ndarray:
        return np.empty(0, np.int64)

    def save(self, directory: Path) -> None:
        (directory / "hollow").touch()

    def load(self, directory: Path) -> None:
        pass

    def statistics(self) -> dict[str, int | float | str]:
        return {"objects": 0, "bytes": 0}


@seealso.hookimpl
def register_extractors() -> list[type[seealso.Extractor]]:
    return [HollowExtractor]


@seealso.hookimpl
def register_object_stores() -> list[type[seealso.ObjectStore]]:
    return [HollowStore]


@seealso.hookimpl
def register_metric_indexes() -> list[type[seealso.MetricIndex]]:
    return [HollowIndex]

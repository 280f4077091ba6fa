"""An outsider's store and index in one file: the plainest that can be, and different from the built-in ones in kind.

The store keeps each descriptor in a file of its own. The index is trained, keeps one number for each object (its
distance from a pivot), and its candidates are no true distances.
"""

import os
import zlib

import numpy as np

import seealso


class PlainStore(seealso.ObjectStore):
    """One ``.npy`` file a descriptor."""

    name = "plain"

    def _file(self, id_):
        return self.context.directory / f"{id_}.npy"

    def put_many(self, ids, descriptors):
        for id_, descriptor in zip(ids, descriptors, strict=True):
            data = descriptor.tobytes()
            new = self._file(id_).with_suffix(".new")
            new.write_bytes(zlib.crc32(data).to_bytes(4, "little") + data)
            os.replace(new, self._file(id_))

    def _read(self, id_):
        raw = self._file(id_).read_bytes()
        if zlib.crc32(raw[4:]).to_bytes(4, "little") != raw[:4]:
            raise seealso.CorruptRecord([int(id_)])
        return raw[4:]

    def flush(self):
        os.sync()

    def read_blocks(self, ids):
        codec = self.context.codec(seealso.PluginChoice("raw"))
        ids = np.intersect1d(ids, self.ids())
        for start in range(0, ids.size, 7):
            part = ids[start : start + 7]
            records = [self._file(id_).read_bytes()[4:] for id_ in part]
            # The disk may like any order; nobody may count on the one asked for.
            yield seealso.EncodedBlock(part[::-1], records[::-1], codec, part.size, sum(map(len, records)))

    def remove_many(self, ids):
        for id_ in ids:
            self._file(id_).unlink(missing_ok=True)

    def ids(self):
        return np.array(sorted(int(file.stem) for file in self.context.directory.glob("*.npy")), dtype=np.int64)

    def verify(self):
        damaged = []
        for id_ in self.ids():
            try:
                self._read(id_)
            except seealso.CorruptRecord as error:
                damaged += error.ids
        return seealso.StoreReport(int(self.ids().size), damaged)

    def statistics(self):
        return {"objects": int(self.ids().size), "bytes": 0}

    def get_many(self, ids):
        missing = np.setdiff1d(ids, self.ids())
        if missing.size:
            raise seealso.MissingObject([int(i) for i in missing])
        return np.stack([np.frombuffer(self._read(id_), self.context.dtype) for id_ in ids])


class PivotIndex(seealso.MetricIndex):
    """Orders objects by how much their distance from one pivot differs from the query's."""

    name = "pivot"
    sample_size = 20

    class Options(seealso.PluginOptions):
        query_time = frozenset({"block"})
        block: int = 5
        chosen: int = 0

    pivot = None
    trained_on = 0

    def __init__(self, options, context):
        super().__init__(options, context)
        self._known = {}

    def train(self, sample):
        assert self.pivot is None, "trained twice"
        assert 0 < len(sample) <= self.sample_size
        self.pivot = sample[self.options.chosen].copy()
        self.trained_on = len(sample)

    def add(self, ids, descriptors):
        assert self.pivot is not None, "added to before it was trained"
        assert (np.diff(ids) > 0).all()
        distances = self.context.distance.one_to_many(self.pivot, descriptors)
        self._known = self._known | dict(zip(ids.tolist(), distances.tolist(), strict=True))

    def remove(self, ids):
        self._known = {id_: value for id_, value in self._known.items() if id_ not in set(ids.tolist())}

    def candidates(self, query, *, allowed=None, wanted=1000):
        known = self._known
        ids = np.array(sorted(known), dtype=np.int64)
        if allowed is not None:
            ids = ids[allowed.contains(ids)]
        if not ids.size:
            return
        mine = self.context.distance.one_to_many(self.pivot, query[np.newaxis])[0]
        scores = np.abs(np.array([known[i] for i in ids.tolist()], dtype=np.float32) - mine)
        order = np.argsort(scores, kind="stable")
        for start in range(0, order.size, self.options.block):
            part = order[start : start + self.options.block]
            yield seealso.CandidateBlock(ids[part], scores[part])

    def ids(self):
        return np.array(sorted(self._known), dtype=np.int64)

    def outgrown(self):
        return self.trained_on < self.sample_size and len(self._known) >= 4 * self.trained_on > 0

    def statistics(self):
        return {"objects": len(self._known), "bytes": 0}

    def save(self, directory):
        ids = self.ids()
        np.save(directory / "ids.npy", ids)
        np.save(directory / "distances.npy", np.array([self._known[i] for i in ids.tolist()]))
        np.save(directory / "pivot.npy", self.pivot)
        np.save(directory / "trained_on.npy", self.trained_on)

    def load(self, directory):
        self.pivot = np.load(directory / "pivot.npy", allow_pickle=False)
        self.trained_on = int(np.load(directory / "trained_on.npy", allow_pickle=False))
        ids = np.load(directory / "ids.npy", allow_pickle=False)
        distances = np.load(directory / "distances.npy", allow_pickle=False)
        self._known = dict(zip(ids.tolist(), distances.tolist(), strict=True))


@seealso.hookimpl
def register_object_stores():
    return [PlainStore]


@seealso.hookimpl
def register_metric_indexes():
    return [PivotIndex]

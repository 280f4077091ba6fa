"""Plugins that are broken on purpose, one way each, under the conformance suites: test_conformance.py runs this file."""

import contextlib
import threading
import time
from typing import ClassVar

import numpy as np

import seealso
from seealso.distances.vectors import Euclidean, Manhattan
from seealso.testing import (
    CodecTests,
    DistanceTests,
    ExtractorTests,
    FrontendTests,
    KeywordSourceTests,
    MetricIndexTests,
    ObjectStoreTests,
    SketchTests,
    TextIndexTests,
)
from seealso.testing.pixels import Pixels
from seealso_exact.index import ExactIndex
from seealso_lmdb.store import LmdbStore
from seealso_rabitq.sketch import RaBitQ
from seealso_tantivy.index import TantivyIndex

# Extractors


class TestBatchDependent(ExtractorTests):
    class extractor_class(Pixels):
        """The descriptor is relative to the mean of the batch."""

        def extract(self, batch):
            found = super().extract(batch)
            return found - found.mean(axis=0)


class TestNotTheSameAgain(ExtractorTests):
    class extractor_class(Pixels):
        """A little noise."""

        def extract(self, batch):
            return super().extract(batch) + np.random.default_rng().normal(size=(len(batch), 192)).astype(np.float32)


class TestWrongType(ExtractorTests):
    class extractor_class(Pixels):
        """The provenance says float32."""

        def extract(self, batch):
            return super().extract(batch).astype(np.float64)


class TestShapeOfTheImage(ExtractorTests):
    class extractor_class(Pixels):
        """Prepared images are not all of one shape."""

        def prepare(self, image):
            image = image.copy()
            image.thumbnail((8, 8))
            return np.asarray(image.resize((8, max(1, min(8, image.height)))))


class TestSharedBuffer(ExtractorTests):
    class extractor_class(Pixels):
        """What is returned is overwritten by the next call."""

        buffer = np.empty((8, 8, 3), np.uint8)

        def prepare(self, image):
            self.buffer[...] = super().prepare(image)
            time.sleep(0.001)
            return self.buffer


class TestChangesTheImage(ExtractorTests):
    class extractor_class(Pixels):
        """Draws on what it was lent."""

        def prepare(self, image):
            image.paste((0, 0, 0), (0, 0, 3, 3))
            return super().prepare(image)


class TestStillTheDefault(ExtractorTests):
    class extractor_class(Pixels):
        """What it says was the default in earlier releases is the default."""

        earlier_defaults: ClassVar = {"side": (8,)}


# Distances


class TestSquared(DistanceTests):
    class distance_class(Euclidean):
        """The square of a distance is none."""

        kind = None

        def many_to_many(self, a, b, out=None):
            found = super().many_to_many(a, b) ** 2
            if out is None:
                return found
            out[...] = found
            return out

        def one_to_many(self, query, descriptors, out=None):
            found = self.many_to_many(query[np.newaxis], descriptors)[0]
            if out is None:
                return found
            out[...] = found
            return out


class TestNotSymmetric(DistanceTests):
    class distance_class(seealso.Distance):
        """Divided by the length of the first."""

        name = "lopsided"

        def many_to_many(self, a, b, out=None):
            lengths = np.linalg.norm(a.astype(np.float64), axis=1)[:, np.newaxis] + 1
            found = (Euclidean().many_to_many(a, b) / lengths).astype(np.float32)
            if out is None:
                return found
            out[...] = found
            return out


class TestCallsItselfEuclidean(DistanceTests):
    class distance_class(Manhattan):
        """The sum of the differences, which says that it is the root of their squares' sum."""

        kind = "l2"


class TestCallsItselfAnAngle(DistanceTests):
    class distance_class(Euclidean):
        """A length that says it is an angle."""

        kind = "angle"


# Indexes


class TestForgetsRemovals(MetricIndexTests):
    class index_class(ExactIndex):
        """Removes nothing."""

        def remove(self, ids):
            pass


class TestIgnoresAllowed(MetricIndexTests):
    class index_class(ExactIndex):
        """Whatever is allowed."""

        def candidates(self, query, *, allowed=None, wanted=1000):
            return super().candidates(query, wanted=wanted)


class TestTwice(MetricIndexTests):
    class index_class(ExactIndex):
        """Gives its first block twice."""

        def candidates(self, query, *, allowed=None, wanted=1000):
            blocks = list(super().candidates(query, allowed=allowed, wanted=wanted))
            return iter(blocks[:1] + blocks)


class TestWorstFirst(MetricIndexTests):
    class index_class(ExactIndex):
        """The scores grow, but mean nothing."""

        def candidates(self, query, *, allowed=None, wanted=1000):
            for block in reversed(list(super().candidates(query, allowed=allowed, wanted=wanted))):
                yield seealso.CandidateBlock(block.ids[::-1], np.sort(-block.scores))


class TestLosesWhatWasAddedAfterLoading(MetricIndexTests):
    class index_class(ExactIndex):
        """A loaded index takes nothing more."""

        loaded = False

        def load(self, directory):
            super().load(directory)
            self.loaded = True

        def add(self, ids, descriptors):
            if not self.loaded:
                super().add(ids, descriptors)


class TestSeesNoDamage(MetricIndexTests):
    class index_class(ExactIndex):
        """Takes whatever it finds for a snapshot."""

        def load(self, directory):
            with contextlib.suppress(seealso.FormatError):
                super().load(directory)


# Sketches; with so many bits, since to choose them takes the longest


class TestSketchWorstFirst(SketchTests):
    options = {"bits": 4}  # noqa: RUF012 - as the suite has it

    class sketch_class(RaBitQ):
        """Higher is nearer."""

        def query(self, descriptor):
            return Turned(super().query(descriptor))


class Turned(seealso.SketchQuery):
    def __init__(self, query):
        self.query = query

    def scores(self, rows, places, out):
        self.query.scores(rows, places, out)
        np.negative(out, out=out)


class TestSketchSharesState(SketchTests):
    options = {"bits": 4}  # noqa: RUF012

    class sketch_class(RaBitQ):
        """All queries are the last one that was prepared."""

        def query(self, descriptor):
            prepared = super().query(descriptor)
            shared = self.__dict__.setdefault("shared", prepared)
            shared.planes[...], shared.factors[...] = prepared.planes, prepared.factors
            return shared


class TestSketchWidthVaries(SketchTests):
    options = {"bits": 4}  # noqa: RUF012

    class sketch_class(RaBitQ):
        """Cuts off what is zero at the end."""

        def encode(self, descriptors):
            return super().encode(descriptors)[:, : 40 if len(descriptors) > 1 else 32]


class TestSketchDependsOnTheBatch(SketchTests):
    options = {"bits": 4}  # noqa: RUF012

    class sketch_class(RaBitQ):
        """Centred by the batch."""

        def encode(self, descriptors):
            if descriptors.dtype == np.float32 and len(descriptors):
                descriptors = descriptors - descriptors.mean(axis=0)
            return super().encode(descriptors)


# Codecs


class Plain(seealso.Codec):
    """The values as they are."""

    name = "plain"

    def encode(self, descriptors):
        return [descriptor.tobytes() for descriptor in np.ascontiguousarray(descriptors)]

    def decode(self, records):
        size = self.context.dim * self.context.dtype.itemsize
        if any(len(record) != size for record in records):
            raise ValueError("a record of another length")
        return np.frombuffer(b"".join(records), self.context.dtype).reshape(len(records), self.context.dim)


class TestPlain(CodecTests):
    codec_class = Plain


class TestNotLossless(CodecTests):
    class codec_class(Plain):
        """Rounds, and does not say so."""

        def encode(self, descriptors):
            return super().encode(np.round(descriptors, 2) if descriptors.dtype.kind == "f" else descriptors)


class TestTakesAnything(CodecTests):
    class codec_class(Plain):
        """Fills up what is cut short."""

        def decode(self, records):
            size = self.context.dim * self.context.dtype.itemsize
            return super().decode([bytes(record)[:size].ljust(size, b"\0") for record in records])


# Stores


class TestStoreForgetsRemovals(ObjectStoreTests):
    class store_class(LmdbStore):
        """Removes nothing."""

        def remove_many(self, ids):
            self.context.check_ids(ids)


class TestStoreSorts(ObjectStoreTests):
    class store_class(LmdbStore):
        """Answers in the order of the IDs."""

        def get_many(self, ids):
            return super().get_many(np.sort(ids))


class TestStoreFillsInWhatIsMissing(ObjectStoreTests):
    class store_class(LmdbStore):
        """Zeros for what is not there."""

        def get_many(self, ids):
            out = np.zeros((len(ids), self.context.dim), self.context.dtype)
            there = np.isin(ids, self.ids())
            out[there] = super().get_many(ids[there])
            return out


class TestStoreReadsOneBlock(ObjectStoreTests):
    class store_class(LmdbStore):
        """Reads all at once, whatever it takes."""

        def read_blocks(self, ids):
            blocks = list(super().read_blocks(ids))
            if blocks:
                records = [record for block in blocks for record in block.records]
                found = np.concatenate([block.ids for block in blocks])
                yield seealso.EncodedBlock(found, records, blocks[0].codec, 1, sum(map(len, records)))


class TestStoreIsAnybodys(ObjectStoreTests):
    class store_class(LmdbStore):
        """Keeps its identity in memory."""

        held = ""

        def identity(self):
            return self.held

        def keep_identity(self, identity):
            self.held = identity


# Keyword sources


class TestNoticesNoChange(KeywordSourceTests):
    class source_class(seealso.KeywordSource):
        """Text files, whose changes are not told."""

        name = "notes"

        def state(self, path):
            return b"1"

        def words(self, path, data):
            try:
                with open(path + b".note") as file:
                    return [seealso.Words("keywords", file.read())]
            except OSError:
                return []

    def describe(self, image, word):
        image.with_name(image.name + ".note").write_text(word)
        return image


# Text indexes


class TestFindsWhatWasRemoved(TextIndexTests):
    class text_index_class(TantivyIndex):
        """Removes nothing."""

        def remove(self, ids):
            pass


# Frontends


class TestDeaf(FrontendTests):
    soon = 1.0

    class frontend_class(seealso.Frontend):
        """Leaves a thread behind."""

        name = "deaf"

        def run(self, host, stop):
            threading.Thread(target=time.sleep, args=(2,), daemon=False).start()
            stop.wait(5)

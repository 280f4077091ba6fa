"""An outsider's extractor, store and index that talk all the time: by ``print``, past Python, and by another process."""

import functools
import inspect
import os
import subprocess

import numpy as np

import seealso
from seealso_exact.index import ExactIndex
from seealso_flatfile.store import FlatFileStore


def noisy(cls):
    """The class, each of whose own and inherited plugin methods says that it was called."""
    for name, method in inspect.getmembers(cls, inspect.isfunction):
        if not name.startswith("_"):
            setattr(cls, name, _saying(name, method))
    return cls


def _saying(name, method):
    @functools.wraps(method)
    def saying(*arguments, **named):
        print(f"noise of {name}")
        os.write(1, b"noise past Python\n")
        return method(*arguments, **named)

    return saying


@noisy
class NoisyExtractor(seealso.Extractor):
    name = "noisy-extractor"
    min_side = 8
    provenance = seealso.Provenance("noisy-extractor", "", "resized to 8 × 8", dim=192)

    def prepare(self, image):
        return np.asarray(image.resize((8, 8)))

    def extract(self, batch):
        return batch.reshape(len(batch), -1).astype(np.float32)


@noisy
class NoisyStore(FlatFileStore):
    name = "noisy-store"
    preference = 0

    def close(self):
        subprocess.run(["echo", "noise of another process"], check=True)
        print("noise of close")
        super().close()


@noisy
class NoisyIndex(ExactIndex):
    name = "noisy-index"
    preference = 0


@seealso.hookimpl
def register_extractors():
    return [NoisyExtractor]


@seealso.hookimpl
def register_object_stores():
    return [NoisyStore]


@seealso.hookimpl
def register_metric_indexes():
    return [NoisyIndex]


@seealso.hookimpl
def register_commands(group):
    @group.command("own")
    def own():
        """Answers, too."""
        print("an answer")

"""A plugin in one file, for the story: it writes down every commit, and makes the limits of large collections small.

Each line of the file that ``STORY_LOG`` names is ``["given", COLLECTION, [[ID, PATH, SHA-256 of its file], ...]]`` or
``["removed", COLLECTION, [ID, ...]]``.
"""

import hashlib
import json
import os

import numpy as np

import seealso
import seealso_flatfile.writer
import seealso_lmdb.store
from seealso.collection.derived import limits
from seealso.collection.intake import vector_files
from seealso.collection.upkeep import convert

# So a few dozen objects are several segments, checkpoints, commits of an import and batches of a conversion.
seealso_flatfile.writer.Writer.segment_bytes = 12_000
seealso_flatfile.writer.Writer.checkpoint_bytes = 3_000
seealso_lmdb.store.LEAST_GAINED = 1 << 15
limits.LIMITS = limits.Limits(objects=12)
vector_files.PART_BYTES = 1 << 13
convert.BATCH_BYTES = 1 << 12


def tell(*what: object) -> None:
    """Write a line, at once."""
    if file := os.environ.get("STORY_LOG"):
        log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.write(log, json.dumps(what).encode() + b"\n")
        os.close(log)


def digest(path: str) -> str:
    """Of a file; empty where it is none, for an imported descriptor."""
    if not os.path.isfile(path):
        return ""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


@seealso.hookimpl
def ingested(collection: str, batch: seealso.IngestedBatch) -> None:
    """Objects were committed."""
    paths = [os.fsdecode(path) for path in batch.paths]
    tell("given", collection, [[id_, path, digest(path)] for id_, path in zip(batch.ids.tolist(), paths, strict=True)])


@seealso.hookimpl
def removed(collection: str, ids: np.ndarray) -> None:
    """Objects are gone, and that is committed."""
    tell("removed", collection, ids.tolist())

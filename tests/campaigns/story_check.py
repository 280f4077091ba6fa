"""What must be true of the collections of a story at any moment, whatever was killed before. Run as a process of its own.

    story_check.py STORY.yaml < QUESTION > ANSWER

QUESTION (JSON): ``promised`` (collection → path → ID and SHA-256), ``removed`` (collection → IDs), ``words`` (some that
were once kept), ``whole`` (collection → whether the last command took in everything). ANSWER: ``problems`` (kind and
details each), ``held`` (as ``promised``: what is there now), ``objects``: how many were compared.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

import seealso

BROKEN = b"no image"
"""How a file begins that has the name of an image, and is none."""

ASKED = 4  # objects whose neighbours are compared
NEIGHBOURS = 10
SHOWN = 5  # of what is wrong

Rows = dict[str, int]
"""Path → ID."""


class Looked:
    """What a collection holds, and what is wrong with it.

    Objects between the removal of their last place and their own are shown to nobody, and left out.

    Attributes:
        ids: int64 ``(n,)``, ascending.
        records: of these.
        rows: the places.
        descriptors: ``(n, dim)``.
        problems: kind and details each.
    """

    def __init__(self, collection: seealso.Collection) -> None:
        self.collection = collection
        self.problems: list[tuple[str, Any]] = []
        found = collection.verify()
        self.problems += [("verify is not content", problem) for problem in found.problems[:SHOWN]]
        records = collection.records(collection.ids().tolist())
        self.records = {id_: record for id_, record in sorted(records.items()) if record.paths}
        self.ids = np.array(list(self.records), np.int64)
        places = [(os.fsdecode(path), id_) for id_, record in self.records.items() for path in record.paths]
        self.rows: Rows = dict(places)
        self.descriptors = collection.descriptors(self.ids)
        self.require(len(places) == len(self.rows), "a path is there twice", len(places) - len(self.rows))
        contents = {record.hash for record in self.records.values()}
        self.require(len(contents) == len(self.records), "a content is there twice", len(self.records) - len(contents))

    def require(self, holds: bool, kind: str, details: Any) -> None:
        """A problem, unless something holds."""
        if not holds:
            self.problems.append((kind, details))

    def require_same(self, found: Iterable[Any], expected: Iterable[Any], kind: str) -> None:
        """A problem where two sets differ."""
        differing = set(found) ^ set(expected)
        self.require(not differing, kind, sorted(differing)[:SHOWN])

    def place(self, id_: int) -> int:
        """The row of an object's descriptor."""
        return int(np.searchsorted(self.ids, id_))


def check_promises(looked: Looked, promised: dict[str, tuple[int, str]], removed: list[int]) -> None:
    """Whatever was committed is there, and what was removed is not."""
    for path, (id_, digest) in promised.items():
        there = looked.rows.get(path) == id_ and digest in ("", looked.records[id_].hash.hex())
        looked.require(there, "what was committed is lost", [path, id_, looked.rows.get(path)])
    back = set(removed) & set(looked.collection.ids().tolist())
    looked.require(not back, "what was removed is back", sorted(back)[:SHOWN])


def check_neighbours(looked: Looked) -> None:
    """Neighbours are those that a comparison with every object finds."""
    rows = looked.descriptors.astype(np.float64)
    for id_ in looked.ids[:: max(1, looked.ids.size // ASKED)].tolist():
        distances = np.sqrt(((rows - rows[looked.place(id_)]) ** 2).sum(axis=1))
        hits = looked.collection.similar(id_, k=NEIGHBOURS).hits
        known = all(hit.id in looked.records for hit in hits)
        looked.require(known, "a neighbour is no object", [id_, [hit.id for hit in hits]])
        if known:
            told = np.array([hit.distance for hit in hits])
            own = distances[[looked.place(hit.id) for hit in hits]]
            nearest = np.sort(distances)[:NEIGHBOURS]
            same = (
                told.size == nearest.size
                and np.allclose(told, nearest, atol=1e-2)
                and np.allclose(told, own, atol=1e-2)
            )
            looked.require(same, "neighbours are not the nearest", [id_, told.tolist(), nearest.tolist()])


def check_descriptors(looked: Looked, contents: dict[str, bytes]) -> None:
    """Descriptors are, to the bit, what the extractor makes of the files; ``contents``: SHA-256 → bytes."""
    extractor = looked.collection.parts.extractor
    for id_, record in looked.records.items():
        data = contents.get(record.hash.hex())
        if data is None:
            continue
        image = seealso.decode_image(data, min_side=extractor.min_side).image
        made = extractor.extract(extractor.prepare(image)[None])[0]
        same = made.tobytes() == looked.descriptors[looked.place(id_)].tobytes()
        looked.require(same, "a descriptor is not that of its file", id_)


def tokens_of(text: str) -> set[str]:
    """The words of a text."""
    return set(re.findall(r"\w+", text.lower()))


def kept_words(looked: Looked) -> dict[int, set[str]]:
    """The words that the catalogue keeps of each object."""
    kept = looked.collection.keywords(looked.ids.tolist())
    return {
        id_: {token for said in sources.values() for words in said for token in tokens_of(words.text)}
        for id_, sources in kept.items()
    }


def check_words(looked: Looked, kept: dict[int, set[str]], once: list[str]) -> None:
    """Words found are the words kept; ``once``: words that were, and perhaps are no more."""
    by_word: dict[str, set[int]] = {word: set() for word in once}
    for id_, tokens in kept.items():
        for token in tokens:
            by_word.setdefault(token, set()).add(id_)
    for word, ids in by_word.items():
        found = {hit.id for hit in looked.collection.text(word, k=5000).hits}
        looked.require_same(found, ids, f"words found are not the words kept ({word.rstrip('0123456789')}…)")


def check_whole(looked: Looked, files: dict[str, bytes], kept: dict[int, set[str]]) -> None:
    """When everything was taken in, catalogue, words and files are the same."""
    images = {path: data for path, data in files.items() if not data.startswith(BROKEN)}
    looked.require_same(looked.rows, images, "after a whole run the catalogue is not the folder")
    for path, data in images.items():
        id_ = looked.rows.get(path)
        same = id_ is None or looked.records[id_].hash == hashlib.sha256(data).digest()
        looked.require(same, "after a whole run a path has another's content", path)
    for id_, record in looked.records.items():
        sidecars = [Path(os.fsdecode(path)).with_suffix(".txt") for path in record.paths]
        said = {token for file in sidecars if file.exists() for token in tokens_of(file.read_text())}
        looked.require_same(kept.get(id_, ()), said, "after a whole run the words kept are not those of the sidecars")
    failed = [os.fsdecode(failure.path) for failure in looked.collection.failures()]
    looked.require_same(failed, files.keys() - images.keys(), "after a whole run the failures are not the broken files")


def check_photographs(looked: Looked, photos: Path, once: list[str], whole: bool) -> dict[str, tuple[int, str]]:
    """Everything about the collection of photographs; returns the places whose files still hold what is kept of them."""
    files = {str(path): path.read_bytes() for path in photos.rglob("*.png")}
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    check_descriptors(looked, {digest: files[path] for path, digest in digests.items()})
    kept = kept_words(looked)
    check_words(looked, kept, once)
    if whole:
        check_whole(looked, files, kept)
    held = {path: (id_, looked.records[id_].hash.hex()) for path, id_ in looked.rows.items()}
    return {path: (id_, digest) for path, (id_, digest) in held.items() if digests.get(path) == digest}


def check_imported(looked: Looked, vectors: np.ndarray, whole: int) -> dict[str, tuple[int, str]]:
    """Everything about the collection of imported descriptors; ``whole``: how many have to be there at least."""
    rows = [int(path.rpartition("#n")[2]) for path in looked.rows]
    stored = looked.descriptors[[looked.place(id_) for id_ in looked.rows.values()]]
    looked.require(np.array_equal(vectors[rows], stored), "an imported descriptor is not that of its row", "")
    looked.require(sorted(rows) == list(range(len(rows))), "the import has a hole", len(rows))
    looked.require(len(rows) >= whole, "after a whole import descriptors are missing", [len(rows), whole])
    return {path: (id_, "") for path, id_ in looked.rows.items()}


def answer(config: Path, question: dict[str, Any]) -> dict[str, Any]:
    """Look at both collections."""
    problems: list[tuple[str, Any]] = []
    held: dict[str, dict[str, tuple[int, str]]] = {}
    objects = 0
    for name in ("photographs", "imported"):
        promised, whole = question["promised"][name], question["whole"][name]
        with seealso.open(config=config, name=name) as collection:
            if not collection.exists():
                held[name] = {}
                if promised:
                    problems.append(("the collection is gone", [name, len(promised)]))
                continue
            looked = Looked(collection)
            check_promises(looked, promised, question["removed"][name])
            check_neighbours(looked)
            if name == "photographs":
                held[name] = check_photographs(looked, config.parent / "photos", question["words"], bool(whole))
            else:
                held[name] = check_imported(looked, np.load(config.parent / "vectors.npy"), int(whole))
        problems += looked.problems
        objects += len(looked.records)
    return {"problems": problems, "held": held, "objects": objects}


if __name__ == "__main__":
    json.dump(answer(Path(sys.argv[1]).resolve(), json.load(sys.stdin)), sys.stdout)

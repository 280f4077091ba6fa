"""The text index, made of the words in the catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from seealso.catalogue.reader import Catalog
from seealso.collection.derived.snapshots import CURRENT
from seealso.collection.derived.source import Record, Source
from seealso.interfaces.text import TextIndex, hash_of_words
from seealso.sorted_ids import distinct

PAGE = 1000  # objects at a time
_NONE = np.empty(0, np.int64)


class WordsOfObjects(Source[TextIndex]):
    """Tells a text index of the words that describe the objects of a collection."""

    what = "text index"

    def anything(self, catalog: Catalog) -> bool:
        """Whether there is a word at all."""
        return catalog.annotated()

    def changed(self, catalog: Catalog, after: int, until: int) -> np.ndarray:
        """The objects that got or lost words."""
        return catalog.reannotated_ids(after, until)

    def feed(self, part: TextIndex, catalog: Catalog, ids: np.ndarray) -> None:
        """Add objects with the words that they have now; those that have none any more are removed."""
        for start in range(0, ids.size, PAGE):
            page = ids[start : start + PAGE]
            words = catalog.words(page.tolist())
            documents = [[word for said in words.get(id_, {}).values() for word in said] for id_ in page.tolist()]
            some = np.array([bool(document) for document in documents])
            if not some.all():
                part.remove(page[~some])
            if some.any():
                part.add(page[some], [document for document in documents if document])

    def compare(self, part: TextIndex, catalog: Catalog, applied: int) -> list[str]:
        """Whether it holds the words of each object as the catalogue has them; of one that keeps no hashes, only how many objects."""
        # In this order, for the catalogue may grow, and so may the index: what changed since is known to the last two.
        found = part.hashes()
        if found is None:
            return self._counted(part, catalog, applied)
        indexed, hashes = found
        described, otherwise = _differing(catalog, indexed, hashes)
        since = distinct(catalog.reannotated_ids(applied), catalog.removed_ids(applied))
        problems = []
        for ids, what in (
            (np.setdiff1d(described, indexed, assume_unique=True), "objects with words are not in the text index"),
            (otherwise, "objects have other words in the text index than in the catalogue"),
            (
                np.setdiff1d(indexed, described, assume_unique=True),
                "objects in the text index have no words in the catalogue",
            ),
        ):
            wrong = np.setdiff1d(ids, since, assume_unique=True)
            if wrong.size:
                problems.append(f"{wrong.size} {what}, the first is {wrong[0]}")
        return problems

    def _counted(self, part: TextIndex, catalog: Catalog, applied: int) -> list[str]:
        described, indexed = catalog.count_annotated(), int(part.statistics()["objects"])
        if applied < catalog.change():
            return []
        if described == indexed:
            self.warn("the text index was made without hashes: its objects were only counted, until `seealso rebuild`")
            return []
        return [f"{described} objects are described, and {indexed} are in the text index"]

    def earlier(self, directory: Path) -> tuple[Path, Record] | None:
        """The text index of a release that had no snapshots of it, and changed it in place."""
        try:
            current = json.loads((directory / CURRENT).read_text())
            name, made_by = str(current["folder"]), current["made_by"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return (directory / name, {"text": made_by}) if name.isdecimal() else None


def _differing(catalog: Catalog, indexed: np.ndarray, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The IDs of all objects with words, ascending; and of those that are indexed with other words."""
    described, otherwise = [_NONE], [_NONE]
    changed = catalog.reannotated_ids(0)
    for start in range(0, changed.size, PAGE):
        words = catalog.words(changed[start : start + PAGE].tolist())
        wanted = {
            id_: hash_of_words(word for said in sources.values() for word in said)
            for id_, sources in words.items()
            if any(sources.values())
        }
        ids = np.array(sorted(wanted), np.int64)
        described.append(ids)
        place = np.searchsorted(indexed, ids)
        there = place < indexed.size
        there[there] = indexed[place[there]] == ids[there]
        ids, place = ids[there], place[there]
        same = hashes[place] == np.array([wanted[id_] for id_ in ids.tolist()], np.int64)
        otherwise.append(ids[~same])
    return np.concatenate(described), np.concatenate(otherwise)

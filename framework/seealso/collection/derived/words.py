"""The text index, made of the words in the catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from seealso.catalogue.reader import Catalog
from seealso.collection.derived.snapshots import CURRENT
from seealso.collection.derived.source import Record, Source
from seealso.interfaces.text import TextIndex

PAGE = 1000  # objects at a time


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
        """Whether there are as many; only of one that has applied every change."""
        described, indexed = catalog.count_annotated(), int(part.statistics()["objects"])
        if described == indexed or applied < catalog.change():
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

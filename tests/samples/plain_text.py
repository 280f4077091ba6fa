"""A text index that is as simple as can be: every document in memory, and in one JSON file."""

import json

import numpy as np

import seealso


class PlainText(seealso.TextIndex):
    """Goes through all documents for every query."""

    name = "plain-text"

    class Options(seealso.PluginOptions):
        shout: bool = False

    def __init__(self, options, context):
        super().__init__(options, context)
        self._documents = {}
        self._change = None

    def add(self, ids, documents):
        new = {
            id_: [(word.field, word.text.lower()) for word in document]
            for id_, document in zip(ids.tolist(), documents, strict=True)
        }
        # Replaced as a whole, so that a query goes on with what it began with.
        self._documents = self._documents | new

    def remove(self, ids):
        gone = set(ids.tolist())
        self._documents = {id_: document for id_, document in self._documents.items() if id_ not in gone}

    def save(self, directory):
        (directory / "documents.json").write_text(json.dumps(self._documents))

    def load(self, directory):
        try:
            read = json.loads((directory / "documents.json").read_text())
        except (OSError, ValueError):
            raise seealso.FormatError(f"{directory}: not a snapshot of this index") from None
        self._documents = {int(id_): document for id_, document in read.items()}
        # An earlier release of it wrote this number itself.
        recorded = directory / "change.json"
        self._change = json.loads(recorded.read_text()) if recorded.exists() else None

    def loaded_change(self):
        return self._change

    def _fits(self, document, term):
        texts = [text for field, text in document if term.field in ("", field)]
        words = [word.strip(".,") for text in texts for word in text.split()]
        wanted = term.text.lower()
        if term.match is seealso.Match.PHRASE:
            return any(wanted in text for text in texts)
        if term.match is seealso.Match.PREFIX:
            return any(word.startswith(wanted) for word in words)
        return wanted in words

    def matching(self, query):
        found = [
            id_
            for id_, document in self._documents.items()
            if all(self._fits(document, term) != term.excluded for term in query.terms)
        ]
        return np.array(sorted(found), np.int64)

    def search(self, query, limit, offset=0):
        found = self.matching(query)
        page = found[offset : offset + limit]
        return seealso.TextHits(page, np.ones(page.size, np.float32), int(found.size))

    def suggest(self, beginning, limit):
        words = {
            word.strip(".,")
            for document in self._documents.values()
            for _, text in document
            for word in text.split()
            if word.startswith(beginning.lower())
        }
        return sorted(words)[:limit]

    def statistics(self):
        return {"objects": len(self._documents), "bytes": 0}


@seealso.hookimpl
def register_text_indexes():
    return [PlainText]

"""A text index that is as simple as can be: every document in one JSON file."""

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
        self._file = context.directory / "documents.json"
        self._documents, self._applied = self._read()

    def _read(self):
        if not self._file.exists():
            return {}, 0
        try:
            read = json.loads(self._file.read_text())
        except ValueError:
            raise seealso.FormatError(f"{self._file} is damaged") from None
        return {int(id_): document for id_, document in read["documents"].items()}, read["applied"]

    def applied(self):
        return self._read()[1]

    def put(self, ids, documents):
        for id_, document in zip(ids.tolist(), documents, strict=True):
            self._documents[id_] = [(word.field, word.text.lower()) for word in document]

    def remove(self, ids):
        for id_ in ids.tolist():
            self._documents.pop(id_, None)

    def commit(self, applied):
        assert not self.context.read_only
        seealso.write_atomically(self._file, json.dumps({"documents": self._documents, "applied": applied}).encode())

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
        self._documents = self._read()[0]
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
            for document in self._read()[0].values()
            for _, text in document
            for word in text.split()
            if word.startswith(beginning.lower())
        }
        return sorted(words)[:limit]

    def statistics(self):
        return {"objects": len(self._read()[0]), "bytes": self._file.stat().st_size}


@seealso.hookimpl
def register_text_indexes():
    return [PlainText]

"""What an object's words become in tantivy.

For each analysis there are two fields: one of all words, and a JSON object of the words of each field. In the first a text
stands as often as its field weighs, which makes of BM25 what Robertson, Zaragoza and Taylor call its simple extension to
weighted fields (CIKM 2004).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import tantivy

from seealso import Words, hash_of_words
from seealso_tantivy.analysis import WRITTEN, Analysis, fold

ID = "id"
HASH = "hash"
FIELDS = "fields"
SPELLINGS = "spellings"
_WEIGHTS = {"title": 2, "keywords": 2}


def whole(analysis: str) -> str:
    """The field of all words."""
    return f"words_{analysis}"


def within(analysis: str, field: str = "") -> str:
    """The field of the words of each field; or one of these."""
    return f"fields_{analysis}.{field}" if field else f"fields_{analysis}"


def schema(analysis: Analysis, *, hashed: bool = True) -> tantivy.Schema:
    """The schema for these languages; an index of an earlier release has no field for hashes."""
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field(ID, indexed=True, fast=True)
    if hashed:
        builder.add_integer_field(HASH, fast=True)
    builder.add_text_field(FIELDS, tokenizer_name="raw", index_option="basic")
    builder.add_text_field(SPELLINGS, tokenizer_name="raw", index_option="basic")
    for name in analysis.analyzers:
        builder.add_text_field(whole(name), tokenizer_name=name)
        builder.add_json_field(within(name), tokenizer_name=name)
    return builder.build()


def check_fields(documents: Iterable[Iterable[Words]]) -> None:
    """See whether every field has a name that tantivy can hold.

    Raises:
        ValueError: one has not.
    """
    for field in {field for words in documents for field, _, _ in words}:
        if not (field.isalpha() and field.islower()):
            raise ValueError(f"{field!r} is no name of a field: it has to be of lower-case letters")


def document(id_: int, words: Sequence[Words], analysis: Analysis, *, hashed: bool) -> tantivy.Document:
    """The document of an object; it has an ID even where all its words are passed over."""
    texts: dict[tuple[str, str], list[str]] = {}
    spellings: set[str] = set()
    for field, text, language in words:
        separate = analysis.split(text) if analysis.analyses_of(language) else ""
        if separate and not separate.isspace():
            texts.setdefault((field, language), []).append(separate)
            spellings.update(analysis.spellings(text, separate))
    made = tantivy.Document()
    made.add_integer(ID, id_)
    if hashed:
        made.add_integer(HASH, hash_of_words(words))
    for spelling in spellings:
        made.add_text(SPELLINGS, spelling)
    for field in {field for field, _ in texts}:
        made.add_text(FIELDS, field)
    apart: dict[str, dict[str, list[str]]] = {}
    for (field, language), some in texts.items():
        for name in analysis.analyses_of(language):
            analysed = [fold(each) for each in some] if name == WRITTEN else some
            for each in analysed * _WEIGHTS.get(field, 1):
                made.add_text(whole(name), each)
            apart.setdefault(name, {}).setdefault(field, []).extend(analysed)
    for name, of_fields in apart.items():
        made.add_json(within(name), of_fields)
    return made

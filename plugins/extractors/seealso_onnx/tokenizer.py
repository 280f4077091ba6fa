"""From words to the tokens that a text model reads."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seealso import MissingExtra, PluginError, QueryError, reason_of
from seealso_onnx.text_options import MOST_TOKENS, PHRASE, WordsOptions

LARGEST_TOKENIZER = 1 << 26
"""Bytes; those of the largest vocabularies in use (256,000 tokens) have about 35 million."""

MOST_CHARACTERS = 10_000
"""Of a phrase: more are refused without a look at them."""


class Tokens(NamedTuple):
    """A phrase: the numbers of its tokens, int64 ``(1, n)``, and 1 where they are of the phrase, 0 where they only fill it up."""

    ids: np.ndarray
    mask: np.ndarray


class Tokenizer:
    """Turns a phrase into tokens as a ``tokenizer.json`` says. May be used from several threads at once.

    Args:
        data: the bytes of that file.
        options: what the user says beside it.
        axis: how many tokens the model's input is fixed at; None: it takes any number.

    Raises:
        MissingExtra: the package tokenizers is not installed.
        PluginError: the file is no tokenizer, or nobody says what has to be known beside it.
    """

    def __init__(self, data: bytes, options: WordsOptions, axis: int | None) -> None:
        self._file = options.tokenizer
        self._template = options.template
        self._tokenizer = _load(data, self._file)
        padding = self._tokenizer.padding or {}
        truncation = self._tokenizer.truncation or {}
        # Both are done here: a file may ask for phrases of any length.
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._length = self._find_length(options, axis, padding.get("length"), truncation.get("max_length"))
        self._pad = self._find_pad(options.pad, padding.get("pad_id"))
        self._left = padding.get("direction") == "left"
        # How many there have to be; None: as many as the phrase has.
        self._filled: int | None = axis
        if axis is None and (options.pad is not None or padding.get("length") is not None):
            self._filled = self._length
        if self._filled is not None and self._pad is None:
            raise PluginError(
                f"{options.model}: it takes {axis} tokens, no fewer; say `pad:`, the token that fills a phrase up "
                "(CLIP: <|endoftext|>, SigLIP: </s>)"
            )

    def _find_length(self, options: WordsOptions, axis: int | None, *recorded: object) -> int:
        if axis is not None and axis > MOST_TOKENS:
            raise PluginError(f"{options.model}: it takes {axis:,} tokens, and more than {MOST_TOKENS:,} are not given")
        if axis is not None and (options.length or 0) > axis:
            raise PluginError(f"{options.model}: it takes {axis} tokens, and `length: {options.length}` is more")
        for length in (options.length, axis, *recorded):
            if isinstance(length, int) and 1 <= length <= MOST_TOKENS:
                return length
        raise PluginError(
            f"{self._file}: neither it nor the model says how many tokens the model reads; say `length:` (CLIP: 77, SigLIP: 64)"
        )

    def _find_pad(self, wanted: int | str | None, recorded: object) -> int | None:
        if isinstance(wanted, str):
            number: int | None = self._tokenizer.token_to_id(wanted)
            if number is None:
                raise PluginError(f"{self._file}: it has no token {wanted!r}, which `pad:` names")
            return number
        return wanted if wanted is not None else recorded if isinstance(recorded, int) else None

    def __call__(self, phrase: str) -> Tokens:
        """The tokens of a phrase.

        Raises:
            QueryError: there are no words, or too many.
        """
        if not phrase.strip():
            raise QueryError("there are no words to look for")
        if len(phrase) > MOST_CHARACTERS:
            raise QueryError(f"the words have {len(phrase):,} characters; give {MOST_CHARACTERS:,} at most")
        try:
            # encode_batch would start threads, and warn of that in processes that were forked.
            ids = self._tokenizer.encode(self._template.replace(PHRASE, phrase)).ids
        except BaseException as error:
            raise _translated(error, QueryError, "the words cannot be read") from None
        if not ids:
            raise QueryError("the text model's tokenizer makes nothing of these words")
        if len(ids) > self._length:
            # The end of a question is not left out silently.
            raise QueryError(f"the words make {len(ids):,} tokens, and the text model reads {self._length}; give fewer")
        fill = max(0, (self._filled or 0) - len(ids))
        around = (fill, 0) if self._left else (0, fill)
        return Tokens(
            np.pad(np.array([ids], np.int64), ((0, 0), around), constant_values=self._pad or 0),
            np.pad(np.ones((1, len(ids)), np.int64), ((0, 0), around)),
        )


def _load(data: bytes, file: Path) -> Any:
    try:
        package: Any = import_module("tokenizers")
    except ImportError:
        raise MissingExtra("a model's text side needs the package tokenizers", "seealso[words]") from None
    try:
        return package.Tokenizer.from_buffer(data)
    except BaseException as error:
        raise _translated(error, PluginError, f"{file}: it is no tokenizer.json that can be used") from None


def _translated(error: BaseException, to: type[PluginError | QueryError], what: str) -> BaseException:
    """An exception of the package's as one of ours; one that is nobody's fault there, such as Ctrl-C, as it is."""
    # A panic of Rust arrives as pyo3_runtime.PanicException, which is no Exception and cannot be imported.
    if isinstance(error, Exception) or type(error).__name__ == "PanicException":
        return to(f"{what}: {reason_of(error)[:300]}")
    return error

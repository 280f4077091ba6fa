"""The text side of a model of the user's own: words → descriptors in the space of the images, as CLIP and its like have it."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np

from seealso import PluginError, QueryError, reason_of, unreadable
from seealso_onnx.network import LARGEST_MODEL, find_output, read_whole
from seealso_onnx.session import open_session
from seealso_onnx.text_options import WordsOptions
from seealso_onnx.tokenizer import LARGEST_TOKENIZER, Tokenizer

IDS = "input_ids"
OTHERS = ("attention_mask", "token_type_ids")
"""Inputs beside the tokens that a model may have: what of them counts, and (all 0) which sentence they are of."""

TYPES: dict[str, np.dtype] = {
    "tensor(int64)": np.dtype(np.int64),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(bool)": np.dtype(np.bool_),
    "tensor(float)": np.dtype(np.float32),
}

REMEMBERED = 64
"""Phrases: a query asks for the same one with every block of descriptors."""

TRIAL = "a photograph"


class TextSide:
    """A tokenizer, and a network that puts its tokens where the image model puts images that show what the words say.

    Args:
        options: the files.
        dim: the number of values in a descriptor of the image model.
        threads: how many processor cores to use.

    Raises:
        MissingExtra: the package tokenizers is not installed.
        PluginError: a file cannot be used, or does not fit the others; says what does not.
    """

    def __init__(self, options: WordsOptions, dim: int, threads: int) -> None:
        self._file = options.model
        model = read_whole(options.model, LARGEST_MODEL)
        tokenizer = read_whole(options.tokenizer, LARGEST_TOKENIZER)
        self.provenance = _provenance(hashlib.sha256(model).hexdigest(), hashlib.sha256(tokenizer).hexdigest())
        self._session = open_session(model, threads, str(self._file))
        del model  # it may have a gigabyte, and the session has its own by now
        self._inputs = self._find_inputs()
        self._output = find_output(self._session, options.output, self._file)
        axis = next(each.shape[1] for each in self._session.get_inputs() if self._inputs[each.name][0] == IDS)
        self._tokenizer = Tokenizer(tokenizer, options, axis if isinstance(axis, int) and axis > 0 else None)
        self._check(self._run(TRIAL), dim)
        self._remembered = lru_cache(REMEMBERED)(self._understand)

    def _find_inputs(self) -> dict[str, tuple[str, np.dtype]]:
        """What each input wants, and its type."""
        inputs = self._session.get_inputs()
        found: dict[str, tuple[str, np.dtype]] = {}
        for each in inputs:
            role = IDS if len(inputs) == 1 else each.name
            allowed = ("tensor(int64)", "tensor(int32)") if role == IDS else TYPES
            if role not in (IDS, *OTHERS) or each.type not in allowed or len(each.shape) != 2:
                told = ", ".join(f"{every.name} {every.type} {every.shape}" for every in inputs)
                raise PluginError(
                    f"{self._file}: a text model takes {IDS} (int64 or int32, two axes), and perhaps {' and '.join(OTHERS)}; this "
                    f"one takes {told}; export the text side by itself"
                )
            if isinstance(each.shape[0], int) and each.shape[0] > 1:
                raise PluginError(
                    f"{self._file}: its batch is fixed at {each.shape[0]}; export it with a free batch, or with 1"
                )
            found[each.name] = (role, TYPES[each.type])
        if IDS not in [role for role, _ in found.values()]:
            raise PluginError(f"{self._file}: it has no input {IDS}; export the text side by itself")
        return found

    def _check(self, found: np.ndarray, dim: int) -> None:
        if found.ndim < 2 or found.shape[0] != 1 or found[0].size != found.shape[1]:
            raise PluginError(
                f"{self._file}: its output {self._output} has shape {found.shape}; (phrases, dim) is wanted, so name the output "
                "after the pooling"
            )
        if found.shape[1] != dim:
            raise PluginError(
                f"{self._file}: it gives {found.shape[1]} values, and the image model gives {dim}; both have to be of one pair, and "
                "each with its projection"
            )

    def _run(self, phrase: str) -> np.ndarray:
        ids, mask = self._tokenizer(phrase)
        values = {IDS: ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        given = {name: values[role].astype(dtype) for name, (role, dtype) in self._inputs.items()}
        try:
            found = self._session.run([self._output], given)[0]
        except Exception as error:
            raise PluginError(f"{self._file}: the model fails: {reason_of(error)[:300]}") from error
        return np.asarray(found).astype(np.float32, copy=False)

    def direction(self, phrase: str) -> np.ndarray:
        """The descriptor ``(dim,)`` of a phrase, float32, of length 1.

        Raises:
            QueryError: there are no words, or too many, or the model fails on them.
        """
        return self._remembered(phrase)

    def _understand(self, phrase: str) -> np.ndarray:
        try:
            found = self._run(phrase).reshape(-1)
        except PluginError as error:
            raise QueryError(str(error)) from error
        length = np.linalg.norm(found.astype(np.float64))
        if not np.isfinite(length) or length == 0:
            raise QueryError(f"{self._file}: the model gives no direction for these words")
        return np.asarray(found / length, np.float32)

    def distances(self, phrase: str, descriptors: np.ndarray) -> np.ndarray:
        """The angles between descriptors ``(n, dim)`` and a phrase, in radians: float32 ``(n,)``.

        Such pairs of models are trained by the angle, so it counts whatever the collection's distance is.
        """
        lengths = np.linalg.norm(descriptors, axis=1)
        cosines = descriptors @ self.direction(phrase) / np.where(lengths > 0, lengths, 1)
        return np.asarray(np.arccos(np.clip(cosines, -1, 1)), np.float32)


def provenance_of(options: WordsOptions) -> str:
    """What `TextSide.provenance` would be, without loading anything.

    Raises:
        PluginError: a file cannot be read.
    """
    sums = []
    for file, largest in ((options.model, LARGEST_MODEL), (options.tokenizer, LARGEST_TOKENIZER)):
        if reason := unreadable(file, largest):
            raise PluginError(f"{file}: {reason}")
        try:
            with file.open("rb") as opened:
                sums.append(hashlib.file_digest(opened, "sha256").hexdigest())
        except OSError as error:
            raise PluginError(f"{file}: it cannot be read: {error.strerror}") from None
    return _provenance(*sums)


def _provenance(model: str, tokenizer: str) -> str:
    return f"text model SHA-256 {model}, tokenizer SHA-256 {tokenizer}"

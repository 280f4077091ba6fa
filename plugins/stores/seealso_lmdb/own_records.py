"""The store's own records: of its format, and of the codec that its descriptors are written with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from seealso import Codec, FormatError, PluginChoice
from seealso_lmdb.generations import REMEDY

MAGIC = "seealso-lmdb"
FORMAT_VERSION = 2
"""Format 1 had the codec, always raw, in the record of the format; it is settled there from the beginning."""

ERROR_SAMPLE = 256  # descriptors that say how far off a lossy codec is

FORMAT, CODEC, IDENTITY = b"format", b"codec", b"identity"
"""The keys of the records."""


def format_record(dim: int, dtype: np.dtype) -> bytes:
    """What the store is, and of what."""
    return json.dumps({"magic": MAGIC, "version": FORMAT_VERSION, "dim": dim, "dtype": dtype.name}).encode()


def check_format(raw: bytes | None, directory: Path, dim: int, dtype: np.dtype) -> None:
    """Refuse what is not such a store, or one of other descriptors.

    Raises:
        FormatError: says which of these.
    """
    try:
        header = json.loads(raw or b"")
        if header["magic"] != MAGIC:
            raise ValueError("wrong magic")
        version, held_dim, held_dtype = int(header["version"]), int(header["dim"]), str(header["dtype"])
    except (ValueError, KeyError, TypeError):
        raise none_of_ours(directory) from None
    if version > FORMAT_VERSION:
        raise FormatError(
            f"{directory} was written by a newer seealso (format {version}; this release reads up to {FORMAT_VERSION}); "
            "upgrade seealso"
        )
    if (held_dim, held_dtype) != (dim, dtype.name):
        raise FormatError(
            f"{directory} holds {held_dtype} descriptors of dimension {held_dim}, not {dtype.name} of {dim}"
        )


@dataclass(frozen=True, slots=True)
class CodecRecord:
    """The codec that is settled, with every option, and how far off it was, if it is lossy, when it was settled."""

    choice: PluginChoice
    lossy_error: float | None = None

    @classmethod
    def of(cls, codec: Codec, descriptors: np.ndarray) -> Self:
        """What to keep of a codec that these descriptors are the first for."""
        some = descriptors[:: max(1, len(descriptors) // ERROR_SAMPLE)]
        return cls(choice_of(codec), None if codec.lossless else codec.error(some))

    @classmethod
    def parse(cls, codec: bytes | None, format_: bytes | None, directory: Path) -> Self | None:
        """From the records of the codec and of the format; None where nothing is settled.

        Raises:
            FormatError: they are damaged.
        """
        try:
            record = json.loads((format_ if codec is None else codec) or b"")
            if codec is None and "codec" not in record:
                return None
            error = record.get("lossy_error")
            return cls(PluginChoice.parse(record["codec"]), None if error is None else float(error))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise none_of_ours(directory) from None

    def dump(self) -> bytes:
        """The record of the codec."""
        record: dict[str, Any] = {"codec": self.choice.as_yaml()}
        if self.lossy_error is not None:
            record["lossy_error"] = self.lossy_error
        return json.dumps(record).encode()


def choice_of(codec: Codec) -> PluginChoice:
    """The choice, with every option, that gives the same codec again."""
    return PluginChoice.of(codec.name, codec.options)


def none_of_ours(directory: Path) -> FormatError:
    """For records that are not there, or damaged."""
    return FormatError(f"{directory} is not a store lmdb of seealso, or is damaged; {REMEDY}")

"""The codec: how a descriptor is written."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seealso.interfaces.distance import Distance
from seealso.interfaces.plugin import Plugin, PluginOptions

Record = bytes | memoryview
"""One encoded descriptor."""


@dataclass(frozen=True, slots=True)
class CodecContext:
    """What is encoded: descriptors of ``dim`` values of ``dtype``."""

    dim: int
    dtype: np.dtype


class Codec(Plugin):
    """Encodes descriptors to records and back. Every method may be called from several threads at once.

    A record holds nothing of its own length or ID: the store knows both.
    """

    lossless: ClassVar[bool] = True
    """Whether `decode` returns, bit for bit, what `encode` was given."""

    def __init__(self, options: PluginOptions, context: CodecContext) -> None:
        self.options = options
        self.context = context

    @abstractmethod
    def encode(self, descriptors: np.ndarray) -> list[bytes]:
        """``(n, dim)`` → n records."""

    @abstractmethod
    def decode(self, records: Sequence[Record]) -> np.ndarray:
        """N records → ``(n, dim)``.

        Raises:
            ValueError: a record is not one of this codec's.
        """

    def distances(self, distance: Distance, query: np.ndarray, records: Sequence[Record]) -> np.ndarray:
        """Float32 distances ``(n,)`` from ``query`` to the encoded descriptors.

        The base decodes them; a codec that can work on the encoded form for some distances does better.
        """
        return distance.one_to_many(query, self.decode(records))

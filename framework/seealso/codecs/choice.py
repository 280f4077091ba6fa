"""Which codec new descriptors are written with, where the configuration names none."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from seealso.errors import PluginError, SeealsoError
from seealso.interfaces.codec import Codec, CodecContext
from seealso.interfaces.plugin import PluginChoice
from seealso.registry.blame import limit_reached

SAMPLE = 256  # descriptors that are encoded to see

log = logging.getLogger("seealso")


def choose_codec(classes: Mapping[str, type[Codec]], context: CodecContext, descriptors: np.ndarray) -> PluginChoice:
    """The lossless codec that writes these descriptors ``(n, dim)`` in the fewest bytes, each weighed by its handicap.

    Those take part that offer themselves (`Codec.preference` above zero) and need no options. Each encodes a sample,
    and has to give it back bit for bit. Ties go to the higher preference, then by name. The choice holds every option.

    Raises:
        PluginError: none can be used.
        Exception: what a codec raised where memory is missing, or too many files are open.
    """
    sample = _sample(np.asarray(descriptors, context.dtype))
    best: tuple[float, int, str] | None = None
    chosen: Codec | None = None
    for name, cls in sorted(classes.items()):
        if cls.lossless and cls.preference > 0 and (codec := _made(cls, context)) is not None:
            cost = _cost(codec, sample)
            if cost is not None and (best is None or (cost, -cls.preference, name) < best):
                best, chosen = (cost, -cls.preference, name), codec
    if chosen is None:
        raise PluginError("no codec that is installed can be the default for these descriptors; name one: `codec: …`")
    return PluginChoice.of(chosen.name, chosen.options)


def _sample(descriptors: np.ndarray) -> np.ndarray:
    """Some, spread evenly. Those of nothing but zeros, as of a black image, say nothing about the others."""
    telling = np.flatnonzero(descriptors.any(axis=1))
    return descriptors[telling[:: max(1, -(-telling.size // SAMPLE))]]


def _made(cls: type[Codec], context: CodecContext) -> Codec | None:
    """The codec with its default options; None where it does not take these descriptors."""
    try:
        return cls(cls.Options(), context)
    except (SeealsoError, ValueError):
        return None


def _cost(codec: Codec, sample: np.ndarray) -> float | None:
    """Bytes of the encoded sample times the handicap; None where it does not give the sample back."""
    try:
        records = codec.encode(sample)
        sound = codec.decode(records).tobytes() == sample.tobytes()
    except Exception as error:
        if limit_reached(error):
            # The choice is for good, and would be another one without the limit.
            raise
        # A plugin that fails is one line of warning, and breaks nothing else.
        log.warning("the codec %s is not chosen: it raised %s: %s", codec.name, type(error).__name__, error)
        return None
    if not sound:
        log.warning("the codec %s is not chosen: it calls itself lossless, and is not", codec.name)
        return None
    return sum(map(len, records)) * codec.handicap

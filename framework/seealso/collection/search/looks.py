"""What objects look like, in the words of the extractor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seealso.collection.parts.opened import Opened
from seealso.collection.parts.resolved import Parts
from seealso.errors import MissingExtra, ProvenanceMismatch

Looks = tuple[tuple[str, float], ...]
"""Words, each with how sure the extractor is of it (above 0, at most 1); the surest first."""


def looks_of(opened: Opened, parts: Parts, ids: Sequence[int]) -> dict[int, Looks]:
    """ID → what the object looks like; without those of which nothing is said.

    Nothing is said where another extractor made the descriptors, or its weights are not installed; nor of a descriptor that is lost or
    damaged.

    Raises:
        PluginError: the extractor breaks its contract.
    """
    found: dict[int, Looks] = {}
    try:
        if not parts.can("gives_words"):
            return found
        parts.check_provenance(opened.provenance)
        for block in opened.store.read_blocks(np.array(sorted(set(ids)), np.int64)):
            sound, descriptors = block.sound()
            said = parts.looks_like(descriptors)
            found |= {id_: tuple(words) for id_, words in zip(sound.tolist(), said, strict=True) if words}
    except (MissingExtra, ProvenanceMismatch):
        return {}
    return found

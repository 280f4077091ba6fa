"""The sketch ``landmarks``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seealso_rabitq.choosing import best_of
from seealso_rabitq.code import Code
from seealso_rabitq.coded import Coded, CodedSketch
from seealso_rabitq.embedding import Embedding, products_of, worth_of
from seealso_rabitq.options import LandmarksOptions
from seealso_rabitq.projection import frame

WEIGHED = 1024
"""So many objects of the sample that are no landmarks say what each axis is worth."""


class Landmarks(CodedSketch):
    """A few bits for each value of a point that stands for an object: where its distances to some landmarks place it (landmark MDS: de
    Silva and Tenenbaum, 2004), written as `rabitq` writes its values.

    For any distance, a plugin's own too: nothing else is asked of descriptors. An object costs one distance to each landmark.
    """

    name = "landmarks"
    preference = 10
    Options = LandmarksOptions

    options: LandmarksOptions

    def fitted(self, sample: np.ndarray) -> Coded:
        """Choose landmarks from a sample ``(m, dim)``, at most half of it, and find the axes that tell them apart."""
        distance, seed = self.context.distance, self.options.seed
        count = min(self.options.landmarks, (len(sample) + 1) // 2)
        order = np.random.default_rng(seed).permutation(len(sample))
        plain, axes = Embedding.of_landmarks(distance, sample[order[:count]])
        # Landmarks are placed better than what comes later: so the others say what an axis is worth, and which code is best.
        others = sample[order[count:]] if len(sample) > 1 else sample
        codes = self.codes(axes.shape[1])
        held = [min(code.values, axes.shape[1]) for code in codes]
        squares = np.concatenate(list(plain.centred(others)))
        axes = axes[:, : max(held)]
        some = others[:WEIGHED]
        between, _ = products_of(plain.squares(distance.many_to_many(some, some)))
        axes = axes * np.sqrt(worth_of(squares[:WEIGHED] @ axes, between))
        matrices = [axes[:, :first] @ frame(first, code.values, seed) for first, code in zip(held, codes, strict=True)]
        best = best_of(
            codes,
            [squares @ matrix for matrix in matrices],
            lambda queries: plain.squares(distance.many_to_many(others[queries], others)),
            seed,
        )
        return Coded(codes[best], plain.onto(matrices[best]))

    def restored(self, parameters: Mapping[str, np.ndarray], code: Code) -> Embedding:
        """The landmarks and their axes again.

        Raises:
            ValueError: something is missing, or does not fit.
        """
        return Embedding.of_arrays(parameters, self.context, code.values)

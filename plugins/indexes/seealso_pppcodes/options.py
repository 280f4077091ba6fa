"""The options of the index."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from seealso import PluginOptions
from seealso_pppcodes.pivots import PivotChoice


class PPPCodesOptions(PluginOptions):
    """How the space is divided, and how the objects are ranked. The first five shape what is kept; a change rebuilds it."""

    query_time: ClassVar[frozenset[str]] = frozenset(
        {"ranking", "weight", "aggregation", "percentile", "scored_per_candidate"}
    )

    pivot_spaces: int = Field(5, ge=1, le=32, description="independent sets of pivots; more cost memory and find more")
    pivots: int = Field(256, ge=1, le=1024, description="pivots in each space; up to 256 a symbol takes one byte")
    prefix_length: int = Field(
        7, ge=1, le=32, description="symbols kept for an object in each space: its nearest pivots"
    )
    pivot_choice: PivotChoice = Field(
        "random",
        description="how pivots are chosen from a sample: random; farthest-first; balanced (no cell far larger than others)",
    )
    seed: int = Field(0, ge=0, description="of the choice of pivots; the same seed gives the same index")
    ranking: Literal["distance-sum", "spearman-footrule", "kendall-tau"] = Field(
        "distance-sum",
        description=(
            "what ranks the objects in a space: the sum of the query's distances to the pivots of the prefix, each weighted; "
            "or how far the prefix is from the query's own order of the pivots"
        ),
    )
    weight: float = Field(
        0.75, gt=0, le=1, description="distance-sum: each symbol weighs this much of the one before it"
    )
    aggregation: Literal["score-sum", "percentile"] = Field(
        "score-sum",
        description="how the spaces' rankings become one: by the sum of the scores; or by a percentile of the ranks",
    )
    percentile: float = Field(0.5, gt=0, le=1, description="percentile: which, as a share; 0.5 is the median")
    scored_per_candidate: float = Field(
        12.0,
        ge=1,
        description="objects scored for each candidate wanted, beyond a million somewhat more; more find more and take longer",
    )

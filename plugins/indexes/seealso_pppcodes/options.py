"""The options of the index."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

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
        7,
        ge=0,
        le=32,
        description=(
            "symbols kept for an object in each space: its nearest pivots; 0, as `ranking: none` has it: none but the cell that it is in, "
            "and so nothing is ranked"
        ),
    )
    pivot_choice: PivotChoice = Field(
        "random",
        description="how pivots are chosen from a sample: random; farthest-first; balanced (no cell far larger than others)",
    )
    seed: int = Field(0, ge=0, description="of the choice of pivots; the same seed gives the same index")
    ranking: Literal["distance-sum", "spearman-footrule", "kendall-tau", "none"] = Field(
        "distance-sum",
        description=(
            "what ranks the objects in a space: the sum of the query's distances to the pivots of the prefix, each weighted; "
            "or how far the prefix is from the query's own order of the pivots; none: what is near in two spaces is a candidate, and a "
            "sketch ranks it, so that 15 bytes of an object are kept instead of 50"
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

    @model_validator(mode="before")
    @classmethod
    def _without_ranking_no_codes(cls, given: Any) -> Any:
        """Keep no codes where nothing is ranked, unless their length is named: so one that has them still goes by a change of `ranking`."""
        if isinstance(given, dict) and given.get("ranking") == "none":
            return {"prefix_length": 0, **given}
        return given

    @property
    def ranks(self) -> bool:
        """Whether candidates are ranked by their codes."""
        return self.ranking != "none" and self.prefix_length > 0

"""What the means of successive generations show of a trend, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.reporting.arms import PLACES
from selftune.app.reporting.pages import figures
from selftune.gate.statistics.trend import FEWEST, trend_of

if TYPE_CHECKING:
    from collections.abc import Sequence

ALPHA: Final = 0.05
FEWEST_TO_SHOW: Final = 4
"""With fewer even a steady rise is as likely by chance as one time in six."""


def tell_trend(means: Sequence[float], suite: str) -> str:
    """One sentence on the generations' means on one suite, oldest first."""
    if len(means) < FEWEST:
        return f"One generation on suite {suite}: a trend takes {FEWEST_TO_SHOW}."
    trend = trend_of(means)
    if trend.p_value <= ALPHA:
        verdict = "the means rise from generation to generation"
    elif len(means) < FEWEST_TO_SHOW:
        verdict = f"too few to show a trend, whatever they do; it takes {FEWEST_TO_SHOW}"
    else:
        verdict = "a rising trend is not shown"
    pairs = figures.counted(trend.pairs, "pair")
    return (
        f"Trend over {len(means)} generations on suite {suite}: {verdict}. A generation adds "
        f"{figures.signed(trend.step, PLACES)} (median of all steps); of {pairs} of generations "
        f"{figures.signed(trend.rises, 0)} more rise than fall (Mann and Kendall, one-sided p "
        f"{figures.chance(trend.p_value)})."
    )

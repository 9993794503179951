"""What a model thought, kept apart from what it said, and how often it thinks at all."""

from __future__ import annotations

import re
from functools import lru_cache
from statistics import fmean
from typing import TYPE_CHECKING, Final, NamedTuple

from selftune.scoring.units import UnitScore, mean_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selftune.records import ItemOutcome
    from selftune.scoring.units import Mean

OPENS: Final = "<think>"
CLOSES: Final = "</think>"


class Split(NamedTuple):
    """Reasoning if there was any, the answer, and whether a block was opened and never closed."""

    reasoning: str | None
    answer: str
    unclosed: bool = False


def split_reasoning(text: str, opens: str = OPENS, closes: str = CLOSES) -> Split:
    """Reasoning and answer of a reply that may open with a block between these marks.

    A block that is never closed holds the answer too, and nobody can tell where it begins: all of it stays the answer,
    without the tag. A reply that only closes a block was begun by a template that opened it.
    """
    whole, end_only, begin = _patterns(opens, closes)
    closed = whole.match(text) or end_only.match(text)
    if closed:
        return Split(closed["reasoning"].strip() or None, text[closed.end() :])
    opened = begin.match(text)
    if opened:
        return Split(None, text[opened.end() :].lstrip(), unclosed=True)
    return Split(None, text)


def thinking_by_item(outcomes: Iterable[ItemOutcome]) -> dict[str, float]:
    """The share of the answers to each item, over turns and repeats, before which the model thought.

    An item whose answers say nothing of reasoning is left out: its base does not think, or nobody looked.
    """
    said: dict[str, list[float]] = {}
    for outcome in outcomes:
        said.setdefault(outcome.item_id, []).extend(float(bool(thought)) for thought in outcome.reasoning)
    return {item: fmean(shares) for item, shares in said.items() if shares}


def thinking_rate(outcomes: Iterable[ItemOutcome], level: float = 0.95) -> Mean | None:
    """The mean of `thinking_by_item` with its Wilson interval over items; None for a base that does not think."""
    shares = thinking_by_item(outcomes)
    units = [UnitScore(key=item, category="", difficulty="", agent=None, value=share) for item, share in shares.items()]
    return mean_of(units, level) if units else None


@lru_cache(maxsize=8)
def _patterns(opens: str, closes: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    begin, end = re.escape(opens), re.escape(closes)
    first = re.escape(opens[0])
    # Neither mark stands in what comes before the one that closes; each character is looked at once.
    before = rf"(?P<reasoning>[^{first}]*(?:{first}(?!{re.escape(opens[1:])}|{re.escape(closes[1:])})[^{first}]*)*)"
    return (
        re.compile(rf"\s*{begin}(?P<reasoning>.*?){end}\s*", re.IGNORECASE | re.DOTALL),
        re.compile(rf"{before}{end}\s*", re.IGNORECASE),
        re.compile(rf"\s*{begin}", re.IGNORECASE),
    )

"""What a batch of verdicts came to: how many have a score, why the others have none, what all of them cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.records import JudgementStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selftune.records import Judgement


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Sums over verdicts, those known from an earlier cycle with what they cost then.

    Attributes:
        unscored: Each reason with its count, the commonest first.
        flagged: Each flag with its count.
        critical_failures: Each critical failure with the number of verdicts that name it.
        models: What the endpoints said answered.
    """

    judged: int
    scored: int
    unscored: tuple[tuple[str, int], ...]
    flagged: tuple[tuple[str, int], ...]
    critical_failures: tuple[tuple[str, int], ...]
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost_usd: float
    models: tuple[str, ...]


def add_up(judgements: Iterable[Judgement]) -> Totals:
    """The totals; each verdict is looked at once."""
    judged = scored = calls = prompt = completion = cached = 0
    cost = 0.0
    unscored, flagged, critical, models = Counter[str](), Counter[str](), Counter[str](), set[str]()
    for item in judgements:
        judged += 1
        if item.status is JudgementStatus.SCORED:
            scored += 1
        else:
            unscored[item.reason or item.status] += 1
        flagged.update(item.flags)
        critical.update(item.critical_failures)
        if item.reported_model is not None:
            models.add(item.reported_model)
        if item.judge.lineage:
            calls += item.attempts
        prompt += item.prompt_tokens
        completion += item.completion_tokens
        cached += item.cached_tokens
        cost += item.cost_usd
    return Totals(
        judged=judged,
        scored=scored,
        unscored=tuple(unscored.most_common()),
        flagged=tuple(flagged.most_common()),
        critical_failures=tuple(critical.most_common()),
        calls=calls,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached,
        cost_usd=cost,
        models=tuple(sorted(models)),
    )


def describe_totals(totals: Totals) -> str:
    """One line: how many have a score and, where a model judged, what all of them and each one cost."""
    counts = f"{totals.judged:,} judged, {totals.judged - totals.scored:,} unscored"
    tokens = totals.prompt_tokens + totals.completion_tokens
    if not totals.calls or not totals.judged:
        return counts
    read = f" ({totals.cached_tokens:,} of them read before)" if totals.cached_tokens else ""
    whole = f"{totals.calls:,} calls, {tokens:,} tokens{read}"
    each = f"{tokens / totals.judged:,.0f} tokens"
    if totals.cost_usd:
        whole, each = f"{whole}, ${totals.cost_usd:.4f}", f"{each}, ${totals.cost_usd / totals.judged:.5f}"
    return f"{counts}; all of them, whenever they were paid for: {whole}; each {each}"

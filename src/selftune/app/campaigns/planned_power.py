"""The power that is planned for, against simulation by the tests that ship."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.app.campaigns.comparisons import ALPHA, SIZES, count_wrong, draw_scores, simulations
from selftune.app.campaigns.evidence import MadeUp, evidence_of, exam_of
from selftune.gate.planning import DISCORDANCE, forecast
from selftune.gate.policies import load_policy
from selftune.gate.rules import rules_for
from selftune.gate.rules.harm import AgentCap, CategoryCap, CriticalFailures, Guarded
from selftune.gate.rules.tiers import ByHeart, HeldOut
from selftune.gate.statistics.equivalence import equivalent
from selftune.gate.statistics.means import mean_difference
from selftune.gate.statistics.power import detectable_gain, items_needed_for_equality, power_of, power_of_counts
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.records import Evaluation, Suite

_POWERS: Final = (0.5, 0.8, 0.9)
_OFF: Final = 0.03
_LEVEL: Final = 0.99
_LOST: Final = 0.1
_VETOES: Final = frozenset(rule.family for rule in (AgentCap, ByHeart, CategoryCap, CriticalFailures, Guarded, HeldOut))


def _suite_of(
    count: int, *, heavy: float = 1.0, agents: int = 0, tiers: tuple[str, ...] = ("gold",)
) -> tuple[MadeUp, ...]:
    return tuple(
        MadeUp(
            name=f"item {place}",
            category=f"category {place % 4}",
            agent=f"agent {place // 4 % agents}" if agents else None,
            tier=tiers[place // 4 % len(tiers)],
            weight=heavy if place // 4 % 4 == 0 else 1.0,
        )
        for place in range(count)
    )


def report() -> Section:
    """Graded scores of three kinds, right-or-wrong scores, and equality."""
    size = simulations()
    return Section(
        title="Planned power",
        method=f"{size:,} simulated comparisons in each cell, at alpha {ALPHA:.0%}: the gain that a power of 50, 80 "
        "and 90 % is planned for is added to one of two arms alike, and the test that ships says whether it is shown. "
        "In brackets the 99 % interval of the simulated share; the promise holds where it reaches the planned power "
        "within 3 points. Last, nights of candidates that equal the champion, decided by the rules that are vetoes: "
        "what planning reckons to pass, and what does.",
        figures=(*_graded(size), *_counted(size), *_equality(size), *_passing(max(20, size // 5))),
        limits="A spread that has to be guessed: here it is known. Scores that are cut off at the end of the scale "
        "once the gain is added.",
    )


def _graded(size: int) -> Iterator[Figure]:
    import numpy as np

    for kind in ("normal", "skewed", "bimodal"):
        spread = float(_pairs(kind, (100_000,), np.random.default_rng(0)).std())
        for n in SIZES:
            told, held = [], True
            for planned in _POWERS:
                gain = detectable_gain(spread, n, alpha=ALPHA, power=planned)

                def draw(kind: str, shape: tuple[int, ...], generator: Any, gain: float = gain) -> Any:
                    return _pairs(kind, shape, generator) + gain

                shown = count_wrong(draw, _shown, kind, n, size)
                words, near = _held_against(shown, size, power_of(spread, n, gain=gain, alpha=ALPHA))
                told.append(words)
                held = held and near
            yield _figure(f"{kind}, n = {n}", told, held=held)


def _pairs(kind: str, shape: tuple[int, ...], draw: Any) -> Any:
    return draw_scores(kind, shape, draw) - draw_scores(kind, shape, draw)


def _shown(differences: Any) -> bool:
    # A gain is added to the whole scale, so the scale is wider by it.
    return mean_difference(differences.tolist(), None, level=1 - ALPHA, width=4.0).interval[0] > 0


def _counted(size: int) -> Iterator[Figure]:
    import numpy as np

    for n in SIZES:
        told, held = [], True
        for gained in (0.2, 0.3, 0.5):

            def draw(_kind: str, shape: tuple[int, ...], generator: Any, gained: float = gained) -> Any:
                chosen = generator.random(shape)
                return np.where(chosen < gained, 4.0, np.where(chosen < gained + _LOST, -4.0, 0.0))

            shown = count_wrong(draw, _shown, "binary", n, size)
            words, near = _held_against(shown, size, power_of_counts(n, gained=gained, lost=_LOST, alpha=ALPHA))
            told.append(words)
            held = held and near
        yield _figure(f"right or wrong, 10 % lost and 20, 30, 50 % gained, n = {n}", told, held=held)


def _equality(size: int) -> Iterator[Figure]:
    for margin in (0.2, 0.1):
        n = items_needed_for_equality(0.2, margin, alpha=ALPHA, power=0.8)

        def draw(_kind: str, shape: tuple[int, ...], generator: Any) -> Any:
            return generator.normal(0, 0.2, shape).clip(-1, 1)

        def equal(differences: Any, margin: float = margin) -> bool:
            return equivalent(differences.tolist(), alpha=ALPHA, margin=margin).shown

        words, near = _held_against(count_wrong(draw, equal, "normal", n, size), size, 0.8)
        yield _figure(f"equal within {margin:g}, spread 0.2, n = {n}", [words], held=near)


_PASSES: Final = (
    ("strict", "48 items in each of four categories", _suite_of(192)),
    ("strict", "the same, one item of four with the weight of three", _suite_of(192, heavy=3.0)),
    ("small", "the same by four agents", _suite_of(192, agents=4)),
    (
        "small",
        "45 items in each of four categories, a third held out",
        _suite_of(180, tiers=("gold", "gold", "held_out")),
    ),
)


def _passing(nights: int) -> Iterator[Figure]:
    for name, told, items in _PASSES:
        policy = replace(load_policy(name), training_seeds=1)
        suite = exam_of(items)
        planned = forecast(policy, suite).pass_chance
        draw = random.Random(len(items))  # noqa: S311 - made-up nights, no secret
        passed = sum(passes_all_vetoes(_equal_night(suite, draw), policy) for _ in range(nights))
        words, near = _held_against(passed, nights, planned)
        yield _figure(f"an equal candidate passes `{name}`, {told}, {nights:,} nights", [words], held=near)


def _equal_night(suite: Suite, draw: random.Random) -> Evidence:
    """Two arms that answer one item of ten otherwise; each wrong answer is a critical failure."""
    champion = [draw.random() < 1 / 2 for _ in suite.items]
    candidate = [right is not (draw.random() < DISCORDANCE) for right in champion]
    night = evidence_of(suite, [float(right) for right in champion], [float(right) for right in candidate])
    assert night.candidate is not None  # noqa: S101 - it was made the line above
    return replace(night, champion=_fail(night.champion), candidate=_fail(night.candidate))


def _fail(arm: Evaluation) -> Evaluation:
    outcomes = (replace(one, critical_failures=() if one.score else ("made up",)) for one in arm.outcomes)
    return replace(arm, outcomes=tuple(outcomes))


def passes_all_vetoes(evidence: Evidence, policy: Policy) -> bool:
    """Whether no rule that is a veto on harm stops the candidate."""
    vetoes = [rule for rule in rules_for(policy, evidence) if rule.family in _VETOES]
    return all(rule.consequence.of(rule.check(evidence, policy).status) is None for rule in vetoes)


def _held_against(shown: int, size: int, planned: float) -> tuple[str, bool]:
    low, high = wilson_interval(shown, size, _LEVEL)
    near = low - _OFF <= planned <= high + _OFF
    return f"{planned:.1%} planned, {shown / size:.1%} [{low:.1%}, {high:.1%}]", near


def _figure(name: str, told: list[str], *, held: bool) -> Figure:
    return Figure(name=name, measured="; ".join(told), promised="within 3 points", held=held)

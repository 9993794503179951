"""How far a log of tries can be believed: its own noise, and which of the steps that it kept lie within it.

A log of this kind says what a single training scored, once. Two tries of the same setting show how far chance alone
moves that; where nothing was tried twice, what neighbours in the log differ by is an upper estimate, since it holds
what their settings did besides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import NormalDist, median, variance
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages import figures
from selftune.gate.statistics.power import items_needed
from selftune.gate.statistics.student import t_quantile
from selftune.records import ExperimentResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.records import LoggedTry, ResultLog

LEVEL: Final = 0.95
_POWER: Final = 0.8
_LEAST_DIFFERENCES: Final = 4
_LEAST_STREAK: Final = 3
# Half of the absolute differences of two normal values lie below so many of their deviations.
_MEDIAN_OF_DIFFERENCES: Final = NormalDist().inv_cdf(0.75) * math.sqrt(2)


@dataclass(frozen=True, kw_only=True)
class LogNoise:
    """How far single tries of one setting lie apart.

    Attributes:
        deviation: Their standard deviation.
        floor: Two equal settings, tried once each, differ by more only as seldom as 1 in 20.
        source: `repeats` of a setting, or `neighbours` in the log: an upper estimate.
        n: Degrees of freedom behind repeats, differences between neighbours.
    """

    deviation: float
    floor: float
    source: str
    n: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """A try that the log kept, and how much better it was than what it was held against."""

    name: str
    gain: float


@dataclass(frozen=True, kw_only=True)
class LogReading:
    """What a log comes to.

    Attributes:
        zeros: Tries whose figure is exactly 0 where others are not: a failed measurement looks like that, so they are
            in no figure here.
        streak: The longest run of tries with the very same figure; 1 where there is none.
        within: Steps that its own noise can explain, those that were kept though worse among them.
        repeats: Tries of each setting that would show the middle step, or one as large as the noise where nothing was
            kept; None without a noise.
        mixed: Models that are held against one baseline.
    """

    tries: int
    measured: int
    kept: int
    best: LoggedTry | None
    zeros: int
    streak: int
    noise: LogNoise | None
    steps: tuple[Step, ...]
    within: int
    repeats: int | None
    mixed: tuple[str, ...]


def read_noise(log: ResultLog) -> LogReading:
    """What a log comes to, and how much of it chance explains."""
    told = [one.metric for one in log.tries if one.metric is not None]
    doubtful = any(told) and 0.0 in told
    counted = [one for one in log.tries if one.metric is not None and not (doubtful and one.metric == 0)]
    sign = 1.0 if log.higher_is_better else -1.0
    noise, steps = _noise_of(counted), tuple(_steps(counted, sign))
    return LogReading(
        tries=len(log.tries),
        measured=len(counted),
        kept=sum(one.result is ExperimentResult.KEPT for one in log.tries),
        best=max(counted, key=lambda one: sign * (one.metric or 0.0), default=None),
        zeros=told.count(0.0) if doubtful else 0,
        streak=max((len(list(run)) for _, run in groupby(one.metric for one in counted)), default=0),
        noise=noise,
        steps=steps,
        within=0 if noise is None else sum(step.gain <= noise.floor for step in steps),
        repeats=None if noise is None else _repeats(noise, steps),
        mixed=_mixed(log.tries),
    )


def describe_log(log: ResultLog) -> Iterator[str]:
    """What a log comes to, in sentences; its own noise is named."""
    found = read_noise(log)
    better = "higher" if log.higher_is_better else "lower"
    measured = f"{found.measured} measured by {log.metric} ({better} is better)"
    yield f"{log.name}: {figures.counted(found.tries, 'try', 'tries')}, {measured}, {found.kept} kept."
    if found.best is not None:
        yield f"  best {_told(found.best.metric)}: {found.best.name} {found.best.tried}".rstrip()[:160]
    if found.zeros:
        yield f"  {found.zeros} of exactly 0 left out: a measurement that failed is often written so."
    if found.streak >= _LEAST_STREAK:
        yield f"  {found.streak} tries in a row have the very same figure: what they changed may never have been used."
    if found.mixed:
        yield (
            f"  {' and '.join(found.mixed)} are held against one baseline: what two bases differ by is no effect of a "
            "recipe, so these tries can't be compared."
        )
    yield from _on_noise(found)
    yield "  It is here to be read; no proposer and no gate is told of it."


def _on_noise(found: LogReading) -> Iterator[str]:
    if found.noise is None:
        yield "  Its noise can't be told: no setting was tried twice, and too few tries stand side by side."
        return
    how = {
        "repeats": f"from settings tried twice or more, {found.noise.n} degrees of freedom",
        "neighbours": f"at most, from {found.noise.n} neighbours in the log: no setting was tried twice",
    }[found.noise.source]
    yield f"  noise of one try: {_told(found.noise.deviation)} ({how})"
    yield f"  a step up to {_told(found.noise.floor)} may be chance (one-sided, 5 %)"
    if found.steps:
        yield f"  {found.within} of its {len(found.steps)} kept steps lie within that"
    if found.repeats is not None:
        wanted = "the middle step" if found.steps else "a step as large as the noise, for nothing was kept"
        yield f"  to show {wanted}: {found.repeats} tries of each setting (two-sided 5 %, power 80 %)"


def _noise_of(tries: Sequence[LoggedTry]) -> LogNoise | None:
    return _noise_of_repeats(tries) or _noise_of_neighbours(tries)


def _noise_of_repeats(tries: Sequence[LoggedTry]) -> LogNoise | None:
    """From settings that were tried more than once; the same line written twice is one try.

    Source:
        G. W. Snedecor and W. G. Cochran, "Statistical Methods", 8th ed. (1989), 4.9 and 6.5 (the pooled variance).
    """
    settings: dict[tuple[str, str, str], list[float]] = {}
    for one in dict.fromkeys(tries):
        if one.tried and one.metric is not None:
            settings.setdefault((one.tried.casefold(), one.mode, one.model), []).append(one.metric)
    again = [metrics for metrics in settings.values() if len(metrics) > 1]
    freedom = sum(len(metrics) - 1 for metrics in again)
    if not freedom:
        return None
    deviation = math.sqrt(sum(variance(metrics) * (len(metrics) - 1) for metrics in again) / freedom)
    floor = t_quantile(LEVEL, freedom) * math.sqrt(2) * deviation
    return LogNoise(deviation=deviation, floor=floor, source="repeats", n=freedom)


def _noise_of_neighbours(tries: Sequence[LoggedTry]) -> LogNoise | None:
    """From what neighbours of one mode and model differ by; their median, so that a few real steps don't tell.

    Source:
        J. von Neumann et al., "The mean square successive difference", Annals of Mathematical Statistics 12 (1941),
        with the median in place of the mean square.
    """
    differences = [
        abs(one.metric - other.metric)
        for one, other in pairwise(tries)
        if (one.mode, one.model) == (other.mode, other.model)
        and one.metric is not None
        and other.metric is not None
        and one.metric != other.metric
    ]
    if len(differences) < _LEAST_DIFFERENCES:
        return None
    deviation = median(differences) / _MEDIAN_OF_DIFFERENCES
    floor = NormalDist().inv_cdf(LEVEL) * math.sqrt(2) * deviation
    return LogNoise(deviation=deviation, floor=floor, source="neighbours", n=len(differences))


def _steps(tries: Sequence[LoggedTry], sign: float) -> Iterator[Step]:
    """Each kept try against its stated baseline, else against what was kept before it in the same mode on the model."""
    before: dict[tuple[str, str], float] = {}
    for one in tries:
        if one.result is not ExperimentResult.KEPT or one.metric is None:
            continue
        against = one.baseline if one.baseline is not None else before.get((one.mode, one.model))
        if against is not None:
            yield Step(name=one.name, gain=sign * (one.metric - against))
        before[one.mode, one.model] = one.metric


def _repeats(noise: LogNoise, steps: Sequence[Step]) -> int | None:
    gains = [step.gain for step in steps if step.gain > 0]
    wanted = median(gains) if gains else noise.deviation
    if wanted <= 0:
        return None
    return items_needed(math.sqrt(2) * noise.deviation, wanted, alpha=1 - LEVEL, power=_POWER)


def _mixed(tries: Sequence[LoggedTry]) -> tuple[str, ...]:
    held: dict[float, set[str]] = {}
    for one in tries:
        if one.baseline is not None and one.model:
            held.setdefault(one.baseline, set()).add(one.model)
    return next((tuple(sorted(models)) for models in held.values() if len(models) > 1), ())


def _told(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"

"""What a person reads before letting the loop go on: gains, lessons, doubts, drift and costs since they last looked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.appointed import appointed_judge
from selftune.app.doubts_page import list_doubts
from selftune.app.evidence import evaluations_of
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.plain import one_line, plain
from selftune.app.reporting.spending import gather_spending
from selftune.app.unseen import breaker_now, limit_in_words
from selftune.evals.summaries import summarise
from selftune.governance.summary import summarise as summarise_promotions
from selftune.judges.calibration.words import describe_drift
from selftune.loop.measuring.calibrating import drift_of
from selftune.records import Arm, Decision

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.loop.project import Project
    from selftune.records import Evaluation, Release
    from selftune.scoring.units import Mean

_MOVED: Final = 2


def describe_breaker(project: Project) -> Iterator[str]:
    """All of it, line by line, with nothing in it that steers a terminal."""
    state = breaker_now(project)
    for told in (state.summary, *summarise_promotions(project.store, state.unseen)):
        yield from (plain(line) for line in told.splitlines())
    if limit_line := limit_in_words(project):
        yield limit_line
    if state.unseen:
        yield from _drift(project, state.unseen)
        yield from _costs(project, state.unseen)
    yield from list_doubts(project)


def _drift(project: Project, unseen: Sequence[Release]) -> Iterator[str]:
    """How far what was promoted last is from what served when a person last looked, and the judge from what it was."""
    decisions = [project.store.record(one.decision_id, Decision) for one in unseen if one.decision_id]
    before = evaluations_of(project, decisions[0]).get(Arm.CHAMPION)
    now = evaluations_of(project, decisions[-1]).get(Arm.CANDIDATE)
    if before is None or now is None:
        yield "drift: not measured, for an arm is not on record"
    elif before.suite_digest != now.suite_digest:
        yield f"drift: not measured, for the suite {one_line(now.suite)} was changed meanwhile"
    else:
        yield from _moved(before, now)
    identity, rubric = appointed_judge(project)
    if identity.lineage:
        yield "drift of the judge, on fixed transcripts:"
        yield from (f"  {plain(line)}" for line in describe_drift(drift_of(project, identity, rubric)))
    else:
        yield "drift of the judge: none, its verdicts are reckoned by code"


def _moved(before: Evaluation, now: Evaluation) -> Iterator[str]:
    unit = "pair" if any(outcome.pair for outcome in now.outcomes) else "item"
    old, new = summarise(before, unit), summarise(now, unit)
    told = "from what served when a person last looked to what was promoted last"
    yield f"drift {told}, on {one_line(now.suite)}: {_mean(old.overall)} to {_mean(new.overall)}"
    earlier = dict(old.by_category)
    fell = [
        (mean.value - earlier[name].value, name, mean)  # type: ignore[operator] # both are there
        for name, mean in new.by_category
        if name in earlier and mean.value is not None and earlier[name].value is not None
    ]
    for change, name, mean in sorted(fell, key=lambda one: one[:2])[:_MOVED]:
        yield f"  {one_line(name)}: {change:+.3f}, {_mean(earlier[name])} to {_mean(mean)}"


def _mean(mean: Mean) -> str:
    if mean.value is None:
        return "not measured"
    interval = "" if mean.interval is None else f" [{mean.interval[0]:.3f}, {mean.interval[1]:.3f}]"
    return f"{mean.value:.3f}{interval}, n = {mean.n}"


def _costs(project: Project, unseen: Sequence[Release]) -> Iterator[str]:
    """What was spent from the first training on that nobody has looked at, also on what came to nothing."""
    runs = {project.store.record(one.decision_id, Decision).run_id for one in unseen if one.decision_id is not None} - {
        None
    }
    rows = gather_spending(project)
    first = next((place for place, one in enumerate(rows) if one.run is not None and one.run.id in runs), None)
    if first is None:
        yield "costs: no training is behind these promotions"
        return
    since = [one for one in rows[first:] if one.run is not None]
    usd, seconds = sum(one.usd for one in since), sum(one.seconds for one in since)
    trainings = figures.counted(len(since), "training")
    yield f"costs since then: {trainings}, {seconds / 60:.1f} min of training and evaluating, {usd:.2f} USD"

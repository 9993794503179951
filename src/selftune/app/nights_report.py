"""The morning note: one screen on what a night did, for a person with a coffee in hand."""

from __future__ import annotations

import textwrap
from datetime import datetime
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages import figures
from selftune.loop.config import Profile
from selftune.loop.experiments.record_keeping.lessons import proposed_lessons
from selftune.loop.experiments.record_keeping.results_tsv import RESULTS, check_results
from selftune.loop.experiments.record_keeping.retention import objection_to_archive
from selftune.loop.night.serving import NOT_BACK
from selftune.records import Decision, Experiment, ExperimentResult, Mode, Outcome, Release

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo

    from selftune.loop.project import Project
    from selftune.records import Effect, Night

LINES: Final = 24
COLUMNS: Final = 100
_LEAST_TRIES: Final = 3


def morning_note(project: Project, night: Night, *, zone: tzinfo | None = None) -> str:
    """What ran, what was kept, why not more, what it cost, what to look at and what to do next, on one screen.

    At most `LINES` lines of `COLUMNS` columns; tries that have no room are counted. Times are local ones, or those of
    the zone that is given.
    """
    tries = tuple(project.store.records(night.experiments, Experiment))
    above = list(_wrapped(*_shouted(night), _heading(project, night), _when(night, tries, zone)))
    below = list(_wrapped(*_not_kept(tries), *_costs(night), *_serving(night), *_to_see(project, night, tries)))
    room = LINES - len(above) - min(len(below), LINES - len(above) - _LEAST_TRIES)
    lines = [*above, *_table(tries, room), *below]
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], "… and more: selftune report nights"]
    return "\n".join(lines)


def why_not_more(tries: Sequence[Experiment]) -> str:
    """Why nothing of these was kept, in one sentence; empty where something was."""
    if not tries or any(one.result is ExperimentResult.KEPT for one in tries):
        return ""
    measured = [one.effect for one in tries if one.effect is not None]
    if not measured:
        return "Nothing could be measured, so nothing is known of these tries."
    best = max(measured, key=lambda effect: effect.mean)
    return (
        f"The best of {len(measured)} measured lay {effect_text(best)} from its baseline. That nothing helped is a "
        "result too."
    )


def effect_text(effect: Effect | None) -> str:
    """A difference with its interval and n, as it stands in tables."""
    if effect is None:
        return "not measured"
    return f"{figures.shift(effect.mean, effect.interval, 3)}, n {effect.n}"


def _shouted(night: Night) -> Iterator[str]:
    """What stands above all else: that what served did not come back, came back too late, or was rolled back."""
    if night.unended is not None:
        yield f"SERVING DID NOT COME BACK after {night.unended.why}. Start it: selftune start"
    elif night.spare_seconds is not None and night.spare_seconds < 0 and night.outages:
        yield f"SERVING CAME BACK {figures.seconds(-night.spare_seconds)} AFTER the deadline."
    yield from (sentence for sentence in night.told if _is_shouted(night, sentence))


def _is_shouted(night: Night, sentence: str) -> bool:
    """Whether a sentence stands above all else; where a new model serves by now, what went wrong before does not."""
    return NOT_BACK in sentence and night.release_id is None


def _heading(project: Project, night: Night) -> str:
    """What a person wants to know first: whether another model answers now."""
    solo = project.config.project.profile is Profile.SOLO
    new, old = ("new model", "old model") if solo else ("candidate", "champion")
    if night.release_id is not None:
        serves = project.store.record(night.release_id, Release).version
        return f"Night of {night.name}: the {new} was better and serves now, as {serves}."
    decision = None if night.decision_id is None else project.store.record(night.decision_id, Decision)
    stays = f"the {old} {'goes on serving' if night.unended is None else 'stays in force'}"
    if decision is None:
        return f"Night of {night.name}: no {new} went to the gate, {stays}."
    if decision.outcome is Outcome.PROMOTE:
        return f"Night of {night.name}: a {new} is better, and waits for a person's yes; {stays}."
    return f"Night of {night.name}: {stays}. The gate: {decision.outcome.value}, {decision.reason}"


def _when(night: Night, tries: Sequence[Experiment], zone: tzinfo | None) -> str:
    node = "" if night.node == "here" else f" on {night.node}"
    told = f"{_clock(night.began, zone)} to {_clock(night.ended, zone)}, ended: {night.ended_by}"
    proxy = "; a proxy's tries promote nothing" if night.mode is Mode.PROXY else ""
    base = night.base or "no base"
    return f"Ran {told}. {figures.counted(len(tries), 'try', 'tries')} of {base} ({night.mode.value}{node}{proxy})."


def _clock(moment: str, zone: tzinfo | None) -> str:
    return datetime.fromisoformat(moment).astimezone(zone).strftime("%H:%M")


def _table(tries: Sequence[Experiment], room: int) -> Iterator[str]:
    """A line for each try, those that were kept first; the last line counts those without one."""
    ordered = sorted(tries, key=lambda one: one.result is not ExperimentResult.KEPT)
    shown = ordered if len(ordered) <= room else ordered[: max(0, room - 1)]
    for one in shown:
        changes = ", ".join(one.changes) or "nothing changed"
        yield _cut(
            f"  {one.name.removeprefix(f'{one.night}-'):<4}{one.result.value:<13}{effect_text(one.effect):<33}{changes}"
        )
    if len(shown) < len(ordered):
        yield f"  and {len(ordered) - len(shown)} more: selftune report nights"


def _cut(line: str) -> str:
    return line if len(line) <= COLUMNS else f"{line[: COLUMNS - 2]} …"


def _not_kept(tries: Sequence[Experiment]) -> Iterator[str]:
    if sentence := why_not_more(tries):
        yield f"Why not: {sentence}"
    elif not tries:
        yield "Nothing was tried."


def _costs(night: Night) -> Iterator[str]:
    """Training, evaluation and data, each in time and money (mission B39)."""
    parts = zip(("training", "evaluation", "data"), night.seconds, night.costs_usd, strict=True)
    told = ", ".join(
        f"{name} {figures.seconds(seconds)} {figures.dollars(usd or None)}" for name, seconds, usd in parts
    )
    asked = f"; {figures.counted(night.judge_calls, 'judge call')}" if night.judge_calls else ""
    priced = "" if any(night.costs_usd) else " (no price is known)"
    yield f"Cost: {told}{asked}{priced}."


def _serving(night: Night) -> Iterator[str]:
    """How long nothing answered, and how long before the deadline the right model was back."""
    if night.unended is not None:
        return
    away = sum(one.seconds or 0.0 for one in night.outages)
    times = figures.counted(len(night.outages), "pause")
    gaps = f"nothing answered for {figures.seconds(away)} in {times}" if night.outages else "no pause"
    if endless := sum(one.seconds is None for one in night.outages):
        gaps = f"{gaps}, {endless} of them until something else was started"
    spare = night.spare_seconds
    side = "" if spare is None else "before" if spare >= 0 else "AFTER"
    back = "" if spare is None else f"; back {figures.seconds(abs(spare))} {side} the deadline"
    yield f"Serving: {gaps}{back}."


def _to_see(project: Project, night: Night, tries: Sequence[Experiment]) -> Iterator[str]:
    """What to look at, and what to do next."""
    yield from (f"Look at: {sentence}" for sentence in night.told if not _is_shouted(night, sentence))
    if lessons := proposed_lessons(tries):
        counted = figures.counted(len(lessons), "lesson is", "lessons are")
        yield f"Look at: {counted} proposed from these tries; add what you believe: selftune results learn"
    if check_results(project):
        yield f"Look at: {RESULTS} was changed by hand: selftune results"
    if objection := objection_to_archive(project):
        yield f"Look at: {objection}"
    yield f"Next: {_next_step(project, night, tries)}"


def _next_step(project: Project, night: Night, tries: Sequence[Experiment]) -> str:
    decision = None if night.decision_id is None else project.store.record(night.decision_id, Decision)
    if decision is not None and decision.outcome is Outcome.PROMOTE and night.release_id is None:
        return f"selftune report {decision.id[:20]}, then selftune approve"
    if decision is not None:
        return decision.next_step or f"selftune report {decision.id[:20]}"
    failed = next((one for one in tries if one.result is ExperimentResult.FAILED), None)
    if failed is not None:
        return f"see why it failed: selftune why {failed.name}"
    return "nothing; the next night goes on. All of it: selftune report nights"


def _wrapped(*sentences: str) -> Iterator[str]:
    for sentence in sentences:
        yield from textwrap.wrap(sentence, COLUMNS, subsequent_indent="  ")

"""All nights on one page: what did not help first, every try with its interval and n, and what each of them cost."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from statistics import NormalDist, median
from typing import TYPE_CHECKING, Final

from selftune.app.log_noise import describe_log
from selftune.app.nights_report import effect_text
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.drawings import Span, draw_forest
from selftune.app.reporting.pages.parts import Drawing, Page, Points, Said, Section, Table
from selftune.app.result_logs import result_logs
from selftune.gate.statistics.power import items_needed
from selftune.loop.experiments.record_keeping.lessons import proposed_lessons
from selftune.records import Decision, Experiment, ExperimentResult, Night

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.loop.project import Project
    from selftune.records import Effect, ResultLog

BY_HAND: Final = "by hand"
_DRAWN: Final = 40  # more rows than that are a table's
_ALPHA: Final = 0.05
_POWER: Final = 0.8
_LEAST: Final = 2


@dataclass(frozen=True, kw_only=True)
class AllNights:
    """What nights left, oldest first.

    Attributes:
        nights: Each with the word of the gate, empty where it was not asked.
        cut: Names of nights that have tries and no end on record.
        at: When the last of it was kept; empty where there is nothing.
    """

    nights: tuple[tuple[Night, str], ...]
    tries: tuple[Experiment, ...]
    cut: tuple[str, ...]
    logs: tuple[ResultLog, ...]
    at: str


def gather_nights(project: Project) -> AllNights:
    """Every night and every try on record."""
    store = project.store
    nights = tuple(night for _, night in store.each(Night))
    tries = tuple(one for _, one in store.each(Experiment))
    ended = {night.name for night in nights}
    last = max((*nights, *tries), key=lambda record: store.sequence_of(record.id), default=None)
    return AllNights(
        nights=tuple((night, _word_of_gate(project, night)) for night in nights),
        tries=tries,
        cut=tuple(dict.fromkeys(one.night for one in tries if one.night and one.night not in ended)),
        logs=result_logs(project),
        at="" if last is None else store.saved_at(last.id),
    )


def _word_of_gate(project: Project, night: Night) -> str:
    if night.decision_id is None:
        return ""
    decision = project.store.record(night.decision_id, Decision)
    return f"{decision.outcome.value}: {decision.reason}"


def nights_page(found: AllNights) -> Page:
    """The page: findings that were negative, what was kept, then nights, costs and what came from elsewhere."""
    sections = (
        Section(title="What did not help", parts=tuple(_negative(found))),
        Section(title="What was kept", parts=tuple(_kept(found))),
        Section(title="Side by side", parts=tuple(_side_by_side(found))),
        Section(title="Night by night", parts=tuple(_nights(found))),
        Section(title="What it cost", parts=tuple(_costs(found.tries))),
        *(Section(title=f"From elsewhere: {log.name}", parts=(_log(log),), folded=True) for log in found.logs),
    )
    return Page(
        title="Nights",
        lead=tuple(_lead(found)),
        sections=sections if found.tries or found.nights else sections[5:],
        foot="Every figure is read from the records when this page is made."
        + (f" The last of them was kept {found.at}." if found.at else ""),
        again="nights",
    )


def _lead(found: AllNights) -> Iterator[str]:
    if not found.tries and not found.nights:
        yield "No night has ended here yet."
        return
    counts = Counter(one.result.value for one in found.tries)
    told = ", ".join(f"{counts[result.value]} {result.value}" for result in ExperimentResult)
    nights = figures.counted(len(found.nights), "night")
    yield f"{nights}, {figures.counted(len(found.tries), 'try', 'tries')}: {told}."
    released = sum(night.release_id is not None for night, _ in found.nights)
    served = f"{figures.counted(released, 'night')} put another model into service"
    yield f"{served}. A try that was kept is a candidate; the gate decides."
    if found.cut:
        yield f"Cut off, with no end on record: {', '.join(found.cut)}."


def _negative(found: AllNights) -> Iterator[Part]:
    others = [one for one in found.tries if one.result is not ExperimentResult.KEPT]
    if not others:
        yield Said(text="Nothing yet: every try was kept.")
        return
    yield Table(caption="Tries that were not kept, oldest first", head=_HEAD, rows=tuple(map(_row, others)))
    if (needed := _needed(found.tries)) is not None:
        yield Said(text=needed)
    lessons = proposed_lessons(found.tries)
    if lessons:
        yield Points(points=tuple(f"Proposed lesson, {one.source}: {one.text}" for one in lessons))
    else:
        yield Said(text="No lesson is proposed: no interval lies wholly below zero without another try against it.")


_HEAD: Final = ("try", "result", "difference, n", "changes", "why", "mode and base")


def _row(one: Experiment) -> Row:
    changes = ", ".join(one.changes) or "nothing changed"
    where = f"{one.mode.value}, {one.base}" + ("" if one.node == "here" else f" on {one.node}")
    return one.name, one.result.value, effect_text(one.effect), changes, one.why, where


def _kept(found: AllNights) -> Iterator[Part]:
    kept = [one for one in found.tries if one.result is ExperimentResult.KEPT]
    if kept:
        yield Table(caption="Tries that were kept, oldest first", head=_HEAD, rows=tuple(map(_row, kept)))
    else:
        yield Said(text="Nothing was kept. That nothing helped is a result too.")


def _side_by_side(found: AllNights) -> Iterator[Part]:
    measured = [(one, one.effect) for one in found.tries if one.effect is not None][-_DRAWN:]
    if measured:
        spans = [Span(label=one.name, value=told.mean, interval=told.interval, n=told.n) for one, told in measured]
        title = "Difference from the baseline"
        yield Drawing(
            svg=draw_forest(title, spans, places=3),
            alt=f"{title}: {figures.counted(len(spans), 'measured try', 'measured tries')}, the newest last, each with "
            "its interval; the figures stand in the tables.",
        )
    else:
        yield Said(text="Nothing was measured yet.")


def _needed(tries: Sequence[Experiment]) -> str | None:
    """How many units would show the middle of the differences that were seen, by the spread that intervals imply."""
    measured = [one.effect for one in tries if one.effect is not None and one.effect.n >= _LEAST]
    spreads = [spread for effect in measured if (spread := _spread(effect)) > 0]
    middle = median(abs(effect.mean) for effect in measured) if measured else 0.0
    if not spreads or middle <= 0:
        return None
    needed = items_needed(median(spreads), middle, alpha=_ALPHA, power=_POWER)
    asked = round(median(effect.n for effect in measured))
    return (
        f"The middle of the measured differences is {middle:.3f} to either side, on {asked} units. To show one of that "
        f"size takes about {needed:,} units (two-sided 5 %, power 80 %)."
    )


def _spread(effect: Effect) -> float:
    """The standard deviation of a unit's difference that an interval of this width comes from, by the normal table."""
    low, high = effect.interval
    return (high - low) / 2 / NormalDist().inv_cdf((1 + effect.level) / 2) * math.sqrt(effect.n)


def _nights(found: AllNights) -> Iterator[Part]:
    if not found.nights:
        yield Said(text="No night has ended here yet.")
        return
    head = ("night", "until", "ended", "node", "tries", "nothing answered", "back before the deadline", "the gate")
    yield Table(caption="Nights, oldest first", head=head, rows=tuple(_night_row(*one) for one in found.nights))
    told = tuple(f"{night.name}: {sentence}" for night, _ in found.nights for sentence in night.told)
    if told:
        yield Points(points=told)


def _night_row(night: Night, gate: str) -> Row:
    away = "it did not come back" if night.unended is not None else _away(night)
    spare = figures.NOTHING if night.spare_seconds is None else _span(night.spare_seconds)
    node = f"{night.mode.value}, {night.node}"
    return (
        night.name, (night.until or figures.NOTHING)[:16], f"{night.ended[:16]}, {night.ended_by}", node,
        str(len(night.experiments)), away, spare, gate or "not asked",
    )  # fmt: skip


def _away(night: Night) -> str:
    """How long nothing answered; of a pause whose end nobody saw only that there was one."""
    known = [one.seconds for one in night.outages if one.seconds is not None]
    unknown = len(night.outages) - len(known)
    told = figures.seconds(sum(known))
    return f"{told}, and {figures.counted(unknown, 'pause')} of unknown length" if unknown else told


def _span(seconds: float) -> str:
    return figures.seconds(seconds) if seconds >= 0 else f"{figures.seconds(-seconds)} late"


def _costs(tries: Sequence[Experiment]) -> Iterator[Part]:
    """A row for each try in the shape of mission B39: training, evaluation, data, and the sum so far."""
    sums = accumulate(sum(one.costs_usd) for one in tries)
    rows = tuple(_cost_row(one, so_far) for one, so_far in zip(tries, sums, strict=True))
    head = ("try", "night", "time", "training", "evaluation", "data", "together", "so far")
    yield Table(caption="Time and dollars of each try", head=head, rows=rows)
    yield Said(
        text="- where nothing was charged or no price is known. What a night's baselines cost is in its own sums."
    )
    spent = sum(sum(one.costs_usd) for one in tries)
    yield Said(
        text=f"Together {figures.seconds(sum(one.elapsed_seconds for one in tries))} and {figures.dollars(spent)}."
    )


def _cost_row(one: Experiment, so_far: float) -> Row:
    dollars = [figures.dollars(usd or None) for usd in one.costs_usd]
    together = figures.dollars(sum(one.costs_usd) or None)
    time = figures.seconds(one.elapsed_seconds)
    return (one.name, one.night or BY_HAND, time, *dollars, together, figures.dollars(so_far or None))


def _log(log: ResultLog) -> Part:
    return Points(points=tuple(line.strip() for line in describe_log(log)))

"""The post-training evaluation: every phase beside every other, with intervals; never the last one alone (E5, E8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.app.alarms import samples_of
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Page, Points, Said, Section, Table
from selftune.gate.statistics.shares import newcombe_interval
from selftune.governance.alarms.of_releases import histories_of, measured_promotions
from selftune.governance.archive.phases import LEVEL
from selftune.governance.samples import draw_samples
from selftune.loop.signatures import sessions_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.readiness import Readiness
    from selftune.app.reporting.pages.parts import Row
    from selftune.governance.alarms.base import History
    from selftune.governance.archive.phases import Phase, Phases
    from selftune.loop.project import Project
    from selftune.store.sessions import SessionFacts

_PLACES = 3


def post_training_page(project: Project, readiness: Readiness) -> Page:
    """The document; its figures are worked out from the records when it is made."""
    subject = readiness.subject
    return Page(
        title=f"Post-training evaluation of {subject.name}",
        lead=tuple(_lead(readiness)),
        sections=tuple(_sections(project, readiness)),
        foot=f"About {subject.id}. Intervals are at {LEVEL:.0%}; sessions are taken as strangers to each other.",
    )


def _lead(readiness: Readiness) -> Iterator[str]:
    stand = sum(doubt.stands for doubt in readiness.doubts)
    yield f"{figures.counted(stand, 'open concern')} stand beside these figures; the readiness page has their words."
    if readiness.phases is None:
        yield "No session of its training is archived; what the gate measured at each promotion is compared."
        return
    found = readiness.phases.found
    yield f"{readiness.sessions:,} sessions in {figures.counted(len(found), 'phase')}, all of them compared."
    if len(found) > 1:
        yield _first_and_last(found[0], found[-1])


def _first_and_last(first: Phase, last: Phase) -> str:
    one, other = first.whole, last.whole
    low, high = newcombe_interval(other.flagged, other.n, one.flagged, one.n, LEVEL)
    change = other.flagged / other.n - one.flagged / one.n
    return (
        f"Flagged in the last phase against the first: {change:+.1%} [{low:+.1%}, {high:+.1%}] "
        f"(n = {other.n:,} and {one.n:,})."
    )


def _sections(project: Project, readiness: Readiness) -> Iterator[Section]:
    if readiness.phases is not None:
        yield Section(title="All phases", parts=phase_parts(readiness.phases))
    if readiness.subject.decision is not None:
        measured = measured_promotions(project.store, readiness.subject.decision)
        told = tuple(_history_table(one) for one in histories_of(measured) if one.values) if measured else ()
        yield Section(title="All promotions", parts=told or (Said(text="Nothing was measured before this."),))
    if readiness.sessions:
        rows = sessions_of(project, readiness.subject)
        yield Section(title="Samples", parts=(Points(points=tuple(_samples(rows))),))


def phase_parts(phases: Phases) -> tuple[Said | Table, ...]:
    """Each phase with its share of flags and the mean of each category, every one with its interval and n."""
    categories = sorted({name for phase in phases.found for name, _ in phase.whole.scores})
    return (
        Said(text=phases.method),
        Table(
            caption="Every phase: share of flagged sessions, and mean score by category",
            head=("sessions", "n", "flagged", *categories, "lowest category"),
            rows=tuple(_phase_row(phase, categories) for phase in phases.found),
        ),
    )


def _phase_row(phase: Phase, categories: Sequence[str]) -> Row:
    whole, (low, high) = phase.whole, phase.flag_interval
    means, intervals = dict(whole.scores), dict(phase.score_intervals)
    cells = [figures.mean(means[name].mean, intervals[name], _PLACES) if name in means else "-" for name in categories]
    worst = min(means, key=lambda name: means[name].mean, default="-")
    return (
        f"{whole.first:,} to {whole.last:,}",
        f"{whole.n:,}",
        f"{whole.flagged / whole.n:.1%} [{low:.1%}, {high:.1%}]",
        *cells,
        worst,
    )


def _history_table(history: History) -> Table:
    rows = tuple(
        (
            history.label(at),
            figures.number(value, _PLACES),
            f"{history.errors[at]:.3g}" if history.errors else "-",
            str(history.of[at]) if history.of else "-",
        )
        for at, value in enumerate(history.values)
    )
    return Table(caption=history.name, head=("promotion", "value", "standard error", "n"), rows=rows)


def _samples(rows: Sequence[SessionFacts]) -> Iterator[str]:
    """What is to be read: by lot and the worst; named by number, for their words stay where they can be forgotten."""
    draw = draw_samples(samples_of(rows))
    numbers = {row.session_id: row.number for row in rows}
    yield f"Drawn from {draw.of:,} sessions with seed {draw.seed}, reckoned from what could be drawn."
    yield f"By lot: {', '.join(str(numbers[one]) for one in draw.drawn)}."
    yield f"The worst: {', '.join(str(numbers[one]) for one in draw.worst) or 'none is scored or flagged'}."
    yield "Each is read with: selftune archive show NUMBER."

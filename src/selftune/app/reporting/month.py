"""The page of a study: what was not shown first, then trajectories, every decision, every training, costs.

All of it is reckoned from the arms' own records when the page is made (mission A37 to A39, B37, B39, B54).
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.arms import LEVEL, PLACES, SCALE
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.drawings import Span, draw_courses
from selftune.app.reporting.pages.parts import Cell, Drawing, Page, Points, Said, Section, Table
from selftune.app.reporting.study import study_section
from selftune.gate.statistics.means import mean_interval
from selftune.governance.breaker import SIMULATED
from selftune.loop.study.findings import Verdict
from selftune.loop.study.plan import StudyArm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.reporting.month_records import ArmOfMonth, Month
    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.loop.study.findings import Finding
    from selftune.records import Run, StudyNight
    from selftune.scoring.units import Mean

_TINTS: Final = {Verdict.SHOWN: "good", Verdict.NOT_SHOWN: "bad"}
_OUTCOMES: Final = {"promote": "good", "reject": "bad", "invalid": "bad"}


def month_page(month: Month) -> Page:
    """The whole page."""
    return Page(
        title=f"Study {month.plan.name}",
        outcome=month.findings.primary.verdict.value,
        lead=tuple(_lead(month)),
        sections=(
            Section(title="What was not shown, and what went wrong", parts=tuple(_negative(month))),
            Section(title="What the registered rule says", parts=tuple(_rule(month))),
            Section(title="The golden score, night by night", parts=tuple(_courses(month))),
            Section(title="What it would take to see more", parts=tuple(_needed(month))),
            *(_secondary(one) for one in month.arms),
            Section(title="Every decision", parts=(_decisions(month),)),
            Section(title="Every training, as an event", parts=tuple(_trainings(month))),
            Section(title="Costs", parts=tuple(_costs(month))),
            Section(title="Every night", parts=(_nights(month),), folded=True),
        ),
        foot=f"Last updated: {month.last_updated or 'no night yet'}. Plan {month.plan.digest}, in every arm's ledger "
        "since before its first night. Made again by: selftune study report",
    )


def _lead(month: Month) -> Iterator[str]:
    complete = min(len(one.nights) for one in month.arms)
    simulated = any(night.simulated for one in month.arms for night in one.nights)
    kind = "simulated nights, lived through without a calendar" if simulated else "nights"
    yield month.plan.question
    yield f"{complete} of {month.plan.nights} {kind}, on base {month.plan.base}, seed {month.plan.seed}."
    yield (
        "All three arms begin as that base and are asked the same: 'learning' is trained on what it said well, "
        "'never_trains' is not, and 'shuffled' is trained by verdicts that were dealt to other answers. The gate "
        "promotes what a training made, or does not; each promotion begins a generation."
    )
    yield (
        f"The golden score is the mean score, 0 to 1, on {month.plan.probe_pairs} pairs of questions a night that are "
        "new each night and the same for all arms."
    )
    yield f"{month.findings.primary.question} {_sentence(month.findings.primary)}"
    yield " ".join(_came_to(one) for one in month.arms)


def _came_to(one: ArmOfMonth) -> str:
    """How often an arm was trained and promoted, and the score that it began and ended with."""
    promoted = sum(night.promoted_id is not None for night in one.nights)
    trained = f"{promoted} of {figures.counted(len(one.decisions), 'training')} promoted"
    scores = [figures.number(served.mean.value, PLACES) for served in one.generations]
    return f"{one.arm.value}: {trained}, golden score by generation {', '.join(scores) or 'not measured'}."


def _sentence(found: Finding) -> str:
    return f"{found.verdict.value.capitalize()}: {found.reason}."


def _negative(month: Month) -> Iterator[Part]:
    points = [f"{one.question} {_sentence(one)}" for one in month.findings.all if one.verdict is not Verdict.SHOWN]
    for one in month.arms:
        points += [f"{one.arm.value}: {text}" for text in _faults(one)]
    yield Points(points=tuple(points)) if points else Said(text="Nothing of what was asked was left open.")


def _faults(one: ArmOfMonth) -> Iterator[str]:
    """What went the wrong way in an arm, whether or not it hurts the question of the study."""
    for before, after in pairwise(one.generations):
        if before.mean.value is not None and after.mean.value is not None and after.mean.value < before.mean.value:
            fall = figures.signed(after.mean.value - before.mean.value, PLACES)
            yield f"{after.version} scored less than {before.version} ({fall}), each over the nights that it served."
    refused = [decision for _, decision in one.decisions if decision.outcome.value != "promote"]
    if refused:
        yield f"{len(refused)} of {figures.counted(len(one.decisions), 'training')} did not pass the gate."
    if unscored := sum(night.score is None for night in one.nights):
        yield f"{figures.counted(unscored, 'night')} without a score."
    if one.arm is not StudyArm.LEARNING and any(decision.outcome.value == "promote" for _, decision in one.decisions):
        yield "a control was promoted: the gate let in what learnt from verdicts on other answers."
    for said in one.approvals:
        who = "no person, in simulated time" if said.category == SIMULATED else said.author
        yield f"the circuit breaker was closed by {who}: {said.text}"


def _rule(month: Month) -> Iterator[Part]:
    rows: tuple[Row, ...] = tuple(
        (one.question, Cell(text=one.verdict.value, tint=_TINTS.get(one.verdict, "unsure")), one.reason)
        for one in month.findings.all
    )
    yield Table(caption="The questions in the order that was registered", head=("question", "answer", "why"), rows=rows)
    yield Said(text=month.plan.rule)


def _courses(month: Month) -> Iterator[Part]:
    courses = [
        (f"{one.arm.value}, {figures.counted(len(one.nights), 'night')}", [_span(night) for night in one.nights])
        for one in month.arms
    ]
    drawn = [(name, [span for span in spans if span is not None]) for name, spans in courses]
    told = "; ".join(
        f"{name}: {figures.number(fmean(s.value for s in spans), PLACES)}" for name, spans in drawn if spans
    )
    if told:
        svg = draw_courses("Golden score of what serves, by night", [one for one in drawn if one[1]], SCALE)
        yield Drawing(svg=svg, alt=f"Golden score of what serves, mean over the nights. {told}.")
    rows: tuple[Row, ...] = tuple(
        (
            one.arm.value,
            served.version,
            str(served.nights),
            figures.number(served.mean.value, PLACES),
            figures.interval(served.mean.interval, PLACES) or figures.NOTHING,
            str(served.mean.n),
        )
        for one in month.arms
        for served in one.generations
    )
    head = ("arm", "generation", "nights", "golden score", "95 % interval", "n")
    yield Table(
        caption="Each generation over the nights that it served; n counts probe questions", head=head, rows=rows
    )


def _span(night: StudyNight) -> Span | None:
    if night.score is None:
        return None
    label = f"{night.version} on {night.date}"
    return Span(label=label, value=night.score, interval=night.interval, n=night.n)


def _needed(month: Month) -> Iterator[Part]:
    found = month.findings
    if found.spread is None:
        yield Said(
            text="Not reckoned before the nights are complete: it would be a look at what is not to be seen yet."
        )
        return
    points = [
        (
            f"Spread of a night's score about its generation's mean: {figures.number(found.spread, PLACES)} (probes of "
            f"{month.plan.probe_pairs} pairs). Correlation of a night's distance with that of the night before: "
            f"{figures.number(found.follow, 2)}; the tests were tried up to 0.5."
        )
    ]
    if found.smallest is not None:
        points.append(
            f"As many generations show a step of {figures.number(found.smallest, PLACES)} a generation with power "
            f"{month.plan.power:g}."
        )
    else:
        points.append("With so few generations no step of any size can be shown: it takes four.")
    if found.needed is not None:
        points.append(f"The step that was seen would be shown by {found.needed} generations, if it stayed the same.")
    yield Points(points=tuple(points))


def _secondary(one: ArmOfMonth) -> Section:
    section = study_section(one.studied)
    rows: tuple[Row, ...] = tuple(
        (
            served.version,
            figures.number(fmean(served.distinct), 3) if served.distinct else figures.NOTHING,
            _interval_of(served.distinct),
            str(len(served.distinct)),
            figures.share(served.stock),
            figures.number(served.words, 1),
        )
        for served in one.generations
    )
    head = ("generation", "distinct-2", "95 % interval", "nights", "same opening", "words an answer")
    diversity = Table(
        caption="How unlike a night's answers to the probe are, mean over the nights", head=head, rows=rows
    )
    title = f"Secondary measures, {one.arm.value}"
    return Section(title=title, parts=(*section.parts, diversity), folded=one.arm is not StudyArm.LEARNING)


def _interval_of(by_night: Sequence[float]) -> str:
    if not by_night:
        return figures.NOTHING
    return figures.interval(mean_interval(by_night, LEVEL, SCALE), 3) or figures.NOTHING


def _decisions(month: Month) -> Part:
    rows: tuple[Row, ...] = tuple(
        (
            one.arm.value,
            str(night.number),
            Cell(text=decision.outcome.value, tint=_OUTCOMES.get(decision.outcome.value, "unsure")),
            figures.signed(decision.difference, PLACES),
            figures.signed_interval(decision.interval, PLACES) or figures.NOTHING,
            str(decision.n),
            decision.reason,
            decision.id[:24],
        )
        for one in month.arms
        for night, decision in one.decisions
    )
    if not rows:
        return Said(text="Nothing was decided yet.")
    head = ("arm", "night", "outcome", "difference", "interval", "n", "reason", "record")
    return Table(caption="Whatever the gate said, in every arm", head=head, rows=rows)


def _trainings(month: Month) -> Iterator[Part]:
    rows: tuple[Row, ...] = tuple(
        (
            one.arm.value,
            f"{event.night.number}, {event.night.date}",
            event.night.trigger,
            str(len(event.dataset.train)),
            event.dataset.id[8:20],
            _loss(event.run),
            _told_mean(event.before),
            _told_mean(event.after),
            event.run.id[4:16],
        )
        for one in month.arms
        for event in one.trainings
    )
    if not rows:
        yield Said(text="Nothing was trained yet.")
        return
    head = ("arm", "night", "trigger", "lessons", "dataset", "loss", "before", "after", "run")
    yield Table(caption="Scores on the gate's suite, champion before and candidate after", head=head, rows=rows)
    yield Said(text="The whole curve of a run, every artefact and its size: selftune why RUN in the arm's folder.")


def _loss(run: Run) -> str:
    if not run.curve:
        return figures.NOTHING
    return f"{figures.number(run.curve[0].loss, 3)} to {figures.number(run.curve[-1].loss, 3)} in {run.steps} steps"


def _told_mean(mean: Mean | None) -> str:
    return figures.NOTHING if mean is None else figures.mean(mean.value, mean.interval, PLACES)


def _costs(month: Month) -> Iterator[Part]:
    rows: list[Row] = []
    for one in month.arms:
        paid = [night for night in one.nights if night.run_id is not None]
        sums = accumulate(sum(night.costs_usd) for night in paid)
        rows += [
            (
                one.arm.value,
                str(night.number),
                *map(figures.seconds, night.seconds),
                *_dollars(night.costs_usd),
                figures.dollars(so_far),
            )
            for night, so_far in zip(paid, sums, strict=True)
        ]
        seconds = [sum(night.seconds[part] for night in one.nights) for part in range(3)]
        dollars = [sum(night.costs_usd[part] for night in one.nights) for part in range(3)]
        every = f"all {len(one.nights)}"
        rows.append((one.arm.value, every, *map(figures.seconds, seconds), *_dollars(dollars), _whole(dollars)))
    head = ("arm", "night", "training", "evaluation", "data", "training $", "evaluation $", "data $", "so far $")
    yield Table(caption="Time and money of each night with a training, and of all nights", head=head, rows=tuple(rows))
    yield Said(
        text="Time is that of the machine that ran it, not of the calendar. What was found again after a crash took no "
        "time twice. Machine time costs nothing here unless [machine] states a price."
    )


def _dollars(costs: Sequence[float]) -> Iterator[str]:
    """Training, evaluation and data; a training without a stated price is not free."""
    training, *rest = costs
    yield figures.dollars(training or None)
    yield from map(figures.dollars, rest)


def _whole(dollars: Sequence[float]) -> str:
    return figures.dollars(sum(dollars))


def _nights(month: Month) -> Part:
    rows: tuple[Row, ...] = tuple(
        (
            str(night.number),
            night.date,
            arm.value,
            night.version,
            figures.mean(night.score, night.interval, PLACES),
            str(night.n),
            f"{night.prompts} and {night.goals}",
            night.ended_by,
            night.trigger,
        )
        for arm, night in sorted(
            ((one.arm, night) for one in month.arms for night in one.nights), key=lambda lived: lived[1].number
        )
    )
    head = ("night", "date", "arm", "served", "golden score", "n", "prompts and goals", "ended", "why")
    return Table(caption="Every arm, asked the same in each night", head=head, rows=rows)

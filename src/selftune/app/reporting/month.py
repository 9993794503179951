"""The page of a study: what was not shown first, then trajectories, every decision, every training, costs.

All of it is reckoned from the arms' own records when the page is made (mission A37 to A39, B37, B39, B54).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.arms import LEVEL, PLACES, SCALE
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.drawings import Span, draw_courses
from selftune.app.reporting.pages.parts import Cell, Drawing, Page, Points, Said, Section, Table
from selftune.app.reporting.study import study_generations, study_section
from selftune.loop.study.findings import Verdict, conclude
from selftune.loop.study.plan import StudyArm
from selftune.records import Dataset, Decision, Evaluation, Release, Run, Statement
from selftune.scoring.units import UnitScore, mean_of, unit_scores
from selftune.scoring.wording import Wording, wording_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.app.reporting.study import GenerationStudy
    from selftune.loop.project import Project
    from selftune.loop.study.findings import Finding, Findings
    from selftune.loop.study.plan import StudyPlan
    from selftune.records import StudyNight
    from selftune.scoring.units import Mean

_TINTS: Final = {Verdict.SHOWN: "good", Verdict.NOT_SHOWN: "bad"}
_OUTCOMES: Final = {"promote": "good", "reject": "bad", "invalid": "bad"}


@dataclass(frozen=True, kw_only=True)
class ServedGeneration:
    """One generation of an arm over the nights that it served: all probe questions that it was asked, pooled.

    Attributes:
        distinct: Distinct-2 of a night's answers, `stock` the share that opens alike, `words` of an answer: means over
            the nights.
    """

    version: str
    generation: int
    nights: int
    mean: Mean
    distinct: float | None
    stock: float | None
    words: float | None


@dataclass(frozen=True, kw_only=True)
class Training:
    """One training as an event: why it began, on what, how its loss went, and the score before and after it.

    Attributes:
        before: The champion's mean on the gate's suite, `after` the candidate's; None where one was not measured.
    """

    night: StudyNight
    run: Run
    dataset: Dataset
    decision: Decision
    before: Mean | None
    after: Mean | None


@dataclass(frozen=True, kw_only=True)
class ArmOfMonth:
    """One arm, read from its records."""

    arm: StudyArm
    nights: tuple[StudyNight, ...]
    generations: tuple[ServedGeneration, ...]
    studied: tuple[GenerationStudy, ...]
    decisions: tuple[tuple[StudyNight, Decision], ...]
    trainings: tuple[Training, ...]
    approvals: tuple[Statement, ...]


@dataclass(frozen=True, kw_only=True)
class Month:
    """A whole study, ready to be shown."""

    plan: StudyPlan
    arms: tuple[ArmOfMonth, ...]
    findings: Findings
    last_updated: str


def gather_arm(project: Project, arm: StudyArm, nights: Sequence[StudyNight], unit: str) -> ArmOfMonth:
    """Read one arm; answers are summed up one evaluation at a time."""
    store = project.store
    decided = [(night, store.record(night.decision_id, Decision)) for night in nights if night.decision_id]
    approvals = [night.approval_id for night in nights if night.approval_id]
    return ArmOfMonth(
        arm=arm,
        nights=tuple(nights),
        generations=tuple(
            _generation(project, list(served), unit) for _, served in groupby(nights, key=lambda one: one.generation)
        ),
        studied=study_generations(project, tuple(release for _, release in store.each(Release))),
        decisions=tuple(decided),
        trainings=tuple(_training(project, night, decision) for night, decision in decided if decision.run_id),
        approvals=tuple(store.records(approvals, Statement)),
    )


def gather_month(plan: StudyPlan, arms: Sequence[ArmOfMonth], last_updated: str) -> Month:
    """The arms together, and what the registered rule makes of them."""
    nights: Mapping[StudyArm, Sequence[StudyNight]] = {one.arm: one.nights for one in arms}
    return Month(plan=plan, arms=tuple(arms), findings=conclude(plan, nights), last_updated=last_updated)


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


# --- Reading ----------------------------------------------------------------------------------------------------------


def _generation(project: Project, nights: Sequence[StudyNight], unit: str) -> ServedGeneration:
    evaluations = project.store.records([one.evaluation_id for one in nights if one.evaluation_id], Evaluation)
    units, worded = list[UnitScore](), list[Wording]()
    for evaluation in evaluations:
        units += unit_scores(evaluation.outcomes, unit)
        # Night by night: the more answers are looked at together, the fewer of their word pairs are new.
        worded.append(wording_of([outcome.answer for outcome in evaluation.outcomes]))
    distinct = [one.distinct for one in worded if one.distinct is not None]
    return ServedGeneration(
        version=nights[-1].version,
        generation=nights[0].generation,
        nights=len(nights),
        mean=mean_of(units, LEVEL),
        distinct=fmean(distinct) if distinct else None,
        stock=fmean(one.stock for one in worded) if worded else None,
        words=fmean(one.mean_words for one in worded) if worded else None,
    )


def _training(project: Project, night: StudyNight, decision: Decision) -> Training:
    run = project.store.record(decision.run_id or "", Run)
    arms = {arm.value: name for arm, name in decision.arms}
    return Training(
        night=night,
        run=run,
        dataset=project.store.record(run.dataset_id, Dataset),
        decision=decision,
        before=_mean_of(project, arms.get("champion")),
        after=_mean_of(project, arms.get("candidate")),
    )


def _mean_of(project: Project, evaluation_id: str | None) -> Mean | None:
    if evaluation_id is None:
        return None
    outcomes = project.store.record(evaluation_id, Evaluation).outcomes
    unit = "pair" if any(outcome.pair for outcome in outcomes) else "item"
    return mean_of(unit_scores(outcomes, unit), LEVEL)


# --- What it says -----------------------------------------------------------------------------------------------------


def _lead(month: Month) -> Iterator[str]:
    complete = min(len(one.nights) for one in month.arms)
    simulated = any(night.simulated for one in month.arms for night in one.nights)
    kind = "simulated nights, lived through without a calendar" if simulated else "nights"
    yield month.plan.question
    yield f"{complete} of {month.plan.nights} {kind}, on base {month.plan.base}, seed {month.plan.seed}."
    yield f"{month.findings.primary.question} {_sentence(month.findings.primary)}"


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
        yield f"the circuit breaker was closed by {said.author}: {said.text}"


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
            figures.number(served.distinct, 3),
            figures.share(served.stock),
            figures.number(served.words, 1),
        )
        for served in one.generations
    )
    head = ("generation", "distinct-2", "same opening", "words an answer")
    diversity = Table(
        caption="How unlike a night's answers to the probe are, mean over the nights", head=head, rows=rows
    )
    title = f"Secondary measures, {one.arm.value}"
    return Section(title=title, parts=(*section.parts, diversity), folded=one.arm is not StudyArm.LEARNING)


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
            one.arm.value,
            night.version,
            figures.mean(night.score, night.interval, PLACES),
            str(night.n),
            f"{night.prompts} and {night.goals}",
            night.ended_by,
            night.trigger,
        )
        for one in month.arms
        for night in one.nights
    )
    head = ("night", "date", "arm", "asked", "golden score", "n", "prompts and goals", "ended", "why")
    return Table(caption="Every arm, asked the same in each night", head=head, rows=rows)

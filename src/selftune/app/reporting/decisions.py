"""The page of one decision: the outcome, everything it rests on, and everything that speaks against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.answers import sheet_of_evaluation
from selftune.app.reporting.arms import PLACES, arm_parts, difference_between, part_tables, view
from selftune.app.reporting.changes.find import find_changes
from selftune.app.reporting.changes.sections import change_sections
from selftune.app.reporting.changes.words import tell_changes
from selftune.app.reporting.costs import artefact_parts, cost_parts
from selftune.app.reporting.evaluations import best_and_worst, conditions, unscored_of
from selftune.app.reporting.measures import measure_parts
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Cell, Page, Points, Said, Section, Table, Transcript
from selftune.app.reporting.sayings import doubts_told
from selftune.app.reporting.thinking import thinking_parts, thinking_warnings
from selftune.gate.picks.base import Choice, Picks
from selftune.gate.picks.bet import bet
from selftune.governance.doubts import doubts_of_decision
from selftune.loop.deciding.picks import picks_between
from selftune.loop.hearing import hear_project
from selftune.records import Arm, Build, CheckStatus, Evaluation, Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from selftune.app.reporting.arms import ArmView
    from selftune.app.reporting.changes.find import Changes
    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.app.reporting.suites import KnownSuites
    from selftune.governance.doubts import Doubt
    from selftune.loop.project import Project
    from selftune.records import Check, Decision

_TINTS: Final = {CheckStatus.PASS: "good", CheckStatus.FAIL: "bad"}
_ORDER: Final = (CheckStatus.FAIL, CheckStatus.NOT_MEASURED, CheckStatus.NOT_SHOWN, CheckStatus.PASS)
_ROUNDING: Final = 1e-9
_ALPHA: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class Told:
    """A decision with all that it rests on.

    Attributes:
        arms: Champion first, then the candidate where there is one, then the controls.
        changes: From champion to candidate; None without a candidate.
        doubts: Concerns and holds about the decision or anything it rests on, settled ones too.
        further: The arms on each suite beside the one that decided.
        picks: What people picked blind between the two; empty where nobody did.
    """

    decision: Decision
    kept_at: str
    arms: tuple[ArmView, ...]
    changes: Changes | None
    run: Run | None
    builds: tuple[tuple[str, Build], ...]
    doubts: tuple[Doubt, ...]
    further: tuple[tuple[str, tuple[ArmView, ...]], ...] = ()
    picks: Picks = Picks()  # noqa: RUF009 - a frozen value


def tell_decision(project: Project, decision: Decision, suites: KnownSuites) -> Told:
    """Read what a decision rests on, and reckon it again."""
    store = project.store
    evaluations = [(arm, store.record(evaluation_id, Evaluation)) for arm, evaluation_id in decision.arms]
    evaluations.sort(key=lambda pair: list(Arm).index(pair[0]))
    run = store.record(decision.run_id, Run) if decision.run_id else None
    kept = {build.id: build for _, build in store.each(Build)}
    # A control that is nothing but a prompt may have been evaluated without being kept as a build.
    builds = {arm: kept[one.build_id] for arm, one in evaluations if one.build_id in kept}
    return Told(
        decision=decision,
        kept_at=store.saved_at(decision.id),
        arms=tuple(view(arm.value, one, suites.unit_of(one)) for arm, one in evaluations),
        changes=_changes(dict(evaluations), suites),
        run=run,
        builds=tuple((arm.value, build) for arm, build in builds.items()),
        doubts=doubts_of_decision(hear_project(project), decision),
        further=tuple(_further(project, decision, suites)),
        picks=_picks(project, builds),
    )


def _further(project: Project, decision: Decision, suites: KnownSuites) -> Iterator[tuple[str, tuple[ArmView, ...]]]:
    """What the arms did on the suites that may stop a candidate and never promote one, as far as it was not erased."""
    for beside in decision.further:
        arms = ((arm, next(project.store.kept_records([name], Evaluation), None)) for arm, name in beside.arms)
        found = [(arm, one) for arm, one in arms if one is not None]
        found.sort(key=lambda pair: list(Arm).index(pair[0]))
        if found:
            yield beside.suite, tuple(view(arm.value, one, suites.unit_of(one)) for arm, one in found)


def _picks(project: Project, builds: Mapping[Arm, Build]) -> Picks:
    if Arm.CHAMPION not in builds or Arm.CANDIDATE not in builds:
        return Picks()
    return picks_between(project, builds[Arm.CHAMPION], builds[Arm.CANDIDATE])


def _changes(arms: dict[Arm, Evaluation], suites: KnownSuites) -> Changes | None:
    if Arm.CHAMPION not in arms or Arm.CANDIDATE not in arms:
        return None
    sheets = (
        sheet_of_evaluation(arms[arm], arm.value, suites.items_of(arms[arm])) for arm in (Arm.CHAMPION, Arm.CANDIDATE)
    )
    return find_changes(*sheets)


def decision_page(told: Told, suites: KnownSuites) -> Page:
    """The whole page."""
    return Page(
        title=f"Decision of {told.kept_at[:10]}",
        outcome=told.decision.outcome.value,
        lead=tuple(_lead(told)),
        sections=tuple(decision_sections(told, suites)),
        foot=f"Kept {told.kept_at}. Means, differences and shifts are reckoned again from the outcomes on record "
        "whenever this page is made.",
        again=told.decision.id,
    )


def _lead(told: Told) -> Iterator[str]:
    yield told.decision.reason
    if told.decision.next_step:
        yield f"Next: {told.decision.next_step}"
    yield from _contradictions(told)
    if told.arms:
        yield from thinking_warnings(told.arms)
    stand = [doubt.statement.text for doubt in told.doubts if doubt.stands]
    counted = figures.counted(len(stand), "open concern")
    yield f"{counted}: {'; '.join(stand)}" if stand else "No open concern."


def _contradictions(told: Told) -> Iterator[str]:
    """Where the record's own difference is not what its outcomes come to; such a decision is to be doubted."""
    arms = {arm.name: arm for arm in told.arms}
    if told.decision.difference is None or not {Arm.CHAMPION.value, Arm.CANDIDATE.value} <= set(arms):
        return
    found = difference_between(arms[Arm.CHAMPION.value], arms[Arm.CANDIDATE.value])
    if found is None or abs(found.mean - told.decision.difference) > _ROUNDING or found.n != told.decision.n:
        reckoned = "nothing" if found is None else f"{figures.signed(found.mean, PLACES)} on {found.n}"
        recorded = f"{figures.signed(told.decision.difference, PLACES)} on {told.decision.n}"
        yield f"Beware: the record holds a difference of {recorded}; its outcomes come to {reckoned}."


def decision_sections(told: Told, suites: KnownSuites) -> Iterator[Section]:
    """Everything below the lead."""
    yield Section(title="Checks", parts=(_checks(told.decision),))
    if told.arms:
        yield Section(title="Arms", parts=tuple(arm_parts(told.arms)))
        yield Section(
            title="Parts", parts=(*part_tables(told.arms), *measure_parts(told.arms), *thinking_parts(told.arms))
        )
    for suite, arms in told.further:
        note = Said(text="This suite may stop a candidate; it promotes none.")
        yield Section(
            title=f"Beside it: {suite}", parts=(note, *arm_parts(arms), *part_tables(arms), *measure_parts(arms))
        )
    if told.picks.choices:
        yield Section(title="Blind picks", parts=(_picked(told.picks),))
    if told.changes is not None:
        points = Points(points=tuple(tell_changes(told.changes)))
        yield Section(title="What changed in the model", parts=(points,))
        yield from change_sections(told.changes)
    yield from (best_and_worst(arm, suites) for arm in told.arms if arm.name in {Arm.CHAMPION, Arm.CANDIDATE})
    if told.arms:
        yield Section(title="Without a score", parts=(unscored_of(told.arms),))
        yield Section(title="Conditions", parts=(conditions(told.arms),))
    if prompts := tuple(_prompts(told.builds)):
        yield Section(title="What stands before every conversation", folded=True, parts=prompts)
    yield Section(title="Open concerns", parts=tuple(_concerns(told)))
    beside = [arm for _, arms in told.further for arm in arms]
    yield Section(title="Cost", parts=tuple(cost_parts([*told.arms, *beside], told.run)))
    yield Section(title="Files", folded=True, parts=tuple(artefact_parts(told.run, told.builds)))


def _checks(decision: Decision) -> Table:
    """Every check, what stopped the candidate first."""
    ordered = sorted(decision.checks, key=lambda check: _ORDER.index(check.status))
    return Table(
        caption=f"Every check of policy {decision.policy}, the gravest first",
        head=("check", "status", "measured", "threshold", "interval", "n", "detail"),
        rows=tuple(map(_check_row, ordered)),
    )


def _check_row(check: Check) -> Row:
    return (
        check.name,
        Cell(text=check.status.value.replace("_", " "), tint=_TINTS.get(check.status, "unsure")),
        figures.number(check.measured, PLACES),
        figures.number(check.threshold, PLACES),
        figures.interval(check.interval, PLACES) or figures.NOTHING,
        figures.NOTHING if check.n is None else str(check.n),
        check.detail,
    )


def _picked(picks: Picks) -> Table:
    """What people took without knowing which is which, and how sure one may be wherever one stops."""
    found, tally = bet(picks.choices, _ALPHA), picks.tally
    low, high = found.interval
    row = (
        str(tally[Choice.CANDIDATE]), str(tally[Choice.CHAMPION]), str(tally[Choice.TIE]), str(picks.identical),
        figures.share(found.share), f"[{figures.share(low)}, {figures.share(high)}]", str(found.n),
        "open" if found.settled is None else f"{found.settled.value} after {found.at}",
    )  # fmt: skip
    return Table(
        caption="Pairs picked blind; the interval holds at 95 % wherever one stops",
        head=("candidate", "champion", "tie", "not shown, identical", "candidate's share", "interval", "n", "settled"),
        rows=(row,),
    )


def _prompts(builds: Sequence[tuple[str, Build]]) -> Iterator[Transcript]:
    """The system prompt of each arm that has one, with the lessons that it shows, and where both come from."""
    for name, build in builds:
        if build.prompt is not None:
            shown = () if build.shown is None else build.shown.interaction_ids
            found = f"found by {build.search_id}" if build.search_id else "named, not searched for"
            note = f"{found}; shows {', '.join(shown) or 'no lessons'}"
            yield Transcript(name=name, note=note, asked=(("system", build.prompt),), answers=())


def _concerns(told: Told) -> Iterator[Part]:
    stand = [doubt for doubt in told.doubts if doubt.stands]
    if stand:
        yield Said(text="Open, word for word:")
        yield from doubts_told(stand)
    else:
        yield Said(text="Nobody has an open concern about this decision or anything it rests on.")
    settled = [doubt for doubt in told.doubts if not doubt.stands]
    if settled:
        yield Said(text="No longer open; that a doubt was closed is no review of what it was about:")
        yield from doubts_told(settled)

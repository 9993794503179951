"""One night of one arm: asked, measured, and where it learns, once round the cycle; begun again wherever it was cut.

The model that is measured is the one that was in service when the night began, and the ledger says which: after a crash
behind a promotion the new one is not asked in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import NotYet, WaitingForPersonError
from selftune.evals.config import EvaluationConfig
from selftune.evals.stage import evaluate
from selftune.failpoints import reach
from selftune.governance.breaker import breaker_of
from selftune.interactions.served import ServedUsers, UserPrompt
from selftune.interactions.stage import capture
from selftune.judges.stage import judge
from selftune.loop.braking import check_brake, check_freeze
from selftune.loop.configured import make_judging
from selftune.loop.incoming.privacy import door_of
from selftune.loop.measuring.grading import make_gate_judge
from selftune.loop.releasing.service import serving_release
from selftune.loop.runner import go_round, hold_lease, make_executor
from selftune.loop.study.plan import StudyArm
from selftune.loop.study.scenarios import seed_of
from selftune.records import (
    Build,
    Dataset,
    Decision,
    Evaluation,
    Judgement,
    Outcome,
    Release,
    Run,
    StudyNight,
    Trigger,
    digest_of,
)
from selftune.scoring.units import mean_of, unit_scores

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.loop.executor import Observer, Timing
    from selftune.loop.project import Project
    from selftune.loop.runner import CycleReport
    from selftune.loop.study.plan import StudyPlan
    from selftune.loop.study.scenarios import Scenarios
    from selftune.records import Message, Statement, Suite

BEGAN: Final = "study night began"
COMPLETE: Final = "study night complete"
NO_TRAINING: Final = "no training"
HALTED: Final = "halted"
PROMOTED: Final = "promoted"
_WAITS: Final = WaitingForPersonError.exit_code
_TRAINING: Final = frozenset({"train", "build"})
_EVALUATION: Final = frozenset({"evaluate", "decide", "decide_again", "release"})


Approver = Callable[["Project"], "Statement"]
"""Whoever says yes when the circuit breaker opens; gives the signed yes, on record, that names its author."""


@dataclass(frozen=True, kw_only=True)
class Coming:
    """A night that is to be lived through: of which arm, its number and date, and whether a calendar goes by."""

    plan: StudyPlan
    arm: StudyArm
    number: int
    date: str
    simulated: bool


@dataclass(frozen=True, kw_only=True)
class Turned:
    """How the night's cycle ended."""

    ended_by: str
    trigger: str
    decision: Decision | None = None
    promoted: Release | None = None
    approval_id: str | None = None
    told: tuple[str, ...] = ()
    timings: tuple[Timing, ...] = ()


def nights_of(project: Project) -> tuple[StudyNight, ...]:
    """The nights of an arm that are complete, oldest first."""
    return tuple(night for _, night in project.store.each(StudyNight))


def live_through(
    project: Project,
    coming: Coming,
    scenarios: Scenarios,
    observer: Observer,
    approve: Approver | None = None,
    *,
    cycle: Callable[[Project, Observer], CycleReport] = go_round,
) -> StudyNight:
    """Live one night through, from where an earlier try was cut; the record is the last thing that is written.

    Args:
        project: The arm.
        coming: Which night of it.
        scenarios: Who asks, and what measures.
        observer: Sees the stages.
        approve: Says yes when the circuit breaker is open; None: a person is awaited.
        cycle: How the arm goes round once.

    Raises:
        WaitingForPersonError: work or training is stopped here, the circuit breaker is open and nobody was named to
            approve, or a release is held.
        LockedError: another runner has the project.
        ServingError: the model could not be served; what was answered is kept.
    """
    check_brake(project)
    check_freeze(project)
    place, release = begin(project, coming)
    build = project.store.record(release.build_id, Build)
    probe = scenarios.probe(seed_of(coming.plan.seed, coming.number, "probe"), coming.plan.probe_pairs)
    with hold_lease(project):
        step = make_executor(project, observer)
        asked = step(capture, _askers(project, coming, scenarios, build), door_of(project))
        if coming.arm is StudyArm.NEVER_TRAINS:
            step(judge, asked, make_judging(project))
        measured = step(evaluate, build, _probing(project, probe))
    reach("study-measured")
    turned = (
        Turned(ended_by=NO_TRAINING, trigger="this arm never trains")
        if coming.arm is StudyArm.NEVER_TRAINS
        else turn(project, coming, place, approve, lambda: cycle(project, observer))
    )
    reach("study-turned")
    timings = (*step.timings, *turned.timings)
    night = _written(project, coming, place, release, probe, measured, turned, timings, scenarios.goals.name)
    with hold_lease(project):
        last = project.store.last(StudyNight)
        if last is not None and last.number >= night.number:
            return last  # another runner lived through it beside us
        detail = {"arm": night.arm, "number": str(night.number), "ended": night.ended_by}
        project.store.save([night], event=COMPLETE, detail=detail)
        project.store.checkpoint()
    return night


def begin(project: Project, coming: Coming) -> tuple[int, Release]:
    """Where the night stands in the ledger, and the release it is about; noted there when it begins first."""
    last = project.store.last(StudyNight)
    for entry in project.store.history(0 if last is None else last.ledger_from):
        detail = dict(entry.detail)
        if entry.event == BEGAN and detail["number"] == str(coming.number):
            return entry.seq, project.store.record(detail["release"], Release)
    release = serving_release(project)
    with hold_lease(project):
        detail = {"number": str(coming.number), "date": coming.date, "release": release.id, "arm": coming.arm.value}
        return project.store.note(BEGAN, detail), release


def turn(
    project: Project, coming: Coming, place: int, approve: Approver | None, cycle: Callable[[], CycleReport]
) -> Turned:
    """Once round the cycle, or how it ended before the night was cut.

    Raises:
        WaitingForPersonError: nobody was named who may say yes.
    """
    decision, released = _made_since(project, place)
    done = decision is not None and (decision.outcome is not Outcome.PROMOTE or released is not None)
    if done:
        return _told(project, coming, decision, released)
    approval = _approved_since(project, place) or _ask_for_approval(project, approve)
    report = cycle()
    halted = report.halted
    if halted is not None and halted.exit_code == _WAITS and report.decision is not None:
        raise WaitingForPersonError(halted.reason, next_step=halted.next_step)
    if halted is not None:
        return Turned(
            ended_by=HALTED,
            trigger=halted.reason,
            approval_id=approval,
            told=(halted.next_step,),
            timings=report.timings,
        )
    return _told(project, coming, report.decision, report.release, approval, report.timings)


def prompts_in(project: Project, file_name: str) -> tuple[tuple[Message, ...], ...]:
    """What people asked in a file, by its own marks and the project's rules; only words that may be learnt from.

    Raises:
        MissingFileError: there is no such file.
        UsageError: its format is not known.
    """
    from pathlib import Path

    from selftune.interactions.detect import list_logs, open_sources
    from selftune.interactions.privacy.consent import UnderConsent
    from selftune.records import Interaction

    level = project.config.capture.consent
    found: dict[str, tuple[Message, ...]] = {}
    for path in list_logs(Path(file_name)):
        sources = tuple(UnderConsent(source=source, level=level) for source in open_sources(path, "auto"))
        for said in capture(sources, door_of(project), project.context()):
            if isinstance(said, Interaction) and said.consent.train and said.prompt:
                found.setdefault(digest_of(said.prompt), said.prompt)
    return tuple(found.values())


def _askers(project: Project, coming: Coming, scenarios: Scenarios, build: Build) -> tuple[ServedUsers, ...]:
    """Users, replayed prompts among them, and goals of idle time, each under its own trigger."""
    plan, number = coming.plan, coming.number
    users = scenarios.users(seed_of(plan.seed, number, "users"), plan.prompts)
    goals = scenarios.goals.set_goals(seed_of(plan.seed, number, "goals"), plan.goals)
    replayed = scenarios.replay.of_night(number, plan.replayed)
    asked = ((Trigger.SIMULATED, "user", (*users, *replayed)), (Trigger.MOTIVATOR, "goal", tuple(goals)))
    return tuple(
        ServedUsers(
            prompts=tuple(_prompt(messages, f"{what}-{number:03d}") for messages in conversations),
            build=build,
            trigger=trigger,
            parameters=build.generation,
            slots=project.config.capture.slots,
            door=door_of(project),
        )
        for trigger, what, conversations in asked
        if conversations
    )


def _prompt(messages: tuple[Message, ...], prefix: str) -> UserPrompt:
    name = f"{prefix}-{digest_of(messages).removeprefix('sha256:')[:16]}"
    return UserPrompt(task_id=name, messages=messages, conversation=name)


def _probing(project: Project, probe: Suite) -> EvaluationConfig:
    return EvaluationConfig(suite=probe, slots=project.config.evaluation.slots, grader=make_gate_judge(project, probe))


def _made_since(project: Project, place: int) -> tuple[Decision | None, Release | None]:
    """The night's decision and release, where it came so far before it was cut."""
    made: dict[str | None, str | None] = {entry.kind: entry.record_id for entry in project.store.history(place)}
    decision, release = made.get(Decision.KIND), made.get(Release.KIND)
    return (
        None if decision is None else project.store.record(decision, Decision),
        None if release is None else project.store.record(release, Release),
    )


def _approved_since(project: Project, place: int) -> str | None:
    return next((entry.record_id for entry in project.store.history(place) if entry.event == "approved"), None)


def _ask_for_approval(project: Project, approve: Approver | None) -> str | None:
    """The yes of whoever the plan names, if the circuit breaker asks for one; without a name the cycle will say so."""
    state = breaker_of(project.store, project.config.governance.approve_every, simulated=project.simulated)
    return approve(project).id if state.open and approve is not None else None


def _told(
    project: Project,
    coming: Coming,
    decision: Decision | None,
    released: Release | None,
    approval: str | None = None,
    timings: tuple[Timing, ...] = (),
) -> Turned:
    if decision is None:
        raise NotYet("the night's cycle ended without a decision.", next_step="Run `selftune study run` again.")
    dataset = _dataset_of(project, decision)
    lessons = 0 if dataset is None else len(dataset.train)
    return Turned(
        ended_by=PROMOTED if released is not None else decision.outcome.value,
        trigger=f"{coming.plan.trigger} new golden answers or more; {lessons} lessons in all",
        decision=decision,
        promoted=released,
        approval_id=approval,
        told=(decision.reason,),
        timings=timings,
    )


def _dataset_of(project: Project, decision: Decision) -> Dataset | None:
    if decision.run_id is None:
        return None
    return project.store.record(project.store.record(decision.run_id, Run).dataset_id, Dataset)


def _written(
    project: Project,
    coming: Coming,
    place: int,
    release: Release,
    probe: Suite,
    measured: Evaluation,
    turned: Turned,
    timings: Sequence[Timing],
    goals_by: str,
) -> StudyNight:
    mean = mean_of(unit_scores(measured.outcomes, probe.unit))
    decision = turned.decision
    dataset = None if decision is None else _dataset_of(project, decision)
    return StudyNight(
        study=coming.plan.digest,
        arm=coming.arm.value,
        number=coming.number,
        date=coming.date,
        simulated=coming.simulated,
        release_id=release.id,
        version=release.version,
        generation=release.generation,
        prompts=coming.plan.prompts + coming.plan.replayed,
        goals=coming.plan.goals,
        goals_by=goals_by,
        probe_digest=measured.suite_digest,
        evaluation_id=measured.id,
        score=mean.value,
        interval=mean.interval,
        n=mean.n,
        ended_by=turned.ended_by,
        trigger=turned.trigger,
        dataset_id=None if dataset is None else dataset.id,
        run_id=None if decision is None else decision.run_id,
        decision_id=None if decision is None else decision.id,
        promoted_id=None if turned.promoted is None else turned.promoted.id,
        approval_id=turned.approval_id,
        seconds=_seconds(timings),
        costs_usd=_costs(project, place),
        told=turned.told,
        ledger_from=place,
    )


def _seconds(timings: Iterable[Timing]) -> tuple[float, float, float]:
    training = evaluation = data = 0.0
    for timing in timings:
        if timing.stage in _TRAINING:
            training += timing.seconds
        elif timing.stage in _EVALUATION:
            evaluation += timing.seconds
        else:
            data += timing.seconds
    return training, evaluation, data


def _costs(project: Project, place: int) -> tuple[float, float, float]:
    """What the night's records say that they cost, in the order of `StudyNight.costs_usd`."""
    made: dict[str, list[str]] = {}
    for entry in project.store.history(place):
        if entry.kind is not None and entry.record_id is not None:
            made.setdefault(entry.kind, []).append(entry.record_id)
    kept = project.store.records
    return (
        sum(run.cost_usd for run in kept(made.get(Run.KIND, ()), Run)),
        sum(one.cost_usd for one in kept(made.get(Evaluation.KIND, ()), Evaluation)),
        sum(one.cost_usd for one in kept(made.get(Judgement.KIND, ()), Judgement)),
    )

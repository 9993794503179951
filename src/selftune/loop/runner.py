"""One command's walk through the cycle: lease, breaker, what was cut off, the eight stages, what is told afterwards."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import LockedError, NotYet, SelftuneError, UsageError
from selftune.gate.stage import decide
from selftune.governance.brake.at_work import at_work
from selftune.governance.brake.file import Braked
from selftune.governance.breaker import require_closed_breaker
from selftune.governance.keys import seal_build
from selftune.interrupts import stopped_by
from selftune.judges.rubric import load_rubric
from selftune.ledger.keys import load_machine_key
from selftune.loop.amending.standing import check_codex
from selftune.loop.braking import check_amid, check_brake, check_freeze, check_step
from selftune.loop.cycle import run_cycle, weigh_run
from selftune.loop.deciding.breaker_lock import keep_breaker
from selftune.loop.deciding.live import decide_by_live
from selftune.loop.deciding.picks import decide_by_picks
from selftune.loop.deciding.policy_lock import keep_policy
from selftune.loop.executor import Executor, Silent
from selftune.loop.incoming.taking_back import drop_withdrawn
from selftune.loop.leavings import leave_for_people
from selftune.loop.lessons.beginning import note_trainings
from selftune.loop.measuring.regressions import grow_regressions
from selftune.loop.night.device import announce_cycle, training_elsewhere
from selftune.loop.planning import make_plan
from selftune.loop.prompts.wishes import trains
from selftune.loop.releasing.pending import pending_decision, pending_promotion
from selftune.loop.releasing.service import make_target, put_right, serving_release
from selftune.loop.under_way import Noted
from selftune.records import Dataset, Decision, Evaluation, Outcome, Release
from selftune.release.live import LiveServer
from selftune.release.stage import release
from selftune.training.stage import train

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.executor import Observer, Timing
    from selftune.loop.plan import Plan
    from selftune.loop.project import Project
    from selftune.records import Run
    from selftune.release.base import Promotion
    from selftune.release.live import LiveStatus
    from selftune.store import Lease

LEASE_NAME: Final = "cycle"
LEASE_SECONDS: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class Halted:
    """The cycle ended before a decision, on purpose."""

    reason: str
    next_step: str
    exit_code: int


@dataclass(frozen=True, kw_only=True)
class CycleReport:
    """How one turn ended: with a decision, and a release if it promoted; or halted."""

    generation: int
    decision: Decision | None
    release: Release | None
    halted: Halted | None
    timings: tuple[Timing, ...]


class ReachedStage(Exception):  # noqa: N818 - no error: the command asked to stop here
    """The stage that the command asked for is done; carries what it made."""

    def __init__(self, output: Any) -> None:
        super().__init__("reached")
        self.output = output


class UntilStage:
    """An executor that stops after one stage; what is finished is found again by the next command.

    Each arm is evaluated on each suite by a step of its own: there it stops when the gate is next.
    """

    def __init__(self, step: Executor, stage: str) -> None:
        self._step = step
        self._stage = stage
        self._evaluations: list[Evaluation] = []

    def __call__(self, stage: Any, inputs: Any, config: Any) -> Any:
        """Take the step, and stop there if it is the one."""
        if self._evaluations and stage.__name__ == decide.__name__:
            raise ReachedStage(tuple(self._evaluations))
        output = self._step(stage, inputs, config)
        if stage.__name__ == self._stage and isinstance(output, Evaluation):
            self._evaluations.append(output)
        elif stage.__name__ == self._stage:
            raise ReachedStage(output)
        return output


@contextmanager
def hold_lease(project: Project) -> Iterator[Lease]:
    """The project's one lease, kept alive by a heartbeat; `LockedError` when another runner has it.

    What trains in the block ends when the brake is put on, and a stop finds this process.
    """
    # Said before anybody looks at the brake: whoever puts it on finds this process, or is found by it.
    with at_work(project.hidden), stopped_by(Braked(project.hidden)), _leased(project) as lease:
        yield lease


@contextmanager
def _leased(project: Project) -> Iterator[Lease]:
    lease = project.store.acquire_lease(LEASE_NAME, owner=f"selftune {os.getpid()}", ttl_seconds=LEASE_SECONDS)
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(LEASE_SECONDS / 4):
            # A full disk may have room again by the next beat. Who lost the lease is told so when it next writes.
            with suppress(SelftuneError):
                lease.heartbeat()

    beater = threading.Thread(target=beat, name="lease-heartbeat", daemon=True)
    beater.start()
    try:
        yield lease
    finally:
        stop.set()
        beater.join()
        lease.release()


@contextmanager
def hold_machine(project: Project, observer: Observer) -> Iterator[Lease]:
    """The project's lease, with word to the nights of other projects that this machine is at work.

    A night that is under way already keeps nobody from what a person has begun: the observer is told of it.

    Raises:
        LockedError: another runner has the project.
    """
    with hold_lease(project) as lease, announce_cycle(str(project.folder)):
        holder = training_elsewhere()
        if holder is not None:
            observer.told(f"{holder.what} (process {holder.pid}) trains on this machine too: both will be slower.")
        yield lease


def make_executor(project: Project, observer: Observer, *, seconds: float | None = None) -> Executor:
    """An executor over a project, with a deadline `seconds` from now."""
    context = project.context()
    deadline = None if seconds is None else context.elapsed() + seconds
    key = load_machine_key(project.hidden / "keys")
    return Executor(
        store=project.store,
        context=context,
        observer=Noted(observer, project.hidden, seconds=seconds),
        deadline=deadline,
        seal=lambda made: seal_build(made, key),
        before=lambda stage: check_step(project, stage),
        amid=lambda stage: check_amid(project, stage),
    )


def go_round(
    project: Project, observer: Observer | None = None, *, seconds: float | None = None, run: Run | None = None
) -> CycleReport:
    """Run one cycle and say how it ended; a promotion that was cut off is carried out first, and is then the cycle.

    With a `run` that is there already, it begins behind the training: that run's candidate is built and weighed.

    Raises:
        UsageError: the run was trained on another base.
        LockedError: another runner has the project.
        WaitingForPersonError: all work is stopped, the circuit breaker is open, or a promotion awaits its approval.
        BudgetError: the time is used up; finished steps are kept.
        MissingFileError: the base's files are gone.
        DamagedFileError: the base's files are not what was pinned.
    """
    observer = observer or Silent()
    with hold_machine(project, observer):
        may_begin(project)
        step = make_executor(project, observer, seconds=seconds)
        again = weigh_picks(project, step)
        try:
            promotion = settle(project, step.observer)
            if promotion is not None:
                return finish_promotion(project, promotion, step)
            if run is None:
                check_freeze(project)
            project.check_base_files()
            plan = plan_on_record(project, run)
            note_trainings(plan, step)
            ending = run_cycle(plan, step) if run is None else weigh_run(plan, step, run, dataset_of(project, run))
        except NotYet as halt:
            return halted_report(project, why_stopped(project, halt), step, again)
        close_cycle(project, ending, step)
        return ended_report(project, plan.generation, ending, step)


def go_until(project: Project, stage: str, observer: Observer | None = None) -> Any:
    """Run the cycle up to one stage and return what that stage made, a tuple of all evaluations; nothing is repeated.

    Raises:
        NotYet: the cycle has nothing to do, or too little; its next step says what is missing.
    """
    if stage == train.__name__ and not trains(project.config):
        raise UsageError(
            'nothing is trained here: the recipe is "none".',
            next_step="Name a recipe under [training] in selftune.toml.",
        )
    observer = observer or Silent()
    with hold_machine(project, observer):
        may_begin(project)
        step = make_executor(project, observer)
        again = weigh_picks(project, step)
        promotion = settle(project, step.observer)
        if promotion is not None:
            if stage != release.__name__:
                return promotion.decision
            return step(release, promotion, make_target(project))
        if again is not None and stage == decide.__name__:
            return again
        project.check_base_files()
        try:
            plan = plan_on_record(project)
            note_trainings(plan, step)
            return run_cycle(plan, UntilStage(step, stage))  # type: ignore[arg-type] # it steps alike
        except ReachedStage as reached:
            return reached.output


def dataset_of(project: Project, run: Run) -> Dataset:
    """What the run learnt from."""
    return project.store.record(run.dataset_id, Dataset)


def plan_on_record(project: Project, run: Run | None = None, *, anyway: bool = False) -> Plan:
    """The plan of the next cycle; policy and rubric are put on record, so that decision and verdicts can be traced.

    With `anyway` there is one even where nothing is new.

    Raises:
        NothingNewError: as `make_plan`.
        ConfigError: as `make_plan`.
    """
    plan = make_plan(project, run, anyway=anyway)
    keep_policy(project)
    codex = plan.judging.codex
    rubric = load_rubric(plan.judging.rubric, codex)
    project.store.save([rubric] if codex is None else [codex, rubric], event="to be judged by")
    return plan


def start_service(project: Project, observer: Observer | None = None) -> LiveStatus:
    """Start what is in service; first undo what a cut-off release left, unless a cycle that runs now is at it.

    Raises:
        WaitingForPersonError: all work here is stopped.
        IntegrityError: neither the release nor its fallback can be served, or the port is taken.
    """
    check_brake(project)
    with suppress(LockedError, NotYet), hold_lease(project):
        settle(project, observer or Silent())
    return LiveServer(make_target(project)).start()


def settle(project: Project, observer: Observer) -> Promotion | None:
    """The promotion that must be carried out first; where there is none, what a cut-off release left is undone.

    Raises:
        WaitingForPersonError: someone holds it, or an approval is missing; until then the old model serves.
    """
    promotion = None
    try:
        promotion = pending_promotion(project)
    finally:
        if promotion is None:
            for text in put_right(project):
                observer.told(text)
    return promotion


def may_begin(project: Project) -> None:
    """Return where nobody stopped all work and a person has looked often enough; how often that is goes on record.

    Raises:
        WaitingForPersonError: all work is stopped, or the circuit breaker is open.
        IntegrityError: a codex was adopted here, and the file says something else.
    """
    check_brake(project)
    check_codex(project)
    keep_breaker(project)
    check_breaker(project)


def check_breaker(project: Project) -> None:
    """Stop when a person has not looked for too many promotions.

    Raises:
        WaitingForPersonError: the circuit breaker is open.
    """
    public_key = load_machine_key(project.hidden / "keys").trusted
    limit = project.config.governance.approve_every
    require_closed_breaker(project.store, limit, public_key=public_key, simulated=project.simulated)


def why_stopped(project: Project, halt: NotYet) -> NotYet:
    """Why work ended early: by the brake where that is on, whatever a stage said when it saw it."""
    try:
        check_brake(project)
    except NotYet as braked:
        return braked
    return halt


def weigh_picks(project: Project, step: Executor) -> Decision | None:
    """The last decision made again, if somebody has picked since, or its candidate was tried on real requests.

    A promotion that comes of it is then carried out.
    """
    picked = decide_by_picks(project, step)
    again = decide_by_live(project, step) or picked
    if again is not None and again.outcome is not Outcome.PROMOTE:
        leave_for_people(project, again)
    return again


def finish_promotion(project: Project, promotion: Promotion, step: Executor) -> CycleReport:
    """Carry out what was decided before: a crash lay between, or a person's yes has come."""
    ending = step(release, promotion, make_target(project))
    close_cycle(project, ending, step)
    return ended_report(project, promotion.generation, ending, step)


def close_cycle(project: Project, ending: Release | Decision, step: Executor) -> None:
    """What a cycle leaves behind: files for people, and a signed head of the ledger."""
    decision = project.store.last(Decision) if isinstance(ending, Release) else ending
    if decision is not None:
        leave_for_people(project, decision)
        drop_withdrawn(project)
        added = grow_regressions(project, decision).added
        if added:
            step.observer.told(f"{len(added)} mended items are tested from now on: selftune suite show regression")
    project.store.checkpoint()


def halted_report(project: Project, halt: NotYet, step: Executor, again: Decision | None = None) -> CycleReport:
    """A cycle that ended early, on purpose; with the decision if one waits for a person, or was made again by picks."""
    return CycleReport(
        generation=serving_release(project).generation + 1,
        decision=pending_decision(project) or again,
        release=None,
        halted=Halted(reason=halt.message, next_step=halt.next_step, exit_code=halt.exit_code),
        timings=tuple(step.timings),
    )


def ended_report(project: Project, generation: int, ending: Release | Decision, step: Executor) -> CycleReport:
    """A cycle that ended with a decision, and a release if it promoted."""
    released = ending if isinstance(ending, Release) else None
    decision = project.store.last(Decision) if isinstance(ending, Release) else ending
    return CycleReport(
        generation=generation, decision=decision, release=released, halted=None, timings=tuple(step.timings)
    )

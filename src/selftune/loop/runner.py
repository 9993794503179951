"""One command's walk through the cycle: lease, recovery, breaker, plan, the eight stages, and what is told afterwards."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import NotYet
from selftune.loop.cycle import run_cycle
from selftune.loop.executor import Executor, Silent
from selftune.loop.planning import make_plan
from selftune.records import Decision, Release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.executor import Observer, Timing
    from selftune.loop.plan import Plan
    from selftune.loop.project import Project
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


class ReachedStage(Exception):  # noqa: N818 - it is no error: the command asked to stop here
    """The stage that the command asked for is done; carries what it made."""

    def __init__(self, output: Any) -> None:
        super().__init__("reached")
        self.output = output


class UntilStage:
    """An executor that stops after one stage; what is finished is found again by the next command."""

    def __init__(self, step: Executor, stage: str) -> None:
        self._step = step
        self._stage = stage

    def __call__(self, stage: Any, inputs: Any, config: Any) -> Any:
        """Take the step, and stop there if it is the one."""
        output = self._step(stage, inputs, config)
        if stage.__name__ == self._stage:
            raise ReachedStage(output)
        return output


@contextmanager
def hold_lease(project: Project) -> Iterator[Lease]:
    """The project's one lease, kept alive by a heartbeat; `LockedError` when another runner has it."""
    lease = project.store.acquire_lease(LEASE_NAME, owner=f"selftune {os.getpid()}", ttl_seconds=LEASE_SECONDS)
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(LEASE_SECONDS / 4):
            lease.heartbeat()

    beater = threading.Thread(target=beat, name="lease-heartbeat", daemon=True)
    beater.start()
    try:
        yield lease
    finally:
        stop.set()
        beater.join()
        lease.release()


def make_executor(project: Project, observer: Observer, *, seconds: float | None = None) -> Executor:
    """An executor over a project, with a deadline `seconds` from now."""
    context = project.context()
    deadline = None if seconds is None else context.elapsed() + seconds
    return Executor(store=project.store, context=context, observer=observer, deadline=deadline)


def go_round(project: Project, observer: Observer | None = None, *, seconds: float | None = None) -> CycleReport:
    """Run one cycle and say how it ended.

    Raises:
        LockedError: another runner has the project.
        WaitingForPersonError: the circuit breaker is open, or a promotion awaits its approval.
        BudgetError: the time is used up; finished steps are kept.
    """
    with hold_lease(project):
        prepare(project)
        step = make_executor(project, observer or Silent(), seconds=seconds)
        plan = make_plan(project)
        try:
            ending = run_cycle(plan, step)
        except NotYet as halt:
            halted = Halted(reason=halt.message, next_step=halt.next_step, exit_code=halt.exit_code)
            return CycleReport(
                generation=plan.generation, decision=None, release=None, halted=halted, timings=tuple(step.timings)
            )
        finish(project, plan)
        return report_of(project, plan, ending, tuple(step.timings))


def go_until(project: Project, stage: str, observer: Observer | None = None) -> Any:
    """Run the cycle up to one stage and return what that stage made; nothing finished is repeated."""
    with hold_lease(project):
        prepare(project)
        step = make_executor(project, observer or Silent())
        try:
            return run_cycle(make_plan(project), UntilStage(step, stage))  # type: ignore[arg-type] # it steps alike
        except ReachedStage as reached:
            return reached.output


def report_of(project: Project, plan: Plan, ending: Release | Decision, timings: tuple[Timing, ...]) -> CycleReport:
    """How a finished cycle ended, with the decision even when a release came of it."""
    released = isinstance(ending, Release)
    decision = project.store.last(Decision) if released else ending
    return CycleReport(
        generation=plan.generation,
        decision=decision if isinstance(decision, Decision) else None,
        release=ending if isinstance(ending, Release) else None,
        halted=None,
        timings=timings,
    )

"""The whole story of a night: prepared once, tried within its time and money, the best of it weighed by the gate.

It is the cycle's scheduled form: it holds the same lease, takes the same steps and ends as a cycle does. What is tried
is only screened; about one candidate a night the gate decides, on items that no try has seen.
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.errors import BelowTriggerError, BudgetError, ConfigError, NothingNewError, NotYet, WaitingForPersonError
from selftune.governance.brake.at_work import at_work
from selftune.interrupts import stopped_by
from selftune.loop.braking import check_freeze
from selftune.loop.cycle import prepare, run_cycle, weigh_run
from selftune.loop.executor import Silent
from selftune.loop.experiments.agenda.reading import read_agenda
from selftune.loop.experiments.ahead import Ahead
from selftune.loop.experiments.changing import apply_changes
from selftune.loop.experiments.record_keeping.keeping import finish_leaving
from selftune.loop.experiments.screening import hold_off, make_screen
from selftune.loop.experiments.trial import make_bench
from selftune.loop.leavings import leave_for_people
from selftune.loop.lessons.beginning import note_trainings
from selftune.loop.lessons.recipes import find_recipe
from selftune.loop.night.alarms import refuse_stopped
from selftune.loop.night.clock import SystemClock
from selftune.loop.night.device import hold_device, require_free_device
from selftune.loop.night.engines.opening import open_engine, refuse_engine
from selftune.loop.night.overrun import GRACE_SECONDS, ended_after
from selftune.loop.night.presence import wait_until_allowed
from selftune.loop.night.serving import Service, must_make_room
from selftune.loop.night.shift import (
    Listening,
    NightStoppedError,
    Surroundings,
    Wishes,
    call_night,
    close_on_record,
    engine_of,
    make_shift,
    open_window,
    presence_policy,
    wait_for_hours,
)
from selftune.loop.night.trying import (
    USED_UP,
    OutOfTimeError,
    Tried,
    best_of,
    seconds_to_weigh,
    try_all,
    uninterrupted,
    with_the_device,
)
from selftune.loop.nodes.base import may_promote, on_node
from selftune.loop.nodes.finding import find_node
from selftune.loop.prompts.wishes import trains
from selftune.loop.releasing.pending import pending_decision
from selftune.loop.releasing.service import make_target
from selftune.loop.runner import (
    Halted,
    close_cycle,
    dataset_of,
    finish_promotion,
    hold_lease,
    may_begin,
    plan_on_record,
    settle,
    weigh_picks,
    why_stopped,
)
from selftune.records import Decision, Experiment, Night, Release, Run
from selftune.release.live import LiveServer
from selftune.training.base import TrainingStoppedError
from selftune.training.resident import kept_in_memory
from selftune.training.rungs import refuse_unless_in_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.loop.config import EngineChoice
    from selftune.loop.executor import Observer
    from selftune.loop.experiments.base import Agenda
    from selftune.loop.experiments.trial import Bench
    from selftune.loop.night.shift import Shift
    from selftune.loop.nodes.base import Node
    from selftune.loop.plan import Plan
    from selftune.loop.project import Project
    from selftune.records import Suite

NOTHING_TO_LEARN: Final = "nothing to learn from"
NOTHING_TRIED: Final = Tried(experiments=(), ended_by="nothing tried")
A_PERSON: Final = "a person is awaited"


@dataclass(frozen=True, kw_only=True)
class NightReport:
    """How a night ended.

    Attributes:
        night: Its record; None where it did not begin.
        decision: What the gate said of its candidate; None where it was not asked, and `halted` may say why.
    """

    night: Night | None
    experiments: tuple[Experiment, ...] = ()
    decision: Decision | None = None
    release: Release | None = None
    halted: Halted | None = None


@dataclass(frozen=True, kw_only=True)
class Ready:
    """What a night works with once what is new is judged.

    Attributes:
        bench: What tries stand on; None where nothing can be tried.
        waits: Why a cycle alone would have nothing to do; None where it has.
    """

    plan: Plan
    bench: Bench | None
    waits: NotYet | None


def run_night(
    project: Project,
    wishes: Wishes | None = None,
    observer: Observer | None = None,
    *,
    around: Surroundings | None = None,
) -> NightReport:
    """Spend one night: at most one candidate reaches the gate, and the right model answers before the deadline.

    A night that was cut off goes on where it was, under its name, until its deadline.

    Raises:
        LockedError: another runner has the project, or another training holds the machine.
        WaitingForPersonError: work or training is stopped here, the circuit breaker is open, or nights were stopped.
        NothingNewError: this date had its night.
        ConfigError: the agenda, the screen or the config can't be read.
        TrainingStoppedError: a person stopped it; the same command goes on.
    """
    wishes, around = wishes or Wishes(), around or Surroundings.real()
    heard = Listening(observer or Silent())
    with at_work(project.hidden):  # a night that waits for its hour is stopped with all else
        wait_for_hours(project, wishes, around.clock, heard)
    window = open_window(project, wishes, around.clock)
    with hold_lease(project), hold_device(str(project.folder), folder=around.locks):
        may_begin(project)
        check_freeze(project)
        refuse_stopped(project)
        name, resumed = call_night(project, window, again=wishes.now)
        refuse_arms_that_cannot_pause(project)
        require_free_device(ours=own_processes(project), folder=around.locks)
        policy = presence_policy(project, around.look)
        if not wait_until_allowed(around.clock, window, policy, around.look, told=heard.told):
            raise NothingNewError(
                "the machine was in use until the night was over.",
                next_step="The next night tries again; only_when under [nightly] says when it may.",
            )
        node = find_node(project, wishes.mode)
        refuse_engine_on(project, node, engine_of(project, wishes))
        # Cut to what base and machine there can hold; not before the wait, for torch must be asked about a card.
        agenda = read_agenda(on_node(project, node))
        shift = make_shift(
            project, wishes, around, name=name, resumed=resumed, window=window, policy=policy, node=node, observer=heard
        )
        # Simulated seconds say nothing of how long a process of this machine hangs.
        is_real = isinstance(around.clock, SystemClock)
        at_most = window.seconds_left(around.clock) + GRACE_SECONDS if is_real else math.inf
        with stopped_by(shift.must_stop), ended_after(at_most, project.hidden / "logs"):
            return spend(shift, agenda)


def spend(shift: Shift, agenda: Agenda) -> NightReport:
    """The night itself, from what the one before left to its record."""
    project = shift.project
    leave_what_was_cut_off(shift)
    weigh_picks(project, shift.home)
    try:
        promotion = settle(project, shift.observer)
        if promotion is not None:
            finished = finish_promotion(project, promotion, shift.home)
            return ended(shift, "a promotion that was decided before", finished.decision, finished.release)
        project.check_base_files()
        ready = uninterrupted(shift, lambda: get_ready(shift, agenda))
        tried = try_some(shift, ready)
    except OutOfTimeError:
        return ended(shift, "deadline")
    except BudgetError as used:
        return ended(shift, USED_UP, halt=used)
    except (NightStoppedError, TrainingStoppedError) as stopped:
        return ended_by_brake(shift, stopped)
    except NotYet as halt:
        awaited = halt.exit_code == WaitingForPersonError.exit_code
        return ended(shift, A_PERSON if awaited else NOTHING_TO_LEARN, halt=halt)
    return weigh_best(shift, ready, tried)


def ended_by_brake(shift: Shift, stopped: NotYet) -> NightReport:
    """The end of a night that a person stopped by the brake; whoever stopped it otherwise wants it gone on with.

    Raises:
        NotYet: what stopped it, where the brake is off.
    """
    braked = why_stopped(shift.project, stopped)
    if braked is stopped:
        raise stopped
    return ended(shift, A_PERSON, halt=braked)


def leave_what_was_cut_off(shift: Shift) -> None:
    """Leave for people what a crash kept from it: the files of a try, and those of the decision of this very night."""
    project = shift.project
    finish_leaving(project)
    if shift.resumed and pending_decision(project) is None:
        for _, decision in project.store.each(Decision, shift.purse.since):
            leave_for_people(project, decision)


def get_ready(shift: Shift, agenda: Agenda) -> Ready:
    """Read, judge and choose from what is new, once for the whole night.

    Raises:
        NotYet: nothing was ever learnt here, and what is new does not suffice to begin.
    """
    plan, waits = plan_of(weighed_project(shift.project, shift.node))
    screen = screen_of(shift, agenda)
    if screen is not None:
        plan = hold_off(plan, screen)
    if waits is None:
        try:
            prepare(plan, shift.home)
        except BelowTriggerError as below:
            waits = below
    if waits is not None and not was_trained_before(shift.project):
        raise waits
    bench = None if screen is None or plan.recipe is None else bench_of(shift, plan, agenda, waits)
    return Ready(plan=plan, bench=bench, waits=waits)


def try_some(shift: Shift, ready: Ready) -> Tried:
    """Try what is proposed, where there is a screen to look at it and something to learn from."""
    bench = ready.bench
    if bench is None:
        return NOTHING_TRIED
    recipe, dataset = bench.recipe_for(()), bench.dataset_for(())
    because = must_make_room(bench.project, recipe, dataset)
    shift.service = Service(
        shift.project, because=because, observer=shift.observer, clock=shift.clock, window=shift.window
    )
    shift.reserve_seconds = seconds_to_weigh(shift.project, ready.plan) if may_promote(shift.node) else 0.0
    with ExitStack() as held:
        if not because:  # there is room for what serves beside a base that stays loaded
            held.enter_context(kept_in_memory())
        workers = shift.project.config.nightly.workers
        engine = held.enter_context(open_engine(shift.engine, workers, shift.tell))
        return try_all(shift, replace(bench, ahead=Ahead(engine, shift.observer.told)))


def weigh_best(shift: Shift, ready: Ready, tried: Tried) -> NightReport:
    """Ask the gate about the best try or, without one, about the recipe as it is where there is enough that is new."""
    winner = best_of(tried.experiments)
    if not may_promote(shift.node):
        shift.tell("A base that stood in was trained: nothing of it goes to the gate.")
        return ended(shift, tried.ended_by)
    if winner is None and ready.waits is not None:
        return ended(shift, tried.ended_by, halt=ready.waits)
    try:
        ending = with_the_device(shift, "the gate", lambda: ask_gate(shift, ready, winner))
    except OutOfTimeError:
        if winner is not None:
            shift.tell(
                f"No time was left for the gate: selftune cycle --run {winner.run_id} asks it about {winner.name}."
            )
        return ended(shift, "deadline")
    except (NightStoppedError, TrainingStoppedError) as stopped:
        return ended_by_brake(shift, stopped)
    except (BudgetError, NotYet) as halt:
        return ended(shift, USED_UP if isinstance(halt, BudgetError) else tried.ended_by, halt=halt)
    close_cycle(shift.project, ending, shift.home)
    released = ending if isinstance(ending, Release) else None
    decision = shift.project.store.last(Decision) if isinstance(ending, Release) else ending
    return ended(shift, tried.ended_by, decision, released, winner=winner)


def ask_gate(shift: Shift, ready: Ready, winner: Experiment | None) -> Release | Decision:
    """What the gate says of the winner's run, or of a cycle's candidate."""
    if winner is None or winner.run_id is None:
        note_trainings(ready.plan, shift.home)
        return run_cycle(ready.plan, shift.home)
    run = shift.project.store.record(winner.run_id, Run)
    varied = apply_changes(on_node(shift.project, shift.node), winner.changes)
    return weigh_run(plan_on_record(varied, run), shift.home, run, dataset_of(shift.project, run))


def ended(
    shift: Shift,
    ended_by: str,
    decision: Decision | None = None,
    release: Release | None = None,
    *,
    halt: NotYet | BudgetError | None = None,
    winner: Experiment | None = None,
) -> NightReport:
    """Put the night's end on record; what waits for a person or for more to learn from is told with it."""
    if halt is not None:
        shift.tell(f"{halt.message} {halt.next_step}")
    night = close_on_record(
        shift,
        ended_by=ended_by,
        winner=None if winner is None else winner.id,
        decision_id=None if decision is None else decision.id,
        release_id=None if release is None else release.id,
    )
    told = None if halt is None else Halted(reason=halt.message, next_step=halt.next_step, exit_code=halt.exit_code)
    return NightReport(night=night, experiments=shift.tried(), decision=decision, release=release, halted=told)


def weighed_project(project: Project, node: Node) -> Project:
    """The project whose cycle the night is: as it is trained on its node, unless a base only stands in there."""
    return on_node(project, node) if may_promote(node) else project


def plan_of(project: Project, make: Callable[..., Plan] = plan_on_record) -> tuple[Plan, NotYet | None]:
    """The plan of this night, and why a cycle alone would have nothing to do, if so; `make_plan` puts none on record.

    Raises:
        NotYet: there is no plan at all.
    """
    try:
        return make(project), None
    except NothingNewError as nothing:
        return make(project, anyway=True), nothing


def screen_of(shift: Shift, agenda: Agenda) -> Suite | None:
    """What tries are asked; without it nothing is tried, and the night is a cycle."""
    if not trains(shift.project.config):
        return None
    try:
        return make_screen(shift.project, agenda).suite
    except ConfigError as error:
        shift.tell(f"Nothing is tried: {error.message} {error.next_step}")
        return None


def bench_of(shift: Shift, plan: Plan, agenda: Agenda, waits: NotYet | None) -> Bench:
    """What all tries stand on; where nothing new set the night off, they learn from what is there."""
    if waits is not None:
        plan = replace(plan, curation=replace(plan.curation, trigger=0))
    node = shift.node
    return make_bench(
        on_node(shift.project, node), plan, shift.step, agenda=agenda, mode=node.mode, node=node.name, night=shift.name
    )


def refuse_arms_that_cannot_pause(project: Project) -> None:
    """Refuse to halve arms whose back-end trains in one go alone, before the night begins.

    Raises:
        ConfigError: names the back-end.
    """
    if project.config.nightly.arms and trains(project.config):
        refuse_unless_in_parts(find_recipe(project))


def refuse_engine_on(project: Project, node: Node, engine: EngineChoice) -> None:
    """Refuse an engine that can't train there, before the night begins.

    Raises:
        ConfigError: says why.
    """
    if trains(project.config):
        workers = project.config.nightly.workers
        refuse_engine(engine, workers=workers, backend=node.backend or find_recipe(project).backend)


def was_trained_before(project: Project) -> bool:
    """Whether this project ever learnt anything: a first training waits for its trigger."""
    return project.store.last(Run) is not None


def own_processes(project: Project) -> tuple[int, ...]:
    """The server of this project, which no other training is."""
    status = LiveServer(make_target(project)).status()
    return () if status is None else (status.pid,)

"""One experiment at a person's word: stop what must stop, train, ask, keep or revert, start again.

It is what a night does once, without a deadline and without the gate; a try that is kept goes there by
`selftune cycle --run`.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from selftune.errors import UsageError
from selftune.loop.braking import check_brake, check_freeze
from selftune.loop.cycle import prepare
from selftune.loop.executor import Silent
from selftune.loop.experiments.agenda.knobs import lane_of
from selftune.loop.experiments.agenda.points import values_in
from selftune.loop.experiments.agenda.reading import read_agenda
from selftune.loop.experiments.base import Proposal
from selftune.loop.experiments.changing import apply_changes
from selftune.loop.experiments.record_keeping.keeping import keep_experiment
from selftune.loop.experiments.screening import hold_off, make_screen
from selftune.loop.experiments.trial import make_bench, measure_baseline, try_out
from selftune.loop.night.clock import SystemClock
from selftune.loop.night.device import hold_device, require_free_device
from selftune.loop.night.night import own_processes, plan_of
from selftune.loop.night.serving import Service, must_make_room
from selftune.loop.night.trying import next_from
from selftune.loop.nodes.base import may_promote, on_node
from selftune.loop.nodes.finding import find_node
from selftune.loop.runner import hold_lease, make_executor
from selftune.records import Experiment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.loop.executor import Observer
    from selftune.loop.experiments.base import Agenda
    from selftune.loop.experiments.trial import Bench
    from selftune.loop.nodes.base import Node
    from selftune.loop.project import Project
    from selftune.records import Mode, Suite

BY_HAND: Final = "by hand"


@dataclass(frozen=True, kw_only=True)
class HandPlan:
    """What one experiment by hand would do: where, and what it tries in place of what."""

    node: Node
    proposal: Proposal
    screen: Suite
    agenda: Agenda


def plan_by_hand(project: Project, changes: Sequence[str], mode: Mode | None = None) -> HandPlan:
    """What would be tried; nothing is touched.

    Args:
        project: Where.
        changes: Each as `KEY=VALUE`, all of one lane; none: what the agenda's proposer says next.
        mode: On which base; None: as [nightly] says.

    Raises:
        UsageError: the changes are of several lanes, or lie outside of what may be varied.
        NothingMoreError: nobody proposes anything.
        ConfigError: the agenda can't be read, or there is no screen.
    """
    agenda, node = read_agenda(project), find_node(project, mode)
    proposal = proposal_of(project, changes) if changes else next_from(project, node, agenda)
    return HandPlan(node=node, proposal=proposal, screen=make_screen(project, agenda).suite, agenda=agenda)


def try_by_hand(
    project: Project,
    changes: Sequence[str] = (),
    *,
    mode: Mode | None = None,
    skip_prepare: bool = False,
    observer: Observer | None = None,
) -> Experiment:
    """Try once, and keep what came of it; with `skip_prepare` on what was judged before, whatever is new.

    Raises:
        LockedError: another runner has the project, or another training holds the machine.
        TrainingStoppedError: a person stopped it; the same command goes on.
        NotYet: nothing was ever judged that suffices to learn from, or the recipe in force could not be measured.
        UsageError: as `plan_by_hand`.
        WaitingForPersonError: work or training is stopped here.
    """
    heard = observer or Silent()
    with hold_lease(project), hold_device(str(project.folder)):
        check_brake(project)
        check_freeze(project)
        planned = plan_by_hand(project, changes, mode)
        require_free_device(ours=own_processes(project))
        bench = bench_by_hand(project, planned, heard, skip_prepare=skip_prepare)
        with making_room(project, bench, heard):
            experiment = try_out(bench, measure_baseline(bench), planned.proposal, next_name(project))
        return keep_experiment(project, experiment)


def proposal_of(project: Project, changes: Sequence[str]) -> Proposal:
    """A person's own proposal.

    Raises:
        UsageError: the changes are of several lanes, or lie outside of what may be varied.
        UnknownNameError: there is no such knob.
    """
    values = values_in(changes)
    lanes = {lane_of(key) for key in values}
    if len(lanes) != 1:
        raise UsageError(
            f"{', '.join(changes)} are changes of several lanes.",
            next_step="Try them apart: a difference needs a cause.",
        )
    apply_changes(project, changes)
    told = tuple(sorted(f"{key}={text}" for key, text in values.items()))
    return Proposal(lane=lanes.pop(), changes=told, reason="", proposer=BY_HAND)


def bench_by_hand(project: Project, planned: HandPlan, heard: Observer, *, skip_prepare: bool) -> Bench:
    """What the try and its baseline stand on, once what is new is judged."""
    node = planned.node
    at = on_node(project, node)
    plan, waits = plan_of(at if may_promote(node) else project)
    plan = hold_off(plan, planned.screen)
    plan = replace(plan, curation=replace(plan.curation, trigger=0))
    if waits is None and not skip_prepare:
        prepare(plan, make_executor(project, heard))
    return make_bench(at, plan, make_executor(at, heard), agenda=planned.agenda, mode=node.mode, node=node.name)


@contextmanager
def making_room(project: Project, bench: Bench, heard: Observer) -> Iterator[None]:
    """What serves rests for the block where it must, and serves again however it is left."""
    because = must_make_room(bench.project, bench.recipe_for(()), bench.dataset_for(()))
    service = Service(project, because=because, observer=heard, clock=SystemClock())
    with service.paused("an experiment by hand"):
        yield


def next_name(project: Project) -> str:
    """Of the experiments by hand of this date the next one."""
    begins = f"{datetime.now(UTC).date().isoformat()}-hand-"
    taken = sum(one.name.startswith(begins) for _, one in project.store.each(Experiment))
    return f"{begins}{taken + 1:02d}"

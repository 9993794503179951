"""What a night tries, one after the other: as long as there is time, money and something to try."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from selftune.errors import BudgetError, NotYet, ProposerError, UsageError
from selftune.governance.brake.file import is_braked
from selftune.loop.experiments.base import Asked, Lane, Proposal
from selftune.loop.experiments.halving import arms_for, halve
from selftune.loop.experiments.proposing import is_constant, next_proposals
from selftune.loop.experiments.record_keeping.keeping import keep_experiment
from selftune.loop.experiments.record_keeping.seen import seen_of, seen_on
from selftune.loop.experiments.screening import doubt_of_race
from selftune.loop.experiments.trial import NoBaselineError, cut_short, measure_baseline, train_ahead, try_out
from selftune.loop.night.estimates import seconds_for, seconds_to_look
from selftune.loop.night.shift import NightStoppedError, begun_experiments, note_experiment
from selftune.loop.nodes.base import on_node
from selftune.records import Evaluation, Experiment, ExperimentResult
from selftune.training.base import TrainingStoppedError
from selftune.training.elsewhere.reaching import NodeAwayError, NodeFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from selftune.errors import SelftuneError
    from selftune.loop.experiments.base import Agenda
    from selftune.loop.experiments.trial import Bench, Measured
    from selftune.loop.night.estimates import Estimate
    from selftune.loop.night.shift import Shift
    from selftune.loop.nodes.base import Node
    from selftune.loop.plan import Plan
    from selftune.loop.project import Project

NOTES: Final = "memory"
JOURNAL: Final = "nights"
CUT_SHORT: Final = "the night's deadline came first; what it had learnt is kept."
AWAY: Final = "node away"
USED_UP: Final = "budget"
FEWEST_ARMS: Final = 2
_GUESSED_SECONDS_AN_ANSWER: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What the night tried, and what ended the trying."""

    experiments: tuple[Experiment, ...]
    ended_by: str


T = TypeVar("T")
BY_A_PERSON: Final = "A person stopped all work here."


class OutOfTimeError(NotYet):
    """The night's deadline came while something was tried."""


class NothingMoreError(NotYet):
    """Nothing more is tried tonight; `ended_by` says why in the words of a Night's record."""

    def __init__(self, ended_by: str, told: str = "") -> None:
        super().__init__(told or ended_by, next_step="")
        self.ended_by = ended_by
        self.told = told


def try_all(shift: Shift, bench: Bench) -> Tried:
    """Try what is proposed until the agenda, the number, the time or the money is through."""
    arms = shift.project.config.nightly.arms
    try:
        if arms:
            return try_by_halving(shift, bench, arms)
        try_one_by_one(shift, bench)
    except NothingMoreError as end:
        if end.told:
            shift.tell(end.told)
        return Tried(experiments=shift.tried(), ended_by=end.ended_by)
    except NoBaselineError as none:
        return break_off(shift, bench, none, "no baseline")
    except (NodeAwayError, NodeFullError) as gone:
        return break_off(shift, bench, gone, AWAY)
    except BudgetError as used:
        return break_off(shift, bench, used, USED_UP)
    except NotYet:
        # A stop by the brake ends the night; by a signal the same command goes on with what was begun.
        if is_braked(shift.project.hidden):
            keep_cut_off(shift, bench, BY_A_PERSON)
        raise


def break_off(shift: Shift, bench: Bench, because: SelftuneError, ended_by: str) -> Tried:
    """End the trying in the middle: say why, and keep what was begun as cut off."""
    shift.tell(f"{because.message} {because.next_step}".rstrip())
    keep_cut_off(shift, bench, because.message)
    return Tried(experiments=shift.tried(), ended_by=ended_by)


def try_one_by_one(shift: Shift, bench: Bench) -> NoReturn:
    """Each try to its end, the next one proposed in the knowledge of those before.

    Raises:
        NothingMoreError: what ended it.
    """
    baseline: Measured | None = None
    while True:
        tries = cut_off_tries(shift) or next_tries(shift, bench)
        left = list(tries)
        try:
            baseline = baseline or with_the_device(shift, "the baseline", lambda: measure_baseline(bench))
            why = f"{'experiment' if len(tries) == 1 else 'experiments'} {in_words(tries)}"
            with_the_device(shift, why, partial(try_each, shift, bench, baseline, left))
        except OutOfTimeError as late:
            keep_cut_off(shift, bench, CUT_SHORT, baseline)
            raise NothingMoreError("deadline") from late


def try_each(shift: Shift, bench: Bench, baseline: Measured, left: list[tuple[Proposal, str]]) -> None:
    """Try what is left, trained at once where an engine can; what is on record leaves the list."""
    train_ahead(bench, [proposal.changes for proposal, _ in left], baseline)
    while left:
        proposal, name = left[0]
        keep(shift, try_out(bench, baseline, proposal, name))
        del left[0]


def in_words(tries: Sequence[tuple[Proposal, str]]) -> str:
    """Their names, from the first to the last."""
    return " to ".join(dict.fromkeys((tries[0][1], tries[-1][1])))


def try_by_halving(shift: Shift, bench: Bench, arms: int) -> Tried:
    """The budget of a few tries spent on many: all are trained a little, and the best of them further.

    Raises:
        NothingMoreError: there is no time for two arms, or nothing to try.
    """
    # All arms that were begun, also those on record already: with some of them the rungs would be others.
    begun, finished = list(begun_tries(shift)), {one.name for one in shift.tried()}
    if begun and finished.issuperset(name for _, name in begun):
        raise NothingMoreError("experiments")
    chosen = begun or begin_arms(shift, bench, arms)
    doubt = doubt_of_race(bench.screen.suite, len(chosen))
    if doubt is not None:
        shift.tell(doubt)
    proposals, names = [proposal for proposal, _ in chosen], [name for _, name in chosen]
    try:
        experiments = with_the_device(
            shift,
            f"experiments {in_words(chosen)}",
            lambda: halve(bench, proposals, names, heard=shift.observer.told, is_over=shift.is_over),
        )
    except OutOfTimeError as late:
        keep_cut_off(shift, bench, CUT_SHORT)
        raise NothingMoreError("deadline") from late
    for experiment in experiments:
        if experiment.name not in finished:
            keep(shift, experiment)
    return Tried(experiments=shift.tried(), ended_by="deadline" if shift.is_over() else "experiments")


def begin_arms(shift: Shift, bench: Bench, arms: int) -> list[tuple[Proposal, str]]:
    """As many arms as there is time for, each on record as begun.

    Raises:
        NothingMoreError: there is no time for two, or nothing to try.
    """
    needed = estimate(bench, ())
    refuse_without_room(shift, needed)
    look = estimate_look(bench)
    most = arms_for(shift.seconds_left, max(0.0, needed.seconds - look), seconds_per_look=look, most=arms)
    if most < FEWEST_ARMS:
        raise NothingMoreError("deadline", f"{shift.seconds_left:.0f} s are left, too few to halve {FEWEST_ARMS} arms.")
    chosen = [
        (proposal, f"{shift.name}-{number:02d}") for number, proposal in enumerate(propose(shift, bench, most), start=1)
    ]
    for proposal, name in chosen:
        note_experiment(shift, name, proposal)
    return chosen


def keep(shift: Shift, experiment: Experiment) -> None:
    """Put a try on record with its files, and say how it ended."""
    keep_experiment(shift.project, experiment)
    changes = ", ".join(experiment.changes)
    shift.observer.told(f"{experiment.name}, {changes}: {experiment.result.value}, {experiment.why}")


def keep_cut_off(shift: Shift, bench: Bench, why: str, baseline: Measured | None = None) -> None:
    """Put on record as out of time whatever was begun and never came to its end: the night will not go on with it."""
    for proposal, name in cut_off_tries(shift):
        keep(shift, cut_short(bench, baseline, proposal, name, why))


def best_of(experiments: tuple[Experiment, ...]) -> Experiment | None:
    """Of those that were kept the one with the greatest gain on the screen; the earlier one of two."""
    kept = [one for one in experiments if one.result is ExperimentResult.KEPT and one.effect is not None]
    return max(kept, key=lambda one: one.effect.mean if one.effect else 0.0, default=None)


def seconds_to_weigh(project: Project, plan: Plan) -> float:
    """What asking the gate's suites is likely to take: its questions at the pace of earlier ones."""
    paces = [
        one.wall_seconds / (len(one.outcomes) - one.recalled)
        for _, one in project.store.each(Evaluation)
        if len(one.outcomes) > one.recalled and one.wall_seconds
    ]
    return plan.asks() * (median(paces[-20:]) if paces else _GUESSED_SECONDS_AN_ANSWER)


def cut_off_tries(shift: Shift) -> tuple[tuple[Proposal, str], ...]:
    """What was under way when this night was cut off, each with its name."""
    finished = {one.name for one in shift.tried()}
    return tuple(each for each in begun_tries(shift) if each[1] not in finished)


def begun_tries(shift: Shift) -> Iterator[tuple[Proposal, str]]:
    """All that this night has begun, oldest first."""
    for detail in begun_experiments(shift):
        told = Proposal(
            lane=Lane(detail["lane"]),
            changes=tuple(detail["changes"].split("\n")),
            reason=detail["reason"],
            proposer=detail["proposer"],
        )
        yield told, detail["name"]


def next_tries(shift: Shift, bench: Bench) -> tuple[tuple[Proposal, str], ...]:
    """What to try next, as much of it as is trained at once, each with its name; they are on record as begun.

    Raises:
        NothingMoreError: the agenda is through, or number, time, money or disk is.
    """
    count = len(shift.tried())
    if count >= shift.max_experiments:
        raise NothingMoreError("experiments")
    proposals = propose(shift, bench, min(bench.ahead.workers, shift.max_experiments - count))
    chosen = [
        (proposal, f"{shift.name}-{count + place:02d}")
        for place, proposal in enumerate(with_room(shift, bench, proposals), start=1)
    ]
    for proposal, name in chosen:
        note_experiment(shift, name, proposal)
    return tuple(chosen)


def with_room(shift: Shift, bench: Bench, proposals: Sequence[Proposal]) -> Iterator[Proposal]:
    """Of these the first ones, as many as there is room for even one after the other.

    Raises:
        NothingMoreError: there is none for the first.
    """
    needed = estimate(bench, proposals[0].changes)
    refuse_without_room(shift, needed)
    yield proposals[0]
    for proposal in proposals[1:]:
        needed = needed.beside(estimate(bench, proposal.changes))
        try:
            refuse_without_room(shift, needed)
        except NothingMoreError:
            return
        yield proposal


def propose(shift: Shift, bench: Bench, count: int) -> tuple[Proposal, ...]:
    """Up to so many proposals that agenda and lessons allow, one at least.

    Raises:
        NothingMoreError: nobody has one, or what was seen so far gives nobody anything to go by.
    """
    # Of this night alone: what a person has put right since must not stop the next one.
    constant = is_constant([seen_of(one) for one in shift.tried()])
    if constant is not None:
        raise NothingMoreError("constant reward", constant)
    return ask_proposer(bench.project, shift.node, bench.agenda, count, told=shift.observer.told)


def next_from(project: Project, node: Node, agenda: Agenda) -> Proposal:
    """What would be tried next on this node.

    Raises:
        NothingMoreError: as `propose`.
    """
    return ask_proposer(on_node(project, node), node, agenda, 1)[0]


def ask_proposer(
    project: Project, node: Node, agenda: Agenda, count: int, *, told: Callable[[str], None] = lambda _: None
) -> tuple[Proposal, ...]:
    """Up to so many proposals for this project as it is on its node, one at least.

    Raises:
        NothingMoreError: nobody has one.
    """
    seen = seen_on(project.store, node.base.digest, node.mode)
    asked = Asked(
        agenda=agenda,
        mode=node.mode,
        base=node.base.name,
        seen=seen,
        count=count,
        seed=project.config.project.seed + len(seen),
        notes=project.folder / NOTES,
        work=project.hidden / JOURNAL,
    )
    try:
        proposals = next_proposals(project, asked, project.config.nightly.proposer, told=told)
    except ProposerError as error:
        raise NothingMoreError("proposer", f"Nothing more was proposed: {error.message}") from error
    if not proposals:
        raise NothingMoreError("agenda through")
    return proposals


def estimate(bench: Bench, changes: tuple[str, ...]) -> Estimate:
    """What a try takes; one that can't be trained at all is refused later, and takes what the baseline does."""
    try:
        recipe, dataset = bench.recipe_for(changes), bench.dataset_for(changes)
    except (UsageError, NotYet):
        recipe, dataset = bench.recipe_for(()), bench.dataset_for(())
    return seconds_for(bench.project, recipe, dataset, bench.screen, bench.plan.form)


def estimate_look(bench: Bench) -> float:
    """Seconds that a try takes beside its steps: to get ready, to build, and to ask the screen, at every rung."""
    recipe, dataset = bench.recipe_for(()), bench.dataset_for(())
    return seconds_to_look(bench.project, recipe, dataset, bench.screen, bench.plan.form)


def refuse_without_room(shift: Shift, needed: Estimate) -> None:
    """Refuse to begin what can't end in time, or can't be paid.

    Raises:
        NothingMoreError: time, money, calls of a judge or room on the disk are too little.
    """
    if needed.seconds >= shift.seconds_left:
        told = f"a try takes about {needed.seconds:.0f} s, and {shift.seconds_left:.0f} s are left for tries."
        raise NothingMoreError("deadline", f"Nothing more was begun: {told}")
    short = shift.purse.shortfall(needed)
    if short is not None:
        raise NothingMoreError(short.ended_by, f"{short.text} {short.next_step}")


def with_the_device(shift: Shift, why: str, work: Callable[[], T]) -> T:
    """The work's result, with room made for it; while a person has the machine, what serves has its room again.

    Raises:
        OutOfTimeError: the deadline came first.
    """

    def alone() -> T:
        with shift.paused(why):
            return work()

    return uninterrupted(shift, alone)


def uninterrupted(shift: Shift, work: Callable[[], T]) -> T:
    """The work's result, begun again where it left off each time a person wanted the machine meanwhile.

    Raises:
        OutOfTimeError: the deadline came first.
    """
    while True:
        try:
            return work()
        except (TrainingStoppedError, NightStoppedError) as stopped:
            if shift.is_over():
                raise OutOfTimeError(stopped.message, next_step=stopped.next_step) from stopped
            if not shift.watch.why:
                raise  # by a signal: whoever sent it wants the command to end
            if not shift.wait():
                raise OutOfTimeError(stopped.message, next_step=stopped.next_step) from stopped

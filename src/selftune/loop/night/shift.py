"""One night while it is under way: what it may use and until when, and how it is begun and put on record."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import NothingNewError, NotYet
from selftune.failpoints import reach
from selftune.loop.config import EngineChoice
from selftune.loop.night.alarms import note_began, read_nights, was_missed
from selftune.loop.night.clock import SystemClock
from selftune.loop.night.presence import Watch, look_here, policy_of, wait_until_allowed
from selftune.loop.night.purse import Allowance, Purse
from selftune.loop.night.window import Window, last_time, name_night, next_time, seconds_between, window_for
from selftune.loop.nodes.base import on_node
from selftune.loop.runner import make_executor
from selftune.records import Experiment, Mode, Night
from selftune.training.rungs import train_part
from selftune.training.stage import train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from selftune.context import Progress
    from selftune.loop.executor import Executor, Observer
    from selftune.loop.experiments.base import Proposal
    from selftune.loop.night.alarms import Begun
    from selftune.loop.night.clock import Clock
    from selftune.loop.night.presence import Policy, Presence
    from selftune.loop.night.purse import Spent
    from selftune.loop.night.serving import Service
    from selftune.loop.nodes.base import Node
    from selftune.loop.project import Project

EXPERIMENT_BEGAN: Final = "experiment began"
ENDED: Final = "night ended"
_SINCE: Final = "since"
_MIND_A_WISH: Final = frozenset({train.__name__, train_part.__name__})
"""Stages that end by themselves at the next safe place when the night must stop."""


class NightStoppedError(NotYet):
    """The night's deadline came, or a person came back, in the middle of a stage; what is finished is kept."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a command asks of one night, in place of what stands under [nightly].

    Attributes:
        now: Begin at once, at any hour, and although this date had its night already.
        catch_up: Begin at once where the last night was missed; else, outside its hours, not at all.
        until: Its hard stop, as `05:00`; empty: as [nightly] says. A night that is asked for by hand has one too.
    """

    now: bool = False
    catch_up: bool = False
    until: str = ""
    max_experiments: int | None = None
    budget_usd: float | None = None
    mode: Mode | None = None
    engine: EngineChoice | None = None


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a night reads of the world outside its project; a simulated month brings its own.

    Attributes:
        locks: Folder of the lock on the device that trains; None: this machine's own.
    """

    clock: Clock
    look: Callable[[], Presence] = look_here
    locks: Path | None = None

    @classmethod
    def real(cls) -> Surroundings:
        """This machine."""
        return cls(clock=SystemClock())


@dataclass(kw_only=True)
class Shift:
    """A night under way. It changes as the night goes on; what stays of it is its record.

    Attributes:
        name: Its date, with a number where the date had one before.
        resumed: Whether it was begun before and cut off.
        home: Takes the steps on the base that serves; `step` those of tries, on the base that is tried.
        service: What serves around its trainings; None until it is known what will be trained.
        reserve_seconds: What must be left when the last try ends, for the gate.
        told: What a person should know in the morning.
    """

    project: Project
    name: str
    began: str
    resumed: bool
    window: Window
    clock: Clock
    policy: Policy
    look: Callable[[], Presence]
    purse: Purse
    node: Node
    observer: Observer
    max_experiments: int
    home: Executor
    step: Executor
    watch: Watch
    engine: EngineChoice = EngineChoice.SERIAL
    service: Service | None = None
    reserve_seconds: float = 0.0
    told: list[str]

    @property
    def seconds_left(self) -> float:
        """Until the moment at which the last try must have ended."""
        held = 0.0 if self.service is None else self.service.reserve_seconds
        return max(0.0, self.window.seconds_left(self.clock) - self.reserve_seconds - held)

    def is_over(self) -> bool:
        """Whether it is time to end everything, so that the right model answers again before the deadline."""
        held = 0.0 if self.service is None else self.service.reserve_seconds
        return self.window.seconds_left(self.clock) <= held

    def must_stop(self) -> bool:
        """Whether work must end at its next safe place: the time is up, or the machine is wanted back."""
        return self.is_over() or self.watch()

    def wait(self) -> bool:
        """After the machine was wanted back: sleep until it may be used again; false where the night ends before."""
        self.tell(f"Paused: {self.watch.why}.")
        allowed = wait_until_allowed(self.clock, self.window, self.policy, self.look, stop=self.is_over)
        self.watch = Watch(self.policy, self.look, self.clock.elapsed)
        return allowed and not self.is_over()

    def paused(self, why: str) -> AbstractContextManager[None]:
        """Room on the device for the block, where a training needs that it is made."""
        return nullcontext() if self.service is None else self.service.paused(why)

    def tell(self, text: str) -> None:
        """Say something now, and in the morning."""
        self.told.append(text)
        self.observer.told(text)

    def tried(self) -> tuple[Experiment, ...]:
        """What this night has tried so far, oldest first."""
        return tuple(one for _, one in self.project.store.each(Experiment) if one.night == self.name)


class Listening:
    """An observer that also ends a stage in the middle when the night must stop; a training sees to that itself."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.wish: Callable[[], bool] = lambda: False

    def started(self, stage: str) -> None:
        """A stage begins."""
        self._observer.started(stage)

    def progressed(self, stage: str, progress: Progress) -> None:
        """A stage has come this far.

        Raises:
            NightStoppedError: the night must stop; what the stage has kept is found again.
        """
        self._observer.progressed(stage, progress)
        if stage not in _MIND_A_WISH and self.wish():
            raise NightStoppedError("the night had to stop.", next_step="The next night goes on with it.")

    def finished(self, stage: str, seconds: float, *, reused: bool) -> None:
        """A stage's records are kept."""
        self._observer.finished(stage, seconds, reused=reused)

    def stopped(self, stage: str) -> None:
        """A stage ended without a result."""
        self._observer.stopped(stage)

    def told(self, text: str) -> None:
        """Something that a person should know of."""
        self._observer.told(text)


def wait_for_hours(project: Project, wishes: Wishes, clock: Clock, observer: Observer) -> None:
    """Return in the hours of the night: sleep until they begin, unless the command wants it otherwise.

    Raises:
        NothingNewError: the last night was not missed, and only a missed one was to be caught up with.
    """
    now = clock.now()
    begins = next_begin(project, wishes, now)
    if begins == now:
        return
    observer.told(f"Waiting for {begins:%Y-%m-%d %H:%M}; Ctrl-C ends that, and --now begins at once.")
    while (left := seconds_between(clock.now(), begins)) > 0:
        clock.sleep(left)


def next_begin(project: Project, wishes: Wishes, now: datetime) -> datetime:
    """When a night that is asked for now begins: at once, or at its next hour.

    Raises:
        NothingNewError: the last night was not missed, and only a missed one was to be caught up with.
    """
    section = project.config.nightly
    last = last_time(now, section.at)
    if wishes.now or seconds_between(now, next_time(last, wishes.until or section.until)) > 0:
        return now
    if not wishes.catch_up:
        return next_time(now, section.at)
    if not was_missed(read_nights(project), last):
        raise NothingNewError("the last night was not missed.", next_step=f"The next one begins at {section.at}.")
    return now


def call_night(project: Project, window: Window, *, again: bool) -> tuple[str, bool]:
    """What this night is called, and whether it was begun before and cut off.

    Raises:
        NothingNewError: this date had its night.
    """
    ended = {night.name for _, night in project.store.each(Night)}
    begun = read_nights(project).begun
    open_ones = [one.name for one in begun if one.name not in ended and _goes_on(one, window)]
    if open_ones:
        return open_ones[-1], True
    name = name_night(window, ended | {one.name for one in begun}, again=again)
    if name is None:
        raise NothingNewError(
            f"the night of {window.date} is over already.",
            next_step="The next one begins tomorrow; `selftune nightly --now` begins another one today.",
        )
    return name, False


def open_window(project: Project, wishes: Wishes, clock: Clock) -> Window:
    """From now to the hard stop.

    Raises:
        UsageError: it is no time of day.
    """
    section = project.config.nightly
    window = window_for(clock, wishes.until or section.until)
    # Behind midnight it is still the night of the evening before: the next evening has its own.
    return window if wishes.now else replace(window, due=last_time(window.began, section.at))


def presence_policy(project: Project, look: Callable[[], Presence]) -> Policy:
    """When this machine may be used."""
    section = project.config.nightly
    return policy_of(section.only_when, section.idle_minutes, look().power)


def allowance_of(project: Project, wishes: Wishes) -> Allowance:
    """What the night may spend."""
    section = project.config.nightly
    usd = section.budget_usd if wishes.budget_usd is None else wishes.budget_usd
    return Allowance(usd=usd, judge_calls=section.budget_judge_calls)


def most_tries(project: Project, wishes: Wishes) -> int:
    """How many tries the night may make, one after the other."""
    return project.config.nightly.max_experiments if wishes.max_experiments is None else wishes.max_experiments


def engine_of(project: Project, wishes: Wishes) -> EngineChoice:
    """Who trains the tries."""
    return project.config.nightly.engine if wishes.engine is None else wishes.engine


def make_shift(
    project: Project,
    wishes: Wishes,
    around: Surroundings,
    *,
    name: str,
    resumed: bool,
    window: Window,
    policy: Policy,
    node: Node,
    observer: Listening,
) -> Shift:
    """The night of this name under way, from its beginning on record; its observer ends a stage when it must stop."""
    shift = Shift(
        project=project,
        name=name,
        began=window.began.astimezone(UTC).isoformat(timespec="seconds"),
        resumed=resumed,
        window=window,
        clock=around.clock,
        policy=policy,
        look=around.look,
        purse=Purse(
            project,
            allowance_of(project, wishes),
            since=begin_on_record(project, name, window, resumed=resumed),
        ),
        node=node,
        observer=observer,
        max_experiments=most_tries(project, wishes),
        home=make_executor(project, observer),
        step=make_executor(on_node(project, node), observer),
        watch=Watch(policy, around.look, around.clock.elapsed),
        engine=engine_of(project, wishes),
        told=["It was cut off once, and went on."] if resumed else [],
    )
    observer.wish = shift.must_stop
    return shift


def begin_on_record(project: Project, name: str, window: Window, *, resumed: bool) -> int:
    """Put the night's beginning on record, once; returns the place in the store from which it spends."""
    work = project.store.step_work(_scratch(name))
    if not resumed:
        note_began(project, name, window)
        reach("night-began")
    kept = work.get(_SINCE)
    if kept is None:
        kept = str(project.store.last_sequence()).encode()
        work.put(_SINCE, kept)
    return int(kept)


def spent_so_far(project: Project, name: str) -> Spent | None:
    """What a night that has not ended has spent; None for one that ended, or never began."""
    since = project.store.step_work(_scratch(name)).get(_SINCE)
    return None if since is None else Purse(project, Allowance(), since=int(since)).spent()


def close_on_record(shift: Shift, **facts: Any) -> Night:
    """Put the night's end on record, with what it did and spent."""
    store, spent = shift.project.store, shift.purse.spent()
    tried = shift.tried()
    night = Night(
        name=shift.name,
        began=shift.began,
        ended=shift.clock.now().astimezone(UTC).isoformat(timespec="seconds"),
        mode=shift.node.mode,
        node=shift.node.name,
        base=shift.node.base.name,
        base_digest=shift.node.base.digest,
        until=None if shift.window.until is None else shift.window.until.astimezone(UTC).isoformat(timespec="seconds"),
        experiments=tuple(one.id for one in tried),
        outages=() if shift.service is None else tuple(shift.service.outages),
        spare_seconds=_spare(shift),
        seconds=(*spent.seconds, _data_seconds(shift.home)),
        costs_usd=spent.usd,
        judge_calls=spent.judge_calls,
        told=(*shift.told, *(() if shift.service is None else shift.service.told)),
        **facts,
    )
    reach("before-night-ends")
    store.save([night], event=ENDED, detail={"night": night.name, "ended_by": night.ended_by})
    store.work_clear(_scratch(shift.name))
    store.checkpoint()
    return night


def note_experiment(shift: Shift, name: str, proposal: Proposal) -> None:
    """Put on record what is about to be tried, by whom and why, so that after a crash the same is tried again."""
    told = {"lane": proposal.lane.value, "proposer": proposal.proposer, "reason": proposal.reason}
    detail = {"name": name, "night": shift.name, "changes": "\n".join(proposal.changes)}
    shift.project.store.note(EXPERIMENT_BEGAN, detail | told)
    reach("experiment-began")


def begun_experiments(shift: Shift) -> Iterator[dict[str, str]]:
    """What this night has begun so far, oldest first; also before it was cut off."""
    since = next((one.seq for one in read_nights(shift.project).begun if one.name == shift.name), 0)
    for entry in shift.project.store.history(since):
        if entry.event == EXPERIMENT_BEGAN:
            detail = dict(entry.detail)
            if detail["night"] == shift.name:
                yield detail


def _goes_on(one: Begun, window: Window) -> bool:
    """Whether what was cut off is gone on with: its date is this one, or its deadline still lies ahead."""
    return one.name.startswith(window.date) or (one.until != "" and datetime.fromisoformat(one.until) > window.began)


def _spare(shift: Shift) -> float | None:
    """What was left to the deadline when the right model answered for the rest of the night; below 0 behind it."""
    if shift.window.until is None:
        return None
    back = None if shift.service is None else shift.service.spare_seconds
    return shift.window.seconds_left(shift.clock) if back is None else back


def _data_seconds(step: Executor) -> float:
    return sum(timing.seconds for timing in step.timings if timing.stage in {"capture", "judge", "curate"})


def _scratch(name: str) -> str:
    return f"night-{name}"

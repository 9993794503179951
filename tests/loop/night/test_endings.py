"""However a night is interrupted or ends, it says so, and what serves has its room back."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from selftune.app.nightly import exit_code_of
from selftune.errors import (
    BelowTriggerError,
    BudgetError,
    NothingNewError,
    NothingToTrainOnError,
    WaitingForPersonError,
)
from selftune.governance.brake.file import new_stop, put_on
from selftune.loop.config import OnlyWhen
from selftune.loop.executor import Silent
from selftune.loop.experiments.base import Agenda, Lane, Proposal
from selftune.loop.experiments.trial import NoBaselineError
from selftune.loop.night import night as nights
from selftune.loop.night.alarms import note_began
from selftune.loop.night.clock import SimulatedClock
from selftune.loop.night.night import Ready, ended_by_brake, weigh_best
from selftune.loop.night.presence import Policy, Power, Presence, Watch
from selftune.loop.night.purse import Allowance, Purse
from selftune.loop.night.shift import Shift, Wishes, call_night, note_experiment, open_window
from selftune.loop.night.trying import (
    NothingMoreError,
    OutOfTimeError,
    Tried,
    propose,
    try_all,
    with_the_device,
)
from selftune.loop.night.window import window_for
from selftune.loop.nodes.base import Node
from selftune.loop.runner import make_executor
from selftune.records import Effect, Experiment, ExperimentResult, Mode, Night
from selftune.testing import fake_base
from selftune.training.base import TrainingStoppedError

BERLIN = ZoneInfo("Europe/Berlin")
PROPOSAL = Proposal(lane=Lane.HYPERPARAMETERS, changes=("lora_rank=8",), reason="less may do", proposer="grid")
AWAY_FOR = 900.0


class FakeService:
    """Stands in for what serves: notes when it rests and when it is back, and breaks where it is told to."""

    reserve_seconds = 60.0
    spare_seconds: float | None = None

    def __init__(self, trouble: Exception | None = None) -> None:
        self.log: list[str] = []
        self.outages: list = []
        self.told: list[str] = []
        self._trouble = trouble

    @contextmanager
    def paused(self, why: str):
        self.log.append(f"rests for {why}")
        try:
            if self._trouble is not None:
                raise self._trouble
            yield
        finally:
            self.log.append("is back")


class World:
    """A machine whose person comes and goes, and a night on it from two to five."""

    def __init__(self, project, *, mode: Mode = Mode.FULL, trouble: Exception | None = None) -> None:
        self.clock = SimulatedClock(datetime(2026, 11, 22, 2, 0, tzinfo=BERLIN))
        self.touched_at = -AWAY_FOR
        self.service = FakeService(trouble)
        window = window_for(self.clock, "05:00")
        policy = Policy(only_when=OnlyWhen.PLUGGED_IN_AND_IDLE, idle_seconds=AWAY_FOR)
        executor = make_executor(project, Silent())
        base = fake_base("stand-in")
        self.shift = Shift(
            project=project,
            name=window.date,
            began="2026-11-22T01:00:00+00:00",
            resumed=False,
            window=window,
            clock=self.clock,
            policy=policy,
            look=self.look,
            purse=Purse(project, Allowance(), since=0),
            node=Node(mode=mode, name="here", base=base, base_folder=Path(), backend="", seconds=900.0),
            observer=Silent(),
            max_experiments=4,
            home=executor,
            step=executor,
            watch=Watch(policy, self.look, self.clock.elapsed),
            service=self.service,
            told=[],
        )

    def look(self) -> Presence:
        power = Power(battery=True, plugged_in=True)
        return Presence(power=power, idle_seconds=self.clock.elapsed() - self.touched_at)

    def train(self, seconds: float) -> None:
        """As a training does: it ends at the next safe place when the night must stop."""
        for second in range(int(seconds)):
            if self.shift.must_stop():
                raise TrainingStoppedError(second, int(seconds))
            self.clock.sleep(1.0)


@pytest.fixture
def world(project):
    return World(project)


def test_a_person_who_comes_back_finds_the_model_serving_and_the_training_goes_on_when_they_have_left(world):
    visits = []

    def work() -> str:
        if not visits:
            visits.append(world.touched_at)
            world.clock.sleep(100.0)
            world.touched_at = world.clock.elapsed()
        world.train(60.0)
        return "trained"

    assert with_the_device(world.shift, "experiment 1", work) == "trained"
    assert world.service.log == ["rests for experiment 1", "is back"] * 2
    assert world.shift.told == ["Paused: somebody is at it."]
    assert world.clock.elapsed() == pytest.approx(100.0 + AWAY_FOR + 60.0, abs=60.0)


def test_a_person_who_stays_ends_the_night_as_out_of_time_and_keeps_the_model(world):
    def work() -> None:
        world.touched_at = float("inf")
        world.train(60.0)

    with pytest.raises(OutOfTimeError):
        with_the_device(world.shift, "experiment 1", work)
    assert world.service.log[-1] == "is back"
    assert len(world.service.log) == 2


def test_a_deadline_in_the_middle_of_a_training_leaves_time_for_what_serves(world):
    with pytest.raises(OutOfTimeError):
        with_the_device(world.shift, "experiment 1", lambda: world.train(1e6))
    assert world.shift.window.seconds_left(world.clock) == world.service.reserve_seconds


def test_a_signal_ends_the_command_and_not_the_night(world):
    def work() -> None:
        raise TrainingStoppedError(3, 24)

    with pytest.raises(TrainingStoppedError):
        with_the_device(world.shift, "experiment 1", work)
    assert world.service.log[-1] == "is back"


STOP = new_stop("ana", "I want to look.", "2026-11-22T01:00:00+00:00")


def test_a_person_s_brake_ends_the_night_on_record_and_leaves_no_try_begun(project, fake_bench):
    world = World(project, trouble=TrainingStoppedError(3, 24))
    note_experiment(world.shift, "2026-11-22-01", PROPOSAL)
    put_on(project.hidden, STOP)
    with pytest.raises(TrainingStoppedError) as stopped:
        try_all(world.shift, fake_bench)
    report = ended_by_brake(world.shift, stopped.value)
    assert [(one.name, one.why) for one in report.experiments] == [("2026-11-22-01", "A person stopped all work here.")]
    assert [night.ended_by for _, night in project.store.each(Night)] == ["a person is awaited"]
    assert "I want to look." in report.halted.reason
    assert exit_code_of(report) == 5


def test_what_stopped_a_night_without_a_brake_is_passed_on(world):
    stopped = TrainingStoppedError(3, 24)
    with pytest.raises(TrainingStoppedError) as raised:
        ended_by_brake(world.shift, stopped)
    assert raised.value is stopped


def test_a_budget_that_is_used_up_in_the_middle_of_a_try_ends_the_trying_by_name(project, fake_bench):
    world = World(project, trouble=BudgetError("the disk is full.", next_step="Free some."))
    note_experiment(world.shift, "2026-11-22-01", PROPOSAL)
    tried = try_all(world.shift, fake_bench)
    assert (tried.ended_by, cut_off(tried)) == ("budget", [("2026-11-22-01", "the disk is full.")])
    assert world.shift.told == ["the disk is full. Free some."]
    assert world.service.log[-1] == "is back"


def cut_off(tried: Tried) -> list[tuple[str, str]]:
    """Names and reasons of what is on record as cut off."""
    return [(one.name, one.why) for one in tried.experiments if one.result is ExperimentResult.OUT_OF_TIME]


def project_with_arms(project, arms: int):
    """The project as its config would be with so many arms."""
    return replace(project, config=replace(project.config, nightly=replace(project.config.nightly, arms=arms)))


@pytest.mark.parametrize("arms", [0, 4])
def test_what_was_begun_when_the_deadline_came_is_kept_as_out_of_time(project, fake_bench, arms):
    world = World(project_with_arms(project, arms), trouble=TrainingStoppedError(3, 24))
    for number in (1, 2):
        note_experiment(world.shift, f"2026-11-22-0{number}", PROPOSAL)
    world.clock.sleep(world.shift.window.seconds_left(world.clock))
    tried = try_all(world.shift, fake_bench)
    assert tried.ended_by == "deadline"
    assert [name for name, _ in cut_off(tried)] == ["2026-11-22-01", "2026-11-22-02"]
    assert not [said for said in world.shift.told if "raced" in said]


def test_a_screen_that_is_small_for_a_race_is_told_in_the_morning_also_of_a_night_that_goes_on(project, fake_bench):
    world = World(project_with_arms(project, 4), trouble=TrainingStoppedError(3, 24))
    fake_bench.screen.suite.items = fake_bench.screen.suite.items[:21]
    for number in (1, 2):
        note_experiment(world.shift, f"2026-11-22-0{number}", PROPOSAL)
    world.clock.sleep(world.shift.window.seconds_left(world.clock))
    try_all(world.shift, fake_bench)
    assert [said for said in world.shift.told if said.startswith("2 arms are raced on 21 items")]


def test_a_try_without_a_baseline_does_not_stay_begun(project, fake_bench):
    world = World(project, trouble=NoBaselineError("the recipe in force diverged.", next_step=""))
    note_experiment(world.shift, "2026-11-22-01", PROPOSAL)
    tried = try_all(world.shift, fake_bench)
    assert (tried.ended_by, cut_off(tried)) == ("no baseline", [("2026-11-22-01", "the recipe in force diverged.")])
    assert world.shift.told == ["the recipe in force diverged."]


def test_a_reward_that_never_varied_ends_the_night(project, world):
    for number in range(3):
        project.store.save([tried(f"2026-11-22-{number}")], event="made by a test")
    with pytest.raises(NothingMoreError) as end:
        propose(world.shift, None, 1)
    assert end.value.ended_by == "constant reward"
    assert "all 3 tries" in end.value.told


def tried(name: str) -> Experiment:
    """A try that lay exactly where its baseline did."""
    return Experiment(
        name=name, began="b", night="2026-11-22", mode=Mode.FULL, base="b", base_digest="d", lane="hyperparameters",
        proposer="grid", changes=("lora_rank=8",), result=ExperimentResult.REVERTED, why="w",
        effect=Effect(mean=0.0, interval=(0.0, 0.0), level=0.8, n=21),
    )  # fmt: skip


def test_a_base_that_stood_in_asks_no_gate(project):
    world = World(project, mode=Mode.PROXY)
    report = weigh_best(world.shift, Ready(plan=None, bench=None, waits=None), nights.NOTHING_TRIED)
    assert report.night.told == ("A base that stood in was trained: nothing of it goes to the gate.",)
    assert (report.night.decision_id, report.halted) == (None, None)
    assert world.service.log == []


def test_a_night_without_news_or_winner_says_what_a_cycle_waits_for(world):
    waits = BelowTriggerError("8 golden items are missing.", next_step="Go on talking.")
    report = weigh_best(world.shift, Ready(plan=None, bench=None, waits=waits), nights.NOTHING_TRIED)
    assert report.night.ended_by == "nothing tried"
    assert report.night.told == ("8 golden items are missing. Go on talking.",)
    assert world.service.log == [], "nothing rests for a gate that is not asked"
    assert exit_code_of(report) == 0


def test_a_night_that_has_news_and_no_winner_goes_round_as_a_cycle_does(world, monkeypatch):
    asked = []

    def go_round(plan, _):
        asked.append(plan)
        raise BudgetError("the judge's money is used up.", next_step="Raise it.")

    monkeypatch.setattr(nights, "run_cycle", go_round)
    report = weigh_best(world.shift, Ready(plan="the plan", bench=None, waits=None), nights.NOTHING_TRIED)
    assert asked == ["the plan"]
    assert report.night.ended_by == "budget"
    assert exit_code_of(report) == 7


@pytest.mark.parametrize(
    ("halt", "ended_by", "code"),
    [
        (NothingToTrainOnError("all were rejected.", next_step="Look."), "nothing to learn from", 0),
        (WaitingForPersonError("a promotion awaits its approval.", next_step="Approve."), "a person is awaited", 5),
        (BudgetError("the judge's money is used up.", next_step="Raise it."), "budget", 7),
        (OutOfTimeError("late.", next_step=""), "deadline", 0),
    ],
)
def test_whatever_halts_a_night_before_its_tries_it_ends_on_record(project, world, monkeypatch, halt, ended_by, code):
    def settle(*_):
        raise halt

    monkeypatch.setattr(nights, "settle", settle)
    world.touched_at = world.clock.elapsed()
    assert world.shift.must_stop(), "somebody is back: that is no reason to leave the record open"
    report = nights.spend(world.shift, Agenda(goal="g", knobs=()))
    assert [night.ended_by for _, night in project.store.each(Night)] == [ended_by]
    assert exit_code_of(report) == code


def window_at(project, *moment: int, **wishes):
    clock = SimulatedClock(datetime(*moment, tzinfo=BERLIN))
    return open_window(project, Wishes(**wishes), clock)


def test_a_night_over_midnight_is_one_night_and_the_next_evening_has_its_own(project):
    late = replace(project, config=replace(project.config, nightly=replace(project.config.nightly, at="23:00")))
    begun = window_at(late, 2026, 11, 22, 23, 0)
    assert call_night(late, begun, again=False) == ("2026-11-22", False)
    note_began(late, "2026-11-22", begun)
    for wishes in ({}, {"now": True}):
        window = window_at(late, 2026, 11, 23, 0, 15, **wishes)
        assert call_night(late, window, again="now" in wishes) == ("2026-11-22", True), "it goes on where it was"
    late.store.save([Night(name="2026-11-22", began="b", ended="e", ended_by="x", mode=Mode.FULL)], event="test")
    with pytest.raises(NothingNewError, match="2026-11-22 is over"):
        call_night(late, window_at(late, 2026, 11, 23, 0, 30), again=False)
    assert call_night(late, window_at(late, 2026, 11, 23, 23, 0), again=False) == ("2026-11-23", False)


def test_a_night_that_is_caught_up_with_in_the_morning_leaves_the_evening_its_own(project):
    late = replace(project, config=replace(project.config, nightly=replace(project.config.nightly, at="23:00")))
    caught_up = window_at(late, 2026, 11, 23, 8, 0, catch_up=True)
    assert call_night(late, caught_up, again=False) == ("2026-11-22", False)

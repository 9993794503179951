"""What nobody would notice by himself: replayed are seventeen days in which nights began and never completed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from selftune.errors import UsageError, WaitingForPersonError
from selftune.loop.night.alarms import (
    AlarmKind,
    alarms,
    note_began,
    note_no_timer,
    note_timer,
    read_nights,
    refuse_stopped,
    resume_nights,
    tells_apart,
)
from selftune.loop.night.clock import SimulatedClock
from selftune.loop.night.window import window_for
from selftune.records import (
    Decision,
    Effect,
    Experiment,
    ExperimentResult,
    Mode,
    Night,
    Outage,
    Outcome,
    Statement,
    StatementKind,
)
from selftune.store import Store

FIRST = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
FLAT = Effect(mean=0.0, interval=(0.0, 0.0), level=0.95, n=36)
VARIED = Effect(mean=0.01, interval=(-0.02, 0.04), level=0.95, n=36)


class Days:
    """A project whose ledger is written by a simulated clock, night by night."""

    def __init__(self, project):
        self.project = project
        self.clock = SimulatedClock(FIRST)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def begin(self) -> str:
        """A night begins; then it is morning of the next day, whatever became of the night."""
        name = self.now.date().isoformat()
        note_began(self.project, name, window_for(self.clock, "05:00"))
        self.clock.sleep(86_400)
        return name

    def night(self, *effects: Effect | None, ended_by: str = "agenda through", **facts) -> None:
        """A night that came to its end, with a try for each effect."""
        name = self.now.date().isoformat()
        tries = [self._try(name, place, effect) for place, effect in enumerate(effects)]
        began = self.now
        self.begin()
        night = Night(
            name=name,
            began=began.isoformat(),
            ended=(began + timedelta(hours=2)).isoformat(),
            ended_by=ended_by,
            mode=Mode.FULL,
            experiments=tuple(self.project.store.save(tries, event="experiment")),
            **facts,
        )
        self.project.store.save([night], event="night ended")

    def _try(self, night: str, place: int, effect: Effect | None) -> Experiment:
        return Experiment(
            name=f"{night}-{place:02}",
            night=night,
            began=self.now.isoformat(),
            mode=Mode.FULL,
            base="fake",
            base_digest="sha256:0",
            lane="hyperparameters",
            proposer="one_factor",
            changes=("learning_rate=0.001",),
            result=ExperimentResult.REVERTED,
            why="no better",
            effect=effect,
        )

    def kinds(self) -> list[AlarmKind]:
        return [alarm.kind for alarm in alarms(self.project, self.now)]


@pytest.fixture
def days(project):
    clock = SimulatedClock(FIRST)
    project.store.close()
    with Store.open(project.folder, clock=lambda: clock.now().isoformat()) as store:
        made = Days(replace(project, store=store))
        made.clock = clock
        yield made


def test_a_project_without_nights_and_without_a_timer_has_no_alarm(days):
    assert days.kinds() == []
    refuse_stopped(days.project)


def test_seventeen_days_of_silent_failure_are_an_alarm_on_the_first_morning_and_a_stop_after_the_third(days):
    note_timer(days.project, scheduler="systemd", at="02:00", missed="catch_up", now=days.now)
    began, heard = 0, []
    for _ in range(17):
        try:
            refuse_stopped(days.project)
        except WaitingForPersonError:
            days.clock.sleep(86_400)
        else:
            days.begin()
            began += 1
        heard.append(days.kinds())
    assert began == 3
    assert heard[0] == [AlarmKind.CUT_OFF]
    assert all(AlarmKind.STOPPED in kinds for kinds in heard[2:])
    with pytest.raises(WaitingForPersonError, match="2026-11-01 never ended; 2026-11-02 never ended; 2026-11-03 never"):
        refuse_stopped(days.project)


def test_a_reward_that_is_always_zero_measures_nothing_however_many_nights_complete(days):
    for _ in range(3):
        refuse_stopped(days.project)
        days.night(FLAT, FLAT, None, FLAT, ended_by="constant reward")
    assert days.kinds() == [AlarmKind.STOPPED]
    with pytest.raises(WaitingForPersonError, match="constant reward") as found:
        refuse_stopped(days.project)
    assert found.value.exit_code == 5
    assert "selftune nightly resume --because" in found.value.next_step


def test_one_night_that_measured_ends_the_count(days):
    for effect in (FLAT, None, VARIED, None, FLAT):
        days.night(effect)
    refuse_stopped(days.project)
    assert days.kinds() == []


def test_a_gate_that_could_judge_has_measured_and_one_that_called_it_invalid_has_not(days):
    for outcome, measured in ((Outcome.INCONCLUSIVE, True), (Outcome.INVALID, False)):
        decision = Decision(
            outcome=outcome, reason=outcome.value, checks=(), arms=(), policy="p", policy_digest="sha256:0",
            build_id=None, run_id=None,
        )  # fmt: skip
        days.project.store.save([decision], event="decide")
        for _ in range(3):
            days.night(FLAT, decision_id=decision.id)
        assert (days.kinds() == []) is measured


def test_a_persons_word_ends_a_stop_and_three_more_such_nights_are_the_next(days):
    for _ in range(3):
        days.begin()
    said = resume_nights(days.project, "the disk was full", author="ada")
    assert (said.kind, said.text, said.author_is_model) == (StatementKind.APPROVAL, "the disk was full", False)
    for _ in range(3):
        refuse_stopped(days.project)
        days.begin()
    with pytest.raises(WaitingForPersonError):
        refuse_stopped(days.project)


def test_a_word_that_nobody_signed_ends_nothing(days):
    for _ in range(3):
        days.begin()
    said = resume_nights(days.project, "mended")
    refuse_stopped(days.project)
    for _ in range(3):
        days.begin()
    newest = read_nights(days.project).begun[-1]
    forged = replace(said, signature=None, subject=f"night {newest.name} at {newest.seq}")
    days.project.store.save([forged], event="forged")
    with pytest.raises(WaitingForPersonError):
        refuse_stopped(days.project)
    assert resume_nights(days.project, "mended again").subject == forged.subject
    refuse_stopped(days.project)


def test_a_word_that_is_taken_back_counts_no_more(days):
    for _ in range(3):
        days.begin()
    said = resume_nights(days.project, "mended")
    second_thought = replace(said, kind=StatementKind.WITHDRAWAL, supersedes=said.id, signature=None)
    days.project.store.save([second_thought], event="withdrawn")
    with pytest.raises(WaitingForPersonError):
        refuse_stopped(days.project)


def test_going_on_needs_a_night_and_a_reason(days):
    with pytest.raises(UsageError, match="no night"):
        resume_nights(days.project, "mended")
    days.begin()
    with pytest.raises(UsageError, match="no reason"):
        resume_nights(days.project, "  ")
    assert days.project.store.count(Statement) == 0


def test_a_night_under_way_is_no_alarm_before_its_deadline(days):
    days.begin()
    days.clock.jump(-86_400 + 3600)
    assert days.kinds() == []
    days.clock.jump(3 * 3600)
    assert days.kinds() == [AlarmKind.CUT_OFF]


def test_a_night_without_a_deadline_is_over_after_a_day(days):
    note_began(days.project, "2026-11-01", window_for(days.clock, None))
    days.clock.sleep(86_000)
    assert days.kinds() == []
    days.clock.sleep(1000)
    assert days.kinds() == [AlarmKind.CUT_OFF]


def test_no_night_for_days_is_an_alarm_where_a_timer_is_installed(days):
    days.night(VARIED)
    days.clock.sleep(10 * 86_400)
    assert days.kinds() == []
    note_timer(days.project, scheduler="cron", at="02:00", missed="skip", now=days.now)
    assert days.kinds() == []
    days.clock.sleep(3 * 86_400 + 1)
    (alarm,) = alarms(days.project, days.now)
    assert alarm.kind is AlarmKind.SILENT
    assert "cron" in alarm.next_step
    note_no_timer(days.project)
    assert days.kinds() == []


def test_a_timer_whose_nights_come_is_well(days):
    note_timer(days.project, scheduler="launchd", at="02:00", missed="catch_up", now=days.now)
    for _ in range(5):
        days.night(VARIED)
        assert days.kinds() == []


def test_nights_that_find_nothing_to_try_are_told_of_and_stop_nothing(days):
    for _ in range(3):
        days.night(ended_by="nothing new")
    (alarm,) = alarms(days.project, days.now)
    assert alarm.kind is AlarmKind.NOTHING_TRIED
    assert "nothing new" in alarm.text
    refuse_stopped(days.project)


def test_a_server_that_did_not_come_back_is_shouted_about_until_a_night_ends_well(days):
    days.night(VARIED, outages=(Outage(why="training", seconds=None),))
    assert days.kinds() == [AlarmKind.NOT_SERVING]
    days.night(VARIED, outages=(Outage(why="training", seconds=4.0),))
    assert days.kinds() == []


class Watched:
    """A store that counts how often its ledger is read, and dies behind a note where it is told to."""

    def __init__(self, store, *, dies: bool = False):
        self.store, self.dies, self.readings = store, dies, 0

    def __getattr__(self, name):
        return getattr(self.store, name)

    def history(self, since=0):
        self.readings += 1
        return self.store.history(since)

    def note(self, event, detail=None):
        place = self.store.note(event, detail or {})
        if self.dies:
            raise KeyboardInterrupt
        return place


def test_no_status_walks_through_the_ledger(days):
    note_timer(days.project, scheduler="cron", at="02:00", missed="skip", now=days.now)
    days.begin()
    watched = Watched(days.project.store)
    nights = read_nights(replace(days.project, store=watched))
    assert [one.name for one in nights.begun] == ["2026-11-01"]
    assert nights.timer is not None
    assert (nights.timer.at, nights.timer.missed) == ("02:00", "skip")
    assert watched.readings == 0


def test_a_note_behind_which_the_program_died_is_found_in_the_ledger(days):
    note_timer(days.project, scheduler="cron", at="02:00", missed="skip", now=days.now)
    days.begin()
    dying = replace(days.project, store=Watched(days.project.store, dies=True))
    with pytest.raises(KeyboardInterrupt):
        note_began(dying, "2026-11-02", window_for(days.clock, "05:00"))
    nights = read_nights(days.project)
    assert [one.name for one in nights.begun] == ["2026-11-01", "2026-11-02"]
    assert nights.timer is not None
    days.clock.sleep(86_400)
    days.begin()
    assert [one.name for one in read_nights(days.project).begun] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    with pytest.raises(WaitingForPersonError):
        refuse_stopped(days.project)
    with pytest.raises(KeyboardInterrupt):
        note_no_timer(dying)
    assert read_nights(days.project).timer is None
    with pytest.raises(KeyboardInterrupt):
        note_timer(dying, scheduler="launchd", at="03:00", missed="skip", now=days.now)
    assert read_nights(days.project).timer.scheduler == "launchd"


def test_a_reward_tells_apart_where_it_varied():
    assert tells_apart(VARIED)
    assert not tells_apart(FLAT)
    assert not tells_apart(None)
    assert not tells_apart(replace(FLAT, mean=0.5, interval=(0.5, 0.5)))

"""The motivator in the foreground: it waits for idleness, takes goals, and says what it waits for."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_holder import FakeHolder

from selftune.errors import ConfigError, ServingError, WaitingForPersonError
from selftune.loop.motivation.idleness import note_visit
from selftune.loop.motivation.watching import LOOK_SECONDS, Watcher, watch
from selftune.loop.night.clock import SimulatedClock
from selftune.loop.talking import MotivatorSection

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Watched:
    """A project that is opened anew at each look, at a clock that nobody has to wait for."""

    def __init__(self, project):
        self.project = project
        self.clock = SimulatedClock(NOON)
        self.told, self.held, self.looks, self.opened = [], [], [], 0
        self.touched = 10_000.0

    def watch(self, *, goals=1, seconds=float("inf"), idle_minutes=None, holder=None):
        watcher = Watcher(
            holder=holder or FakeHolder(),
            clock=self.clock,
            told=self.told.append,
            held=self.held.append,
            goals=goals,
            seconds=seconds,
            idle_minutes=idle_minutes,
            touched=self.look,
            open=self.open,
        )
        return watch(self.project.folder, watcher)

    def look(self):
        self.looks.append(self.clock.elapsed())
        return self.touched

    @contextmanager
    def open(self, folder):
        assert folder == self.project.folder
        self.opened += 1
        yield replace(
            self.project, config=replace(self.project.config, motivator=MotivatorSection(on=True, dialogues_per_day=2))
        )


@pytest.fixture
def watched(project):
    (project.folder / "selftune.toml").write_text("[motivator]\non = true\n", encoding="utf-8")
    return Watched(project)


def test_it_takes_goals_when_nobody_is_here(watched):
    assert watched.watch(goals=2) == 2
    assert [one.taken.task_id for one in watched.held] == ["auto-001", "auto-002"]


def test_it_leaves_the_project_closed_while_somebody_types(watched):
    watched.touched = 0.0
    assert watched.watch(seconds=3600) == 0
    assert watched.opened == 0
    assert watched.told == ["somebody is here"]


def test_it_looks_no_sooner_than_somebody_can_have_been_away_for_long_enough(watched):
    watched.touched = 0.0
    watched.watch(seconds=901)
    # Somebody is there at each look: the next one comes when they can have been away for the quarter of an hour.
    assert watched.looks == [0.0, 900.0]
    assert LOOK_SECONDS >= 10


def test_who_came_a_minute_ago_is_waited_for(watched):
    note_visit(watched.project.hidden)
    import os

    os.utime(watched.project.hidden / "personas" / "somebody-came", (NOON.timestamp() - 60,) * 2)
    assert watched.watch(idle_minutes=5) == 1
    assert watched.clock.elapsed() == pytest.approx(4 * 60)


def test_a_used_up_day_is_waited_out(watched):
    assert watched.watch(goals=3) == 3
    days = [one.taken.day for one in watched.held]
    assert days == ["2026-11-22"] * 2 + ["2026-11-23"]
    assert any("2 of 2 dialogues" in why for why in watched.told)


def test_what_fails_is_told_and_tried_again(watched):
    failing = FakeHolder(fails=ServingError("nothing serves.", next_step="Start it."))
    assert watched.watch(seconds=1300, holder=failing) == 0
    assert [task for task, _ in failing.asked] == ["auto-001", "auto-002"]
    assert len({text for _, text in failing.asked}) == 1  # what was never spoken of is asked again
    assert watched.told == ["nothing serves.", "2 of 2 dialogues of this day were held."]


def test_a_stop_ends_it(watched):
    (watched.project.hidden / "brake.json").write_text("stop", encoding="utf-8")
    with pytest.raises(WaitingForPersonError):
        watched.watch()


def test_it_is_off_by_default(watched):
    (watched.project.folder / "selftune.toml").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="off"):
        watched.watch()

"""`kill -9` in a real night: what serves comes back by itself, and one command ends the night that was begun."""

from __future__ import annotations

import signal

import pytest
from fault_walker import Walker
from night_walk import NIGHT, check_ended_once

pytestmark = pytest.mark.needs("train", "serve")

# In the middle of a training, while nothing serves, and between the files that a try leaves.
FEW = ("mid-checkpoint", "experiment-row")
ALL = (
    *("night-began", "before-capture", "kept-judge", "kept-curate", "service-rests", "before-train", "mid-checkpoint"),
    *("kept-train", "kept-build", "before-evaluate", "kept-evaluate", "experiment-began", "before-service-wakes"),
    *("service-woken", "experiment-intended", "experiment-kept", "experiment-figures", "experiment-row"),
    *("experiment-note", "before-decide", "kept-decide", "release-intent", "release-placed", "release-switched"),
    *("release-edited", "kept-release", "before-night-ends"),
)
SEEDS = (0, 1, 2, 3, 4)


@pytest.fixture
def night(spends_nights):
    """A project that is served and may spend nights."""
    spends_nights.expect(0, "start")
    return spends_nights


def kill_at(walker: Walker, point: str) -> None:
    killed = walker.run(*NIGHT, failpoint=f"{point}=kill")
    assert killed.returncode == -signal.SIGKILL, f"{point}: {killed.stdout}{killed.stderr}"
    assert walker.serves(), point


def test_a_night_that_is_killed_again_and_again_ends_once_and_the_old_model_answers_each_time(night):
    for point in FEW:
        kill_at(night, point)
    night.expect(0, *NIGHT)
    check_ended_once(night)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("point", ALL)
def test_nights_killed_at_any_point_are_ended_by_one_command(night, point, seed):
    night.set('name = "walk"', f'name = "walk"\nseed = {seed}')
    kill_at(night, point)
    ended = night.run(*NIGHT)
    assert ended.returncode in {0, 3, 4}, ended.stdout + ended.stderr
    check_ended_once(night)

"""A disk that is really full, at one moment of a night after another: the old model answers, it goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("train", "serve", "tmpfs")

WALK = Path(__file__).with_name("full_disk_walk.py")
# KiB left from a failpoint on, in the order of a night: one disk fills up at each of them.
FEW = ("mid-checkpoint:0",)  # what rests must then wake on a full disk
ALL = (
    *("night-began:0", "before-train:64", "mid-checkpoint:0", "before-service-wakes:0", "kept-build:0"),
    *("experiment-intended:0", "experiment-figures:0", "experiment-row:0", "release-intent:0", "release-switched:0"),
    "before-night-ends:0",
)


def walk(walker, places):
    """What was seen at each of these places, and of the command that ended the night."""
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", sys.executable, str(WALK), str(walker.folder), *places],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr  # what must stand at the end is checked in there
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(seen, places):
    *met, end = seen
    assert [one["place"] for one in met] == list(places)
    for one in met:
        assert one["full"], one
        assert one["code"] == 7, one
        assert "Free some disk space" in one["said"], one
        assert "Traceback" not in one["said"], one
        assert one["answers"], one
    assert end["place"] == "with room"
    assert end["code"] in {0, 3, 4}, end
    assert end["half"] == []


def test_a_night_on_a_disk_that_fills_up_goes_on_with_room_and_the_old_model_answers_meanwhile(spends_nights):
    check(walk(spends_nights, FEW), FEW)


@pytest.mark.slow
def test_wherever_a_night_meets_a_full_disk_one_command_ends_it(spends_nights):
    check(walk(spends_nights, ALL), ALL)

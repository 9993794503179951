"""The note of how far work has come: written seldom, believed only of a living process, and never in anybody's way."""

from __future__ import annotations

import json
import os
from dataclasses import asdict

import psutil
import pytest

from selftune.context import Progress
from selftune.loop import under_way
from selftune.loop.executor import Silent
from selftune.loop.under_way import FOLDER, Noted, UnderWay, what_is_under_way


@pytest.fixture
def here(monkeypatch):
    """This process as one that works: others are asked of, never itself."""
    monkeypatch.setattr(under_way, "who_works", lambda hidden: (psutil.Process(),))


class Ticking:
    """A clock that a test turns."""

    def __init__(self):
        self.now = psutil.Process().create_time() + 1000

    def __call__(self):
        return self.now


def test_another_process_reads_where_a_stage_stands(tmp_path, here):
    clock = Ticking()
    noted = Noted(Silent(), tmp_path, seconds=600, clock=clock)
    noted.started("judge")
    noted.finished("judge", 1.0, reused=False)
    noted.started("train")
    clock.now += 30
    noted.progressed("train", Progress(done=30, total=120, note="loss 1.2"))
    (found,) = what_is_under_way(tmp_path)
    assert (found.stage, found.done, found.total, found.note) == ("train", 30, 120, "loss 1.2")
    assert found.finished == ("judge",)
    assert found.seconds_left == pytest.approx(90)
    assert found.ends == pytest.approx(clock.now + 570)


def test_it_is_written_once_a_second_and_at_the_end(tmp_path, here):
    clock = Ticking()
    noted = Noted(Silent(), tmp_path, clock=clock)
    noted.started("judge")
    seen = []
    for done in range(1, 41):
        clock.now += 0.1
        noted.progressed("judge", Progress(done=done, total=40))
        seen.append(what_is_under_way(tmp_path)[0].done)
    assert len(set(seen)) <= 6
    assert seen[-1] == 40


def test_what_an_earlier_process_of_the_same_number_left_is_not_believed(tmp_path, here):
    (tmp_path / FOLDER).mkdir()
    stale = UnderWay(pid=os.getpid(), stage="train", done=9, total=10, noted=1.0)
    (tmp_path / FOLDER / f"{os.getpid()}.json").write_text(json.dumps(asdict(stale)))
    assert what_is_under_way(tmp_path) == (UnderWay(pid=os.getpid()),)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1, "done": null}'])
def test_a_damaged_note_says_only_that_somebody_works(tmp_path, here, text):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / f"{os.getpid()}.json").write_text(text)
    assert what_is_under_way(tmp_path) == (UnderWay(pid=os.getpid()),)


def test_where_nothing_can_be_written_work_goes_on(tmp_path):
    (tmp_path / FOLDER).write_text("a file where the folder should be")
    heard = []

    class Hears(Silent):
        def progressed(self, stage, progress):
            heard.append(progress.done)

    noted = Noted(Hears(), tmp_path)
    noted.started("judge")
    noted.progressed("judge", Progress(done=1, total=None))
    assert heard == [1]


@pytest.mark.parametrize(("done", "total"), [(0, 10), (5, None), (11, 10), (0, 0)])
def test_where_nothing_can_be_reckoned_nothing_is(done, total):
    assert UnderWay(pid=1, stage="train", done=done, total=total, began=1.0, noted=2.0).seconds_left is None

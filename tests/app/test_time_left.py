"""A bar says how long it will take still, once that is known."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from selftune.app.backups import back_up
from selftune.app.cli import screen
from selftune.app.cli.screen import Stages, left_in_words, working
from selftune.app.restoring import restore
from selftune.app.searching import rebuild_index
from selftune.context import Progress
from selftune.records import Interaction, Message, Trigger


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0, ""),
        (0.2, "about 1 s left"),
        (29, "about 29 s left"),
        (89, "about 1 min left"),
        (3599, "about 1 h 0 min left"),
        (9000, "about 2 h 30 min left"),
    ],
)
def test_what_is_left_is_told_as_roughly_as_it_is_known(seconds, words):
    assert left_in_words(seconds) == words


@pytest.mark.parametrize("terminal", [True, False], ids=["at a terminal", "through a pipe"])
def test_a_stage_says_what_is_left_where_somebody_sees_it(terminal):
    seen, now = io.StringIO(), iter(range(0, 10_000, 10))
    stages = Stages(Console(file=seen, force_terminal=terminal, width=120, _environ={"TERM": "xterm"}))
    stages.started("train")
    stages._bars.get_time = lambda: next(now)  # the clock, turned by hand
    for done in range(1, 5):
        stages.progressed("train", Progress(done=done, total=100, note="steps"))
    stages._bars.refresh()
    stages.finished("train", 3.0, reused=False)
    assert (" left" in seen.getvalue()) is terminal
    assert "Training" in seen.getvalue()


@pytest.mark.parametrize("terminal", [True, False], ids=["at a terminal", "through a pipe"])
def test_one_piece_of_work_shows_a_bar_where_somebody_sees_it_and_leaves_results_alone(terminal, monkeypatch, capsys):
    seen = io.StringIO()
    console = Console(file=seen, force_terminal=terminal, width=120, _environ={"TERM": "xterm"})
    monkeypatch.setattr(screen, "make_console", lambda **_: console)
    with working("Backing up") as told:
        told(Progress(done=3, total=4, note="[files]"))
        sys.stdout.write("a result\n")
    assert ("Backing up" in seen.getvalue()) is ("[files]" in seen.getvalue()) is terminal
    assert "a result" not in seen.getvalue()
    assert capsys.readouterr().out == "a result\n"


def test_a_backup_a_restoring_and_an_index_say_how_far_they_are(project, tmp_path):
    entry = Interaction(
        salt="s", conversation="c", task_id="chat", trigger=Trigger.USER, source="log", position="1",
        messages=(Message(role="user", content="Who?"), Message(role="assistant", content="I.")),
    )  # fmt: skip
    project.store.save([entry], event="captured")
    kept, back, indexed = list[Progress](), list[Progress](), list[Progress]()
    back_up(project.folder, tmp_path / "kept.tar", told=kept.append)
    restore(tmp_path / "kept.tar", tmp_path / "again", back.append)
    rebuild_index(project, indexed.append)
    for heard in (kept, back[:-1], indexed):
        assert [one.done for one in heard] == sorted(one.done for one in heard)
        assert all(0 < one.done <= one.total for one in heard)
    assert kept[-1].done > (tmp_path / "again" / ".selftune" / "store.db").stat().st_size
    assert back[-1] == Progress(done=0, total=None, note="checking")
    assert indexed == [Progress(done=1, total=1)]

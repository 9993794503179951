"""A bar says how long it will take still, once that is known."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from selftune.app.cli.screen import Stages, left_in_words
from selftune.context import Progress


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

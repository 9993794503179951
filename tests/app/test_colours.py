"""Colours where a person sits before a terminal that has them, and nowhere else; the words are the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from terminals import at_a_terminal

ESCAPE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")
SIZED = {"COLUMNS": "100", "TERM": "xterm-256color"}


@pytest.fixture(autouse=True)
def nothing_was_said_of_colours(monkeypatch):
    """Whatever the one who runs the tests likes."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def shown(folder, **environment):
    """What an error looks like at a terminal: it is the most coloured thing that costs nothing."""
    with at_a_terminal("cycle", "--project", folder / "nowhere", **(SIZED | environment)) as typing:
        assert typing.end() == 2
    return typing.seen


def colours(text):
    """The codes of colours among those that steer a terminal: 30 to 49 and 90 to 107."""
    codes = {int(code) for found in ESCAPE.findall(text) if found[1] == "m" for code in found[0].split(";") if code}
    return {code for code in codes if 30 <= code < 50 or 90 <= code < 108}


def words(text):
    return " ".join(ESCAPE.sub("", text).split())


def test_an_error_is_red_at_a_terminal_and_says_the_same_without(tmp_path):
    coloured = shown(tmp_path)
    assert 31 in colours(coloured)
    plain = shown(tmp_path, NO_COLOR="1")
    assert colours(plain) == set()
    dumb = shown(tmp_path, TERM="dumb")
    assert ESCAPE.findall(dumb) == []
    assert words(coloured) == words(plain) == words(dumb)
    assert "Error:" in dumb
    assert "Next:" in dumb


@pytest.mark.parametrize("typed", [("--help",), ("help", "status"), ("cycle", "--project", "nowhere")], ids=" ".join)
def test_a_pipe_gets_words_alone(tmp_path, typed):
    program = "from selftune.app.cli.main import main; main()"
    command = [sys.executable, "-c", program, *typed]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | SIZED, capture_output=True, text=True, check=False)
    assert "\x1b" not in done.stdout + done.stderr
    assert len((done.stdout + done.stderr).split()) > 10
    assert bool(done.stdout) != bool(done.stderr)  # results or talk, each where it belongs

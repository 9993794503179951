"""Ctrl-C, typed into a real terminal while each stage of a real cycle is at work."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from fault_walker import CLI

from selftune.app.cli.screen import TITLES

fcntl = pytest.importorskip("fcntl")
pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")

pytestmark = pytest.mark.needs("train", "serve")

# Picks are weighed only where a person has picked, and prompts tried only where a config asks for them.
ELSEWHERE = {"decide_again", "search_prompt", "train_part"}
STAGES = {stage: title for stage, title in TITLES.items() if stage not in ELSEWHERE}
CTRL_C = b"\x03"
STOPPED = 130


def interrupt(folder, title):
    """Run a cycle in a terminal, type Ctrl-C as soon as the stage's bar is drawn; returns exit code and screen."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*CLI, "cycle"],
        cwd=folder,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"},
        preexec_fn=_take_terminal,  # noqa: PLW1509 - no thread runs here
    )
    os.close(slave)
    screen, typed = b"", False
    while piece := _read(master):
        screen += piece
        if not typed and title.encode() in screen:
            os.write(master, CTRL_C)
            typed = True
    os.close(master)
    return process.wait(), screen.decode(errors="replace")


def _take_terminal():
    """In the child: the terminal is its own, and Ctrl-C counts even where the tests run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _read(master):
    try:
        return os.read(master, 65_536)
    except OSError:  # Linux says so when the last one who could write has gone
        return b""


def test_ctrl_c_in_every_stage_loses_nothing_and_the_same_command_goes_on(begun):
    begun.expect(0, "ask", "Hello!", "--no-log")
    for stage, title in STAGES.items():
        code, screen = interrupt(begun.folder, title)
        assert code == STOPPED, f"{stage}: {code}\n{screen}"
        assert "Finished steps are kept; run the same command to go on." in screen
        assert "Traceback" not in screen
        assert begun.serves(), stage
    begun.expect(0, "cycle")
    assert begun.status()["serves"] == "v1.1 (generation 1)"
    records = [entry["record_id"] for entry in begun.ledger() if entry["record_id"]]
    assert len(records) == len(set(records)), "a record was kept twice"
    begun.verify()

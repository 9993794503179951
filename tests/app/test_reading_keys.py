"""One key at a time, from a terminal or a pipe, and none that was typed is lost."""

from __future__ import annotations

import io
import os

import pytest

from selftune.app.cli.reviewing import read_key

pty = pytest.importorskip("pty", reason="no pseudo-terminals here")


def test_keys_typed_ahead_in_a_terminal_all_count(monkeypatch):
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r") as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        os.write(ours, b"kd")
        assert read_key() == "k"
        os.write(ours, b"sq")
        assert [read_key() for _ in range(3)] == ["d", "s", "q"]
    os.close(ours)


def test_the_terminal_is_left_as_it_was(monkeypatch):
    termios = pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r") as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        before = termios.tcgetattr(theirs)
        os.write(ours, b"k")
        read_key()
        assert termios.tcgetattr(theirs) == before
    os.close(ours)


def test_from_a_pipe_line_ends_are_no_keys_and_its_end_is_empty(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("k\r\n\nd\n"))
    assert [read_key() for _ in range(3)] == ["k", "d", ""]

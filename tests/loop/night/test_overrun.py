"""A training that hangs where no wish is heard is ended with its process."""

from __future__ import annotations

import subprocess
import sys

from selftune.loop.night.overrun import HUNG, ended_after

# Sleeps for ten minutes in foreign code and keeps the interpreter's lock, so that no thread of Python's runs.
STUCK = """
import ctypes, sys
from pathlib import Path
from selftune.loop.night.overrun import ended_after
def train_for_ever():
    ctypes.PyDLL(None).sleep(600)
with ended_after(0.2, Path(sys.argv[1])):
    train_for_ever()
"""


def test_a_process_that_is_stuck_in_foreign_code_ends_and_says_where_it_was(tmp_path):
    done = subprocess.run([sys.executable, "-c", STUCK, str(tmp_path)], timeout=120, check=False)
    assert done.returncode == 1
    assert "train_for_ever" in (tmp_path / HUNG).read_text()


def test_a_block_that_is_left_in_time_leaves_nothing_behind(tmp_path):
    with ended_after(3600, tmp_path):
        assert (tmp_path / HUNG).exists()
    assert not (tmp_path / HUNG).exists()


def test_a_block_without_an_end_is_not_watched(tmp_path):
    with ended_after(float("inf"), tmp_path):
        assert not (tmp_path / HUNG).exists()

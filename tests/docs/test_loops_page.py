"""The table on the page of the three loops is the one in the program."""

from __future__ import annotations

from pathlib import Path

from selftune.loop.three_loops.signals import DECISION_TABLE

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "loops.md").read_text(encoding="utf-8")


def test_each_signal_stands_on_the_page_with_its_loop_and_its_words():
    rows = [
        f"| {answer.signal.value} | {answer.needs} | {answer.loop.value if answer.loop else 'no loop'}: {answer.by} |"
        for answer in DECISION_TABLE
    ]
    start = PAGE.index(rows[0])
    assert PAGE[start:].splitlines()[: len(rows)] == rows

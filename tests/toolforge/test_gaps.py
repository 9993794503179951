"""Gaps: asked for, failed, or said; and how often the last of these is wrong."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path

import pytest

from selftune.records import Message, ToolCall
from selftune.scoring.intervals import wilson_interval
from selftune.toolforge.gaps import LONGEST, MOST_OF_A_TURN, GapKind, find_gaps, says_gap

CONTROLS = tomllib.loads((Path(__file__).parent / "gap_controls.toml").read_text(encoding="utf-8"))


def test_there_are_thirty_controls_of_each_kind():
    assert {kind: len({one["text"] for one in held}) for kind, held in CONTROLS.items()} == {
        "lacks": 30,
        "lacks_nothing": 30,
    }


@pytest.mark.parametrize(("held_out", "lacking", "lacking_nothing"), [(False, 15, 15), (True, 13, 15)])
def test_the_figures_that_the_page_quotes_are_these(held_out, lacking, lacking_nothing):
    found = [says_gap(one["text"]) for one in CONTROLS["lacks"][held_out::2]]
    wrongly = [says_gap(one["text"]) for one in CONTROLS["lacks_nothing"][held_out::2]]
    assert (sum(found), len(found)) == (lacking, 15)
    assert (wrongly.count(False), len(wrongly)) == (lacking_nothing, 15)


def test_the_intervals_that_the_page_quotes_are_these():
    assert [round(bound, 2) for bound in wilson_interval(13, 15, 0.95)] == [0.62, 0.96]
    assert [round(bound, 2) for bound in wilson_interval(15, 15, 0.95)] == [0.8, 1.0]


def test_a_marked_line_is_a_gap_whoever_writes_it():
    said = "I looked at it.\nBRICK: TOOL NEEDED: count the vowels of a text\n**ROBIN**: TOOL NEEDED:  rhyme"
    gaps = find_gaps([Message(role="user", content="Hello"), Message(role="assistant", content=said)])
    assert [(gap.kind, gap.words, gap.turn) for gap in gaps] == [
        (GapKind.ASKED, "count the vowels of a text", 1),
        (GapKind.ASKED, "rhyme", 1),
    ]


@pytest.mark.parametrize("said", ["> TOOL NEEDED: x", '"TOOL NEEDED: x"', "TOOL NEEDED:", "Write TOOL NEEDED: x then."])
def test_a_quoted_or_empty_mark_asks_for_nothing(said):
    assert find_gaps([Message(role="assistant", content=said)]) == ()


def test_a_call_that_failed_is_a_gap_unless_the_caller_or_a_limit_was_at_fault():
    results = [
        "error: no tool of that name may be called",
        "error: the tool failed: ValueError: x",
        "error: the arguments do not fit",
        "error: no more calls in this dialogue",
        "error: not now: all work is stopped",
        '"error: a text that a tool returned"',
        None,
    ]
    calls = tuple(ToolCall(name=f"t{place}", arguments="{}", result=one) for place, one in enumerate(results))
    gaps = [gap for call in calls for gap in find_gaps([Message(role="assistant", content="", tool_calls=(call,))])]
    assert [(gap.kind, gap.tool) for gap in gaps] == [(GapKind.FAILED, "t0"), (GapKind.FAILED, "t1")]


def test_a_storm_of_gaps_is_bounded_and_told_once():
    lines = "\n".join(f"TOOL NEEDED: thing {number} {'x' * 900}" for number in range(50))
    message = Message(role="assistant", content=lines)
    gaps = find_gaps([message, message])
    assert len(gaps) == MOST_OF_A_TURN
    assert max(len(gap.words) for gap in gaps) == LONGEST


def test_what_a_person_says_of_their_own_means_is_no_gap():
    assert find_gaps([Message(role="user", content="I can't compute this sum.")]) == ()


def seconds_for(times):
    """What it takes of a core to read a sentence that begins so often and never ends."""
    began = time.process_time()
    find_gaps([Message(role="assistant", content="I can't " * times)])
    return time.process_time() - began


def test_a_turn_without_end_takes_the_longer_the_longer_it_is_and_no_more():
    few, many = (min(seconds_for(times) for _ in range(2)) for times in (1_250, 10_000))
    assert many < 24 * few, "eight times the words take eight times as long; each with each would take 64 times"

"""Quotes are held against the transcript."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.judges.evidence import flags_of, invented_quotes
from selftune.records import CriterionScore, Interaction, Message, ToolCall, Trigger

CALL = ToolCall(name="weather", arguments='{"city": "Oslo"}', result="4 degrees")


def interaction(*said: str) -> Interaction:
    turns = [Message(role="assistant" if n % 2 else "user", content=text) for n, text in enumerate(said)]
    called = Message(role="assistant", content="", persona="ROBIN", reasoning="kept apart", tool_calls=(CALL,))
    return Interaction(
        salt="s",
        conversation="c",
        task_id="t",
        trigger=Trigger.USER,
        messages=(*turns, called),
        source="test",
        position="1",
    )


SAID = interaction("What is\n\n  a dialogue?", 'It is "two" who talk,\tand <b>listen</b>.')


def criterion(*quotes: str) -> CriterionScore:
    return CriterionScore(name="use", reasoning="because", score=4.0, quotes=quotes)


@pytest.mark.parametrize(
    "quote",
    [
        "What is a dialogue?",
        "  who   talk,\n and ",
        '"two" who',
        '\\"two\\" who',
        "<b>listen</b>",
        "\\u003cb\\u003elisten",
        "a\n dialogue",
        "4 degrees",
        '{"city": "Oslo"}',
        "ROBIN",
    ],
)
def test_a_quote_stands_however_it_is_spaced_and_as_it_was_said_or_shown(quote):
    assert invented_quotes([criterion(quote)], SAID) == ()
    assert flags_of([criterion(quote)], SAID) == ()


@pytest.mark.parametrize(
    "quote",
    [
        "what is a dialogue?",
        "two who talk",
        "It is … talk",
        "a dialogue? It is",
        "kept apart",
        "",
        " \n",
        "five of five",
    ],
)
def test_a_quote_that_stands_in_no_one_turn_is_invented(quote):
    assert invented_quotes([criterion("who talk", quote)], SAID) == (quote,)
    assert flags_of([criterion(), criterion(quote)], SAID) == ("unsupported",)


def test_a_verdict_without_quotes_claims_nothing():
    assert flags_of([criterion()], SAID) == ()


@given(st.text(min_size=1), st.data())
def test_any_piece_of_what_was_said_stands(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    piece = text[start : data.draw(st.integers(start + 1, len(text)))]
    assert invented_quotes([criterion(piece)], interaction(text)) == (() if piece.split() else (piece,))

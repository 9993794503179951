"""Answers in pieces: put together again from whatever portions the bytes come in, or refused by name."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.errors import RequestRefusedError, ServingError
from selftune.serving.streaming import Pieces, refusal_of


def event(**delta):
    return f"data: {json.dumps({'model': 'm', 'choices': [{'delta': delta}]})}\n\n"


END = (
    'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
    'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}\n\n'
    "data: [DONE]\n\n"
)
WORDS = ("Wëlch ", "ein ", "Bär 🐻")
STREAM = "".join(event(content=word) for word in WORDS) + ": a comment\r\n" + END


def put_together(stream, cuts=()):
    heard, edges = [], [0, *sorted(cuts), len(stream)]
    pieces = Pieces(heard=heard.append)
    for first, last in pairwise(edges):
        pieces.feed(stream[first:last])
    return pieces, heard


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM.encode())), max_size=20))
def test_portions_do_not_matter(cuts):
    pieces, heard = put_together(STREAM.encode(), cuts)
    answer = pieces.whole()
    assert answer.text == "".join(heard) == "".join(WORDS)
    assert (answer.finish_reason, answer.prompt_tokens, answer.completion_tokens) == ("stop", 7, 3)
    assert pieces.done


def test_a_tool_call_is_put_together_letter_by_letter():
    calls = [
        {"index": 0, "function": {"name": "weigh", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"what"'}},
        {"index": 1, "function": {"name": "count", "arguments": "{}"}},
        {"index": 0, "function": {"arguments": ': "a train"}'}},
        {"index": "none"}, "nonsense", {"index": 10**9, "function": {"name": "far"}},
    ]  # fmt: skip
    answer = put_together(("".join(event(tool_calls=[call]) for call in calls) + END).encode())[0].whole()
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [
        ("weigh", '{"what": "a train"}'), ("count", "{}"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        ("data: {nonsense\n", "no JSON"),
        ('data: {"error": {"message": "out of memory"}}\n', "out of memory"),
        (event(content="half"), "broke off before its end"),
        ("", "broke off before its end"),
        ("x" * (8 << 20) + "y", "more than 8 MiB"),
    ],
)
def test_what_is_no_whole_answer_is_named(stream, reason):
    with pytest.raises(ServingError, match=reason):
        put_together(stream.encode())[0].whole()


def test_a_refusal_is_the_requests_fault_or_the_servers():
    refused = refusal_of(400, b'{"error": {"message": "too long"}}')
    assert isinstance(refused, RequestRefusedError)
    assert "too long" in refused.message
    assert not isinstance(refusal_of(503, b"<html>"), RequestRefusedError)

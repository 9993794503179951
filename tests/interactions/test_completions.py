"""OpenAI's stored completions, with the messages they answer."""

from __future__ import annotations

import pytest
from interaction_logs import document, places, read, said, whole, write

from selftune.interactions.detect import detect_format
from selftune.records import Interaction, Quarantined

ASKED = [{"role": "user", "content": "Hi"}]


def completion(number: int = 1, text: str = "Hello.", **more: object) -> dict[str, object]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "model": "gpt-4o-mini-2024-07-18",
        "created": 1738960610,
        "choices": [choice],
    } | more


@pytest.mark.parametrize(
    "entry",
    [
        completion(messages=ASKED),
        completion(input_messages=ASKED),
        {"request": {"messages": ASKED}, "response": completion()},
    ],
    ids=["messages", "input_messages", "apart"],
)
def test_request_and_answer_are_one_interaction(entry, tmp_path):
    path = write(tmp_path / "c.jsonl", entry)
    found = detect_format(path)
    assert (found.name, found.why) == ("completions", "its entries hold completions with `choices`")
    (got,) = whole(read(path, tmp_path))
    assert said(got) == [("user", "Hi"), ("assistant", "Hello.")]
    assert (got.generated_by, got.task_id) == ("gpt-4o-mini-2024-07-18", "chatcmpl-1")
    assert got.happened_at == "1738960610"


def test_a_listed_page_of_completions_comes_in_one_by_one(tmp_path):
    page = {"object": "list", "data": [completion(n, f"No. {n}", messages=ASKED) for n in range(3)], "has_more": False}
    path = document(tmp_path / "page.json", page)
    assert detect_format(path).why == "it is a list whose `data` holds completions with `choices`"
    got = whole(read(path, tmp_path))
    assert [item.answer for item in got] == ["No. 0", "No. 1", "No. 2"]
    assert len(places(got)) == 3
    assert places(read(path, tmp_path)) == places(got)


def test_tool_calls_and_cut_answers_are_seen(tmp_path):
    call = {"id": "a", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    cut = {"message": {"role": "assistant", "content": None, "tool_calls": [call]}, "finish_reason": "length"}
    entry = completion(messages=ASKED, tools=[{}], choices=[cut, cut])
    (got,) = whole(read(write(tmp_path / "c.jsonl", entry), tmp_path))
    assert got.messages[1].tool_calls[0].name == "find"
    assert got.flags == ("tool_definitions_not_kept", "choices_not_kept", "cut_short")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (completion(), "it holds the answer and not what was asked"),
        (completion(messages=ASKED, choices=[]), "'choices' holds no answer"),
        (completion(messages=ASKED, choices=[{"message": None}]), "the answer is no object but missing"),
        (completion(messages="Hi"), "what was asked is no list but a str"),
    ],
)
def test_half_a_completion_is_set_aside(entry, reason, tmp_path):
    broken, good = read(write(tmp_path / "c.jsonl", entry, completion(messages=ASKED)), tmp_path, "completions")
    assert isinstance(broken, Quarantined)
    assert broken.reason.startswith(f"c.jsonl, line 1: {reason}")
    assert isinstance(good, Interaction)

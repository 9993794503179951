"""Chats kept by programs on one's own machine: SillyTavern and LM Studio."""

from __future__ import annotations

from typing import Any

import pytest
from interaction_logs import document, places, read, said, whole, write

from selftune.interactions.detect import detect_format
from selftune.records import Interaction, Message, Quarantined, Rejected

HEAD = {
    "user_name": "Sam",
    "character_name": "Brigo",
    "create_date": "2026-03-01@10h00m00s",
    "chat_metadata": {"integrity": "chat-7"},
}


def line(text: str, **more: Any) -> dict[str, Any]:
    return {"name": "Brigo", "is_user": False, "is_system": False, "mes": text, "extra": {"model": "large"}} | more


def user_line(text: str, **more: Any) -> dict[str, Any]:
    return {"name": "Sam", "is_user": True, "is_system": False, "mes": text} | more


GREETING = line("Welcome.", swipes=["Welcome.", "Hail."], swipe_id=0, extra={})
ANSWER = line(
    "I am Brigo.",
    swipes=["Nobody.", "I am Brigo.", "Nobody.", " "],
    swipe_id=1,
    swipe_info=[{"extra": {"model": "small", "reasoning": "Hm."}}],
)


def persona(text: str, reasoning: str | None = None) -> Message:
    return Message(role="assistant", content=text, persona="Brigo", reasoning=reasoning)


def test_the_kept_swipe_is_the_answer_and_the_others_lost(tmp_path):
    path = write(tmp_path / "chat.jsonl", HEAD, GREETING, user_line("Who are you?"), ANSWER)
    found = detect_format(path)
    assert (found.name, found.why) == ("sillytavern", "its first line names `user_name` and `character_name`")
    (got,) = whole(read(path, tmp_path))
    assert got.messages == (persona("Welcome."), Message(role="user", content="Who are you?"), persona("I am Brigo."))
    assert got.rejected == (Rejected(at=2, messages=(persona("Nobody.", "Hm."),), generated_by="small"),)
    assert (got.generated_by, got.conversation) == ("large", "sillytavern:chat.jsonl:chat-7")
    assert got.flags == ("greetings_not_kept",)
    assert places(read(path, tmp_path)) == places([got])


def test_hidden_messages_are_no_turns(tmp_path):
    hidden = user_line("psst", is_system=True)
    second = line("Yes.", extra={"model": "other", "reasoning": "sure"})
    path = write(tmp_path / "chat.jsonl", HEAD, user_line("Who?"), ANSWER, hidden, user_line("Sure?"), second)
    (got,) = whole(read(path, tmp_path))
    assert [text for _, text in said(got)] == ["Who?", "I am Brigo.", "Sure?", "Yes."]
    assert [lost.at for lost in got.rejected] == [1]
    assert got.flags == ("hidden_turns_not_kept", "several_models")
    assert (got.generated_by, got.messages[3].reasoning) == ("other", "sure")


def test_a_broken_line_of_a_chat_is_set_aside_and_the_chat_says_so(tmp_path):
    path = write(tmp_path / "chat.jsonl", HEAD, user_line("Who?"), ANSWER)
    path.write_text(path.read_text("utf-8") + '{"mes": \n', "utf-8")
    broken, got = read(path, tmp_path)
    assert isinstance(broken, Quarantined)
    assert broken.reason.startswith("chat.jsonl, line 4: not JSON")
    assert isinstance(got, Interaction)
    assert got.flags == ("turns_missing",)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (user_line("x", mes=None), "'mes' is no text but missing"),
        (user_line("x", is_user="yes"), "a message does not say whether the user said it"),
        (line("x", swipes="y"), "'swipes' is no list but a str"),
        (line("x", swipes=[1]), "a swipe is no text but a int"),
    ],
)
def test_an_odd_chat_is_set_aside_whole(bad, reason, tmp_path):
    (got,) = read(write(tmp_path / "chat.jsonl", HEAD, user_line("Who?"), bad), tmp_path, "sillytavern")
    assert isinstance(got, Quarantined)
    assert got.reason == f"chat.jsonl, the chat: {reason}"


def block(text: str, model: str | None = None, **more: Any) -> dict[str, Any]:
    held: dict[str, Any] = {"type": "contentBlock", "content": [{"type": "text", "text": text}]}
    return held | ({"genInfo": {"indexedModelIdentifier": model}} if model else {}) | more


def answer(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"type": "multiStep", "role": "assistant", "steps": list(steps)}


def asked(text: str, **more: Any) -> dict[str, Any]:
    version = {"type": "singleStep", "role": "user", "content": [{"type": "text", "text": text}]} | more
    return {"versions": [version], "currentlySelected": 0}


LM = {
    "name": "a chat",
    "createdAt": 1756600000000,
    "systemPrompt": "Be brief.",
    "lastUsedModel": {"identifier": "last"},
    "messages": [
        asked("Who are you?"),
        {
            "versions": [
                answer(block("Nobody.", "small")),
                answer(block("Hm.", style={"type": "thinking"}), block("I am Brigo.", "large"), {"type": "debugInfo"}),
            ],
            "currentlySelected": 1,
        },
    ],
}


def test_the_selected_version_is_the_answer_and_the_others_lost(tmp_path):
    path = document(tmp_path / "1.conversation.json", LM)
    found = detect_format(path)
    assert (found.name, found.why) == ("lm_studio", "its `messages` hold `versions`")
    (got,) = whole(read(path, tmp_path))
    assert said(got) == [("system", "Be brief."), ("user", "Who are you?"), ("assistant", "I am Brigo.")]
    nobody = (Message(role="assistant", content="Nobody."),)
    assert got.rejected == (Rejected(at=2, messages=nobody, generated_by="small"),)
    assert (got.generated_by, got.messages[2].reasoning, got.flags) == ("large", "Hm.", ())
    assert places(read(path, tmp_path)) == places([got])


def test_pictures_and_tools_of_a_chat_are_flagged_and_the_last_model_is_the_fallback(tmp_path):
    picture = asked("x", content=[{"type": "file"}, {"type": "text", "text": "See?"}])
    tools = {"versions": [answer({"type": "toolStatus"}, block("Yes."))], "currentlySelected": 0}
    (got,) = whole(read(document(tmp_path / "1.json", LM | {"messages": [picture, tools]}), tmp_path))
    assert said(got)[1:] == [("user", "See?"), ("assistant", "Yes.")]
    assert (got.flags, got.generated_by) == (("parts_not_kept",), "last")


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([asked("x") | {"currentlySelected": 1}], "version 1 is selected and there are 1"),
        ([asked("x", role="wizard")], "a message has the role 'wizard'"),
        ([asked("x", content="x")], "'content' is no list but a str"),
        ([{"versions": []}], "version 0 is selected and there are 0"),
    ],
)
def test_an_odd_lm_studio_chat_is_set_aside(messages, reason, tmp_path):
    (got,) = read(document(tmp_path / "1.json", LM | {"messages": messages}), tmp_path, "lm_studio")
    assert isinstance(got, Quarantined)
    assert got.reason == f"1.json, item 1: {reason}"

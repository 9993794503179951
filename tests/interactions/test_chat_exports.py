"""Chats that people already have: what was kept, what was regenerated away, what was rated."""

from __future__ import annotations

from typing import Any

import pytest
from interaction_logs import document, places, read, said, whole

from selftune.interactions.detect import detect_format
from selftune.records import Feedback, Interaction, Message, Quarantined, Rejected


def gpt_node(parent: str | None, role: str, text: str, **more: Any) -> dict[str, Any]:
    content = {"content_type": "text", "parts": [text]}
    metadata = {"model_slug": more.pop("model", None)}
    return {
        "parent": parent,
        "message": {"author": {"role": role}, "content": content, "metadata": metadata} | more,
    }


def gpt_chat(**nodes: Any) -> dict[str, Any]:
    root = {"root": {"parent": None, "message": None}, "sys": gpt_node("root", "system", "")}
    return {"conversation_id": "c-1", "create_time": 1700000000.5, "mapping": root | nodes, "current_node": "a2"}


GPT = gpt_chat(
    q=gpt_node("sys", "user", "Who are you?"),
    a1=gpt_node("q", "assistant", "Nobody.", model="small"),
    t={"parent": "q", "message": {"content": {"content_type": "thoughts", "thoughts": [{"content": "Hm."}]}}},
    a2=gpt_node("t", "assistant", "I am Brigo.", model="large"),
)


def test_a_chatgpt_conversation_keeps_the_way_it_was_left_on(tmp_path):
    path = document(tmp_path / "conversations.json", [GPT])
    found = detect_format(path)
    assert (found.name, found.why) == ("chatgpt", "its entries hold a `mapping` of messages")
    (got,) = whole(read(path, tmp_path))
    assert said(got) == [("user", "Who are you?"), ("assistant", "I am Brigo.")]
    assert (got.generated_by, got.messages[1].reasoning, got.task_id) == ("large", "Hm.", "c-1")
    nobody = (Message(role="assistant", content="Nobody."),)
    assert got.rejected == (Rejected(at=1, messages=nobody, generated_by="small"),)
    assert got.flags == ()


def test_a_chatgpt_question_asked_anew_is_not_kept_and_said(tmp_path):
    nodes = GPT["mapping"] | {"q0": gpt_node("sys", "user", "Who?"), "a0": gpt_node("q0", "assistant", "What?")}
    (got,) = whole(read(document(tmp_path / "c.json", [GPT | {"mapping": nodes}]), tmp_path))
    assert got.flags == ("branches_not_kept",)
    assert len(got.rejected) == 1


def test_chatgpt_tools_pictures_and_hidden_messages(tmp_path):
    picture = {"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer"}, "What is it?"]}
    hidden = gpt_node("q", "system", "secret")
    hidden["message"]["metadata"] = {"is_visually_hidden_from_conversation": True}
    code = {"content_type": "code", "text": "print(1)"}
    nodes = {
        "q": gpt_node("sys", "user", "", content=picture),
        "h": hidden,
        "c": gpt_node("h", "assistant", "", content=code, recipient="python"),
        "r": gpt_node("c", "tool", "", content={"content_type": "execution_output", "text": "1"}),
        "a2": gpt_node("r", "assistant", "One."),
    }
    (got,) = whole(read(document(tmp_path / "c.json", [gpt_chat(**nodes)]), tmp_path))
    assert said(got) == [
        ("user", "[image_asset_pointer]\nWhat is it?"),
        ("assistant", ""),
        ("tool", "1"),
        ("assistant", "One."),
    ]
    assert (got.messages[1].tool_calls[0].name, got.messages[1].tool_calls[0].arguments) == ("python", "print(1)")
    assert got.flags == ("parts_not_kept",)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"mapping": {}}, "it holds no message"),
        ({"mapping": {"a": {"parent": "b"}, "b": {"parent": "a"}}}, "it holds no message"),
        ({"mapping": {"a": {"parent": "b"}, "b": {"parent": "a"}}, "current_node": "a"}, "its messages follow each"),
        ({"mapping": GPT["mapping"], "current_node": "z"}, "the message 'z' where it was left is not in it"),
        ({"mapping": {"a": {"parent": 3}}}, "a parent is no text but a int"),
    ],
)
def test_a_broken_chatgpt_conversation_is_set_aside(broken, reason, tmp_path):
    first, second = read(document(tmp_path / "c.json", [broken, GPT]), tmp_path, "chatgpt")
    assert isinstance(first, Quarantined)
    assert first.reason.startswith(f"c.json, item 1: {reason}")
    assert isinstance(second, Interaction)


def claude_message(sender: str, text: str, uuid: str, parent: str | None = None, **more: Any) -> dict[str, Any]:
    held = {"uuid": uuid, "sender": sender, "text": text, "content": [{"type": "text", "text": text}]} | more
    return held if parent is None else held | {"parent_message_uuid": parent}


def test_a_claude_conversation_without_parents_is_read_in_order(tmp_path):
    blocks = [
        {"type": "thinking", "thinking": "Hm."},
        {"type": "tool_use", "id": "t", "name": "find", "input": {"q": 1}},
        {"type": "tool_result", "tool_use_id": "t", "content": "found"},
        {"type": "text", "text": "There."},
    ]
    messages = [
        claude_message("human", "Where?", "1", attachments=[{"file_name": "map.txt"}]),
        claude_message("assistant", "", "2", content=blocks),
    ]
    path = document(tmp_path / "conversations.json", [{"uuid": "u-1", "name": "x", "chat_messages": messages}])
    found = detect_format(path)
    assert (found.name, found.why) == ("claude", "its entries hold `chat_messages`")
    (got,) = whole(read(path, tmp_path))
    assert said(got) == [("user", "Where?"), ("assistant", "There.")]
    call = got.messages[1].tool_calls[0]
    assert (call.name, call.arguments, call.result) == ("find", '{"q": 1}', "found")
    assert (got.messages[1].reasoning, got.generated_by, got.task_id) == ("Hm.", None, "u-1")
    assert got.flags == ("attachments_not_kept",)


def test_a_claude_answer_that_was_retried_is_rejected(tmp_path):
    messages = [
        claude_message("human", "Who are you?", "q", "00000000-0000-4000-8000-000000000000"),
        claude_message("assistant", "Nobody.", "a1", "q"),
        claude_message("assistant", "I am Brigo.", "a2", "q"),
    ]
    (got,) = whole(read(document(tmp_path / "c.json", [{"uuid": "u", "chat_messages": messages}]), tmp_path))
    assert got.answer == "I am Brigo."
    assert got.rejected == (Rejected(at=1, messages=(Message(role="assistant", content="Nobody."),)),)


def test_an_empty_or_odd_claude_conversation_is_set_aside(tmp_path):
    odd = {"chat_messages": [{"sender": "wizard", "text": "x"}]}
    items = read(document(tmp_path / "c.json", [{"chat_messages": []}, odd]), tmp_path, "claude")
    assert [item.reason for item in items if isinstance(item, Quarantined)] == [
        "c.json, item 1: it holds no message",
        "c.json, item 2: a message is from 'wizard', not from human or assistant",
    ]


def webui_message(parent: str | None, role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"parentId": parent, "role": role, "content": content} | more


def webui_chat(current: str = "a2", **messages: Any) -> dict[str, Any]:
    return {"id": "chat-1", "user_id": "u-9", "chat": {"history": {"messages": messages, "currentId": current}}}


WEBUI = webui_chat(
    q1=webui_message(None, "user", "Who?"),
    a1=webui_message("q1", "assistant", "Brigo.", model="large", annotation={"rating": 1}),
    b1=webui_message("q1", "assistant", "Nobody.", model="small"),
    q2=webui_message("a1", "user", "Sure?"),
    a2=webui_message(
        "q2",
        "assistant",
        '<details type="reasoning" done="true" duration="2">\n<summary>Thought for 2 seconds</summary>\n'
        "> am I\n> sure\n</details>\nYes.",
        model="large",
        annotation={"rating": -1, "reason": "too short"},
    ),
)


def test_an_open_webui_chat_brings_each_rated_answer_with_its_thumb(tmp_path):
    path = document(tmp_path / "chat-export.json", [WEBUI])
    found = detect_format(path)
    assert (found.name, found.why) == ("open_webui", "its entries hold a `chat` with its `history`")
    got = whole(read(path, tmp_path))
    last, first = got
    assert (last.answer, last.messages[-1].reasoning) == ("Yes.", "am I\nsure")
    assert (last.feedback, first.feedback) == (Feedback(thumbs=-1), Feedback(thumbs=1))
    assert said(first) == [("user", "Who?"), ("assistant", "Brigo.")]
    nobody = (Message(role="assistant", content="Nobody."),)
    assert first.rejected == last.rejected == (Rejected(at=1, messages=nobody, generated_by="small"),)
    assert (first.generated_by, first.author, first.conversation) == ("large", "u-9", last.conversation)
    assert first.salt != last.salt
    assert len(places(got)) == 2
    assert places(read(path, tmp_path)) == places(got)


def test_an_open_webui_chat_without_ratings_is_one_interaction(tmp_path):
    chat = webui_chat("a", q=webui_message(None, "user", "Hi", files=[{}]), a=webui_message("q", "assistant", "Yo"))
    (got,) = whole(read(document(tmp_path / "c.json", [chat]), tmp_path))
    assert (got.feedback, got.rejected, got.flags) == (None, (), ("attachments_not_kept",))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (webui_message(None, "wizard", "x"), "a message has the role 'wizard'"),
        (webui_message(None, "user", None), "the content of a message is no text but missing"),
        (webui_message(None, "assistant", "x", annotation={"rating": 7}), "a rating is 7, not 1 or -1"),
    ],
)
def test_a_broken_open_webui_chat_is_set_aside(message, reason, tmp_path):
    first, *rest = read(document(tmp_path / "c.json", [webui_chat("m", m=message), WEBUI]), tmp_path, "open_webui")
    assert isinstance(first, Quarantined)
    assert first.reason == f"c.json, item 1: {reason}"
    assert [type(item) for item in rest] == [Interaction, Interaction]

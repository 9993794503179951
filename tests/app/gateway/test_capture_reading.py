"""What an exchange becomes: every route's shape, streams put together, and what may never be learnt from."""

from __future__ import annotations

import json

import pytest
from captured_exchanges import as_body, chunks, events, exchange

from selftune.app.gateway.capture.bodies import read_talk
from selftune.app.gateway.capture.reading import Speaker, read_exchange
from selftune.app.gateway.exchange import Ended
from selftune.records import Consent, InteractionOutcome, Quarantined, Thread


def read(one, speaker=Speaker(name="ann")):  # noqa: B008 - it is frozen
    return read_exchange(one, speaker, salt="s", hide=lambda text: f"hidden-{hash(text)}")


def said(one):
    return [(message.role, message.content) for message in read(one).messages]


HELLO = [("user", "Hello?"), ("assistant", "Good day.")]


def lines(*objects):
    return "".join(json.dumps(one) + "\n" for one in objects).encode()


@pytest.mark.parametrize(
    ("route", "request_body", "response", "streamed"),
    [
        ("/v1/chat/completions", None, chunks({"role": "assistant"}, {"content": "Good "}, {"content": "day."}), True),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello?"}]}]},
         {"choices": [{"message": {"role": "assistant", "content": "Good day."}}]}, False),
        ("/v1/responses", {"input": "Hello?"},
         {"output": [{"type": "message", "role": "assistant",
                      "content": [{"type": "output_text", "text": "Good day."}]}]}, False),
        ("/v1/responses", {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hello?"}]}]},
         events({"type": "response.output_text.delta", "delta": "Good "},
                {"type": "response.output_text.delta", "delta": "day."}), True),
        ("/api/chat", {"messages": [{"role": "user", "content": "Hello?"}]},
         {"message": {"role": "assistant", "content": "Good day."}, "done": True}, False),
        ("/api/chat", {"messages": [{"role": "user", "content": "Hello?"}]},
         lines({"message": {"role": "assistant", "content": "Good "}}, {"message": {"content": "day."}, "done": True}),
         True),
        ("/api/generate", {"prompt": "Hello?"},
         lines({"response": "Good "}, {"response": "day.", "done": True}), True),
        ("/v1/completions", {"prompt": "Hello?"}, events({"choices": [{"index": 0, "text": "Good day."}]}), True),
    ],
)  # fmt: skip
def test_every_route_is_read_to_the_same_talk(route, request_body, response, streamed):
    body = {"messages": [{"role": "user", "content": "Hello?"}]} if request_body is None else request_body
    one = exchange(route=route, request=body, response=response, streamed=streamed, key_id="k-1")
    assert said(one) == HELLO
    assert read(one).outcome is InteractionOutcome.OK


def test_tool_calls_and_reasoning_of_a_stream_are_put_together():
    answer = chunks(
        {"role": "assistant", "reasoning_content": "They want "},
        {"reasoning_content": "the weather."},
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "weather", "arguments": '{"pla'}}]},
        {"tool_calls": [{"index": 1, "id": "b", "function": {"name": "time", "arguments": "{}"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": 'ce": "Bonn"}'}}]},
        reason="tool_calls",
    )
    message = read(exchange(response=answer, streamed=True)).messages[-1]
    assert message.reasoning == "They want the weather."
    assert [(call.name, call.arguments) for call in message.tool_calls] == [
        ("weather", '{"place": "Bonn"}'),
        ("time", "{}"),
    ]


def test_ollamas_thoughts_and_calls_are_kept_apart_from_what_it_said():
    answer = lines(
        {"message": {"role": "assistant", "content": "", "thinking": "Hm."}},
        {"message": {"content": "It is warm.", "tool_calls": [{"function": {"name": "w", "arguments": {"a": 1}}}]}},
        {"message": {"content": ""}, "done": True, "done_reason": "length"},
    )
    body = {"messages": [{"role": "user", "content": "Look.", "images": ["AAAA"]}]}
    found = read(exchange(route="/api/chat", request=body, response=answer, streamed=True))
    assert (found.messages[-1].reasoning, found.messages[-1].content) == ("Hm.", "It is warm.")
    assert found.messages[-1].tool_calls[0].arguments == '{"a": 1}'
    assert {"cut_short", "parts_not_kept"} <= set(found.flags)


def test_a_response_of_several_items_is_one_answer():
    items = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Think."}]},
        {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "There."}]},
    ]
    asked = {"instructions": "Be brief.", "input": [
        {"role": "user", "content": "Where?"},
        {"type": "function_call", "call_id": "b", "name": "map", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "b", "output": "a map"},
        {"role": "user", "content": "And now?"},
    ]}  # fmt: skip
    one = exchange(route="/v1/responses", request=asked, response={"status": "completed", "output": items})
    found = read(one)
    assert [message.role for message in found.messages] == ["system", "user", "assistant", "tool", "user", "assistant"]
    assert found.messages[2].tool_calls[0].result == "a map"
    assert found.messages[-1].content == "There."
    assert found.messages[-1].reasoning == "Think."
    assert [call.name for call in found.messages[-1].tool_calls] == ["look"]


def test_only_the_first_of_several_answers_is_kept_and_said_so():
    choices = [{"index": at, "message": {"role": "assistant", "content": f"Answer {at}."}} for at in range(3)]
    found = read(exchange(response={"choices": choices}))
    assert found.answer == "Answer 0."
    assert "choices_not_kept" in found.flags


@pytest.mark.parametrize(
    ("facts", "flag"),
    [
        ({"ended": Ended.CLIENT_GONE}, "client_gone"),
        ({"ended": Ended.UPSTREAM_DIED}, "upstream_died"),
        ({"status": 500, "response": {"error": {"message": "out of memory"}}}, "upstream_error"),
        ({"response": b""}, "no_answer"),
    ],
)
def test_a_broken_answer_is_kept_as_an_error_that_is_never_learnt_from(facts, flag):
    half = {"response": chunks({"content": "It is 30"}, done=False), "streamed": "response" not in facts} | facts
    found = read(exchange(key_id="k-1", consent="send", **half))
    assert found.outcome is InteractionOutcome.ERROR
    assert flag in found.flags
    assert found.consent == Consent(keep=True, train=False, send=False)
    assert found.thread is None
    assert found.messages[0].content == "How tall is the tower?"


def test_a_stream_that_was_cut_within_an_event_keeps_the_words_before():
    cut = chunks({"content": "It is "}, {"content": "300 metres"}, done=False)[:-20]
    found = read(exchange(response=cut, streamed=True, ended=Ended.UPSTREAM_DIED))
    assert found.answer == "It is "


def test_words_without_a_known_key_are_kept_and_never_learnt_from():
    found = read(exchange(consent="send"), Speaker())
    assert "unknown_key" in found.flags
    assert found.consent == Consent(keep=True, train=False, send=False)
    assert found.author is None


@pytest.mark.parametrize("level", ["keep", "train", "send"])
def test_the_level_of_key_and_request_is_the_records(level):
    consent = read(exchange(key_id="k-1", consent=level)).consent
    assert (consent.keep, consent.train, consent.send) == (True, level != "keep", level == "send")


def test_a_clients_own_question_about_a_chat_is_no_lesson():
    task = "### Task:\nGenerate a title.\n<chat_history>\nUSER: Hello\n</chat_history>"
    found = read(exchange(asked=task, key_id="k-1"))
    assert "client_task" in found.flags
    assert not found.consent.train
    assert read(exchange(asked="### Task:\nWrite a poem.", key_id="k-1")).consent.train


def test_a_conversation_without_a_name_is_known_by_its_opening_and_another_key_never_meets_it():
    opening = [{"role": "user", "content": "Hello?"}]
    later = [*opening, {"role": "assistant", "content": "Good day. "}, {"role": "user", "content": "And you?"}]
    first = exchange(asked="Hello?", said="Good day.", key_id="k-1")
    second = exchange(name="cmpl-2", request={"messages": later}, said="I am well.", key_id="k-1")
    assert read(first).conversation == read(second).conversation
    assert read(first).thread is Thread.EXCHANGE
    other = exchange(asked="Hello?", said="Good day.", key_id="k-2")
    assert read(other).conversation != read(first).conversation
    assert read(exchange(asked="Hello?", said="Hi.", key_id="k-1")).conversation != read(first).conversation


def test_a_forwarded_chat_is_the_conversation_within_its_key():
    one = exchange(conversation="chat-1", message_id="m-1", key_id="k-1")
    assert read(one).conversation == "gateway:k-1:chat-1"
    assert read(one).task_id == "m-1"
    assert read(exchange(conversation="chat-1")).conversation == "gateway:nobody:chat-1"


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"request": b"{not json"}, "no JSON"),
        ({"request": {"messages": "hi"}}, "no list"),
        ({"request": {"messages": [{"role": "wizard", "content": "hi"}]}}, "wizard"),
        ({"response": b"<html>"}, "no JSON"),
        ({"response": events([1, 2]), "streamed": True}, "no object"),
        ({"route": "/v1/completions", "request": {"prompt": ["a", "b"]}}, "'prompt'"),
        ({"request": b"[" * 100_000}, "no JSON"),
    ],
)
def test_what_can_not_be_read_is_set_aside_whole_with_its_reason(facts, why):
    found = read(exchange(key_id="k-1", **facts))
    assert isinstance(found, Quarantined)
    assert why in found.reason
    assert found.position == "cmpl-aaaaaaaaaaaaaaaa"
    assert (
        json.loads(found.raw)["request"]
        == as_body(facts.get("request", {"messages": [{"role": "user", "content": "How tall is the tower?"}]})).decode()
    )


def test_a_stream_with_half_a_character_and_odd_line_ends_is_read_all_the_same():
    answer = b'data: {"choices":[{"delta":{"content":"Oh \\ud83d"}}]}\r\n\r\n: a remark\r\n\r\ndata: [DONE]\r\n\r\n'
    assert read(exchange(response=answer, streamed=True)).answer == "Oh \ud83d"


def test_a_stream_that_is_none_is_set_aside():
    answer = events({"choices": "none"})
    found = read(exchange(response=answer, streamed=True))
    assert isinstance(found, Quarantined)
    assert "no chunk" in found.reason


def test_a_stream_of_responses_in_which_nothing_is_said_is_no_answer():
    whole = {"status": "completed", "output": [{"type": "message", "role": "assistant", "content": "Whole."}]}
    for told in (as_body(whole), events({"type": "response.created"}, done=False)):
        assert read_talk("/v1/responses", as_body({"input": "Hello?"}), told, streamed=True).answer is None

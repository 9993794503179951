"""Spans of calls to a model and Langfuse's exports; samples of our own, written after the published conventions."""

from __future__ import annotations

import json

import pytest
from interaction_logs import document, read, said, whole, write

from selftune.interactions.detect import detect_format
from selftune.records import Feedback, InteractionOutcome, Quarantined, Thread, ToolCall

NOON = 1767268800 * 10**9


def typed(value):
    """A value as OTLP/JSON writes it."""
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, list):
        return {"arrayValue": {"values": [typed(item) for item in value]}}
    return {"kvlistValue": {"values": [{"key": key, "value": typed(item)} for key, item in value.items()]}}


def span(attributes: dict, *events: tuple[str, dict], **facts) -> dict:
    """A span as OTLP/JSON writes it."""
    told = [{"name": name, "attributes": pairs(held), "timeUnixNano": str(NOON)} for name, held in events]
    return {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "name": "chat m-small",
        "startTimeUnixNano": str(NOON - 10**9),
        "endTimeUnixNano": str(NOON),
        "attributes": pairs(attributes),
        "events": told,
    } | facts


def pairs(attributes: dict) -> list[dict]:
    return [{"key": key, "value": typed(value)} for key, value in attributes.items()]


def request(*spans: dict) -> dict:
    """What an exporter sends or a collector writes, a line each."""
    resource = {"attributes": pairs({"service.name": "shop"})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "x"}, "spans": list(spans)}]}]}


CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m-small", "gen_ai.response.model": "m-small-2"}
ASKED = [
    {"role": "user", "parts": [{"type": "text", "content": "Weather in Bonn?"}]},
    {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "I need a tool."},
            {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Bonn"}},
        ],
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "rain"}]},
]
ANSWERED = [{"role": "assistant", "parts": [{"type": "text", "content": "Rain."}], "finish_reason": "stop"}]
SYSTEM = [{"type": "text", "content": "Be short."}]
NEWER = CHAT | {
    "gen_ai.conversation.id": "talk-7",
    "gen_ai.system_instructions": json.dumps(SYSTEM),
    "gen_ai.input.messages": json.dumps(ASKED),
    "gen_ai.output.messages": json.dumps(ANSWERED),
}


def test_whole_messages_in_attributes_are_read_with_tools_reasoning_and_model(tmp_path):
    path = write(tmp_path / "traces.jsonl", request(span(NEWER)))
    assert detect_format(path).name == "otel"
    (got,) = whole(read(path, tmp_path))
    assert said(got) == [
        ("system", "Be short."),
        ("user", "Weather in Bonn?"),
        ("assistant", ""),
        ("tool", "rain"),
        ("assistant", "Rain."),
    ]
    call = got.messages[2]
    assert call.reasoning == "I need a tool."
    assert call.tool_calls == (ToolCall(name="weather", arguments='{"city": "Bonn"}', result="rain"),)
    assert got.generated_by == "m-small-2"
    assert got.conversation == "otel:traces.jsonl:talk-7"
    assert (got.thread, got.last_turn_at) == (Thread.EXCHANGE, "2026-01-01T12:00:00+00:00")


def test_values_in_place_of_json_text_and_other_nestings_read_alike(tmp_path):
    as_values = NEWER | {key: json.loads(NEWER[key]) for key in NEWER if key.endswith(("messages", "instructions"))}
    flat = {
        "name": "chat",
        "context": {"trace_id": "0xaa", "span_id": "0xbb"},
        "start_time": "2026-01-01T11:59:59.000000Z",
        "end_time": "2026-01-01T12:00:00.000000Z",
        "attributes": as_values,
    }
    (typed_values,) = whole(read(document(tmp_path / "a.json", request(span(as_values))), tmp_path))
    (listed,) = whole(read(document(tmp_path / "b.json", [flat]), tmp_path))
    (text,) = whole(read(write(tmp_path / "c.jsonl", request(span(NEWER))), tmp_path))
    assert typed_values.messages == listed.messages == text.messages
    assert listed.last_turn_at == text.last_turn_at


def test_an_event_for_each_message_is_read(tmp_path):
    events = [
        ("gen_ai.system.message", {"content": "Be short."}),
        ("gen_ai.user.message", {"content": "Weather?"}),
        ("gen_ai.assistant.message", {"tool_calls": json.dumps([{"id": "c", "function": {"name": "w"}}])}),
        ("gen_ai.tool.message", {"content": "rain", "id": "c"}),
        ("exception", {"message": "no message of the chat"}),
        ("gen_ai.choice", {"gen_ai.event.content": json.dumps({"index": 0, "message": {"content": "Rain."}})}),
    ]
    (got,) = whole(read(write(tmp_path / "traces.jsonl", request(span(CHAT, *events))), tmp_path))
    assert [text for _, text in said(got)] == ["Be short.", "Weather?", "", "rain", "Rain."]
    assert got.messages[2].tool_calls[0].result == "rain"


def test_numbered_attributes_are_read(tmp_path):
    numbered = {
        "gen_ai.request.model": "m",
        "gen_ai.prompt.0.role": "system",
        "gen_ai.prompt.0.content": "Be short.",
        "gen_ai.prompt.1.role": "user",
        "gen_ai.prompt.1.content": "Hi",
        "gen_ai.completion.0.content": "Yo",
    }
    (got,) = whole(read(write(tmp_path / "traces.jsonl", request(span(numbered))), tmp_path))
    assert said(got) == [("system", "Be short."), ("user", "Hi"), ("assistant", "Yo")]


def test_a_call_without_its_content_is_set_aside_and_what_is_no_call_is_passed_over(tmp_path):
    others = [
        span({"http.request.method": "GET"}),
        span(NEWER | {"gen_ai.operation.name": "invoke_agent"}),
        span({"gen_ai.operation.name": "execute_tool"}),
    ]
    path = write(tmp_path / "traces.jsonl", request(span(CHAT), *others, span(NEWER)))
    empty, got = read(path, tmp_path)
    assert isinstance(empty, Quarantined)
    assert "recorded without its content" in empty.reason
    assert got.answer == "Rain."


def test_an_answer_that_was_cut_or_failed_says_so(tmp_path):
    cut = NEWER | {"gen_ai.response.finish_reasons": ["length"]}
    failed = span(cut, status={"code": 2, "message": "overloaded"})
    (got,) = whole(read(write(tmp_path / "traces.jsonl", request(failed)), tmp_path))
    assert "cut_short" in got.flags
    assert got.outcome is InteractionOutcome.ERROR


OBSERVATION = {
    "id": "o1",
    "traceId": "t1",
    "type": "GENERATION",
    "startTime": "2026-01-01T11:59:59.000Z",
    "endTime": "2026-01-01T12:00:00.000Z",
    "model": "m-small",
    "input": [{"role": "user", "content": "Hi"}],
    "output": {"role": "assistant", "content": "Yo"},
}
STORED = {
    "id": "o1",
    "trace_id": "t1",
    "type": "GENERATION",
    "session_id": "s1",
    "user_id": "u1",
    "start_time": "2026-01-01 11:59:59.000000",
    "end_time": "2026-01-01 12:00:00.000000",
    "provided_model_name": "m-small",
    "input": json.dumps({"messages": [{"role": "user", "content": "Hi"}]}),
    "output": json.dumps({"choices": [{"message": {"role": "assistant", "content": "Yo"}}]}),
}


@pytest.mark.parametrize(
    "export",
    [
        [OBSERVATION],
        {"data": [OBSERVATION], "meta": {"page": 1}},
        {"trace": {"id": "t1", "sessionId": "s1"}, "observations": [OBSERVATION], "scores": []},
        {"id": "t1", "sessionId": "s1", "observations": [OBSERVATION, OBSERVATION | {"type": "SPAN"}]},
        [STORED],
        [OBSERVATION | {"input": "Hi", "output": "Yo"}],
        [{"id": "t1", "sessionId": "s1", "timestamp": "2026-01-01T11:59:59Z", "input": "Hi", "output": '"Yo"'}],
    ],
    ids=["observations", "page", "trace", "trace with spans", "stored", "texts", "trace row"],
)
def test_each_export_of_langfuse_is_recognised_and_holds_the_exchange(export, tmp_path):
    path = document(tmp_path / "export.json", export)
    assert detect_format(path).name == "langfuse"
    (got,) = whole(read(path, tmp_path))
    assert said(got) == [("user", "Hi"), ("assistant", "Yo")]
    assert got.happened_at is not None


def test_a_generation_is_marked_with_its_model_session_and_person(tmp_path):
    (got,) = whole(read(document(tmp_path / "export.json", [STORED]), tmp_path))
    assert (got.generated_by, got.author) == ("m-small", "u1")
    assert got.conversation == "langfuse:export.json:s1"
    assert got.last_turn_at == "2026-01-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("score", "thumbs", "left"),
    [
        ({"name": "user-feedback", "value": 1}, 1, False),
        ({"name": "user-feedback", "value": -1}, -1, False),
        ({"name": "user-feedback", "value": 0, "dataType": "BOOLEAN"}, -1, False),
        ({"name": "user-feedback", "value": 0, "dataType": "NUMERIC"}, None, True),
        ({"name": "helpfulness", "value": 1}, None, True),
        ({"name": "user-feedback", "value": 1, "comment": "nice"}, 1, True),
    ],
)
def test_a_score_is_a_thumb_only_where_it_can_be_nothing_else(score, thumbs, left, tmp_path):
    export = {"id": "t1", "scores": [score | {"observationId": "o1"}], "observations": [OBSERVATION]}
    (got,) = whole(read(document(tmp_path / "export.json", export), tmp_path))
    assert got.feedback == (None if thumbs is None else Feedback(thumbs=thumbs))
    assert ("scores_not_kept" in got.flags) is left


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"input": None}, "'input' holds no messages"),
        ({"output": None}, "'output' holds no answer"),
        ({"output": {"score": 3}}, "'output' holds no answer"),
    ],
)
def test_a_generation_without_its_content_is_set_aside(change, reason, tmp_path):
    (got,) = read(document(tmp_path / "export.json", [OBSERVATION | change]), tmp_path)
    assert isinstance(got, Quarantined)
    assert reason in got.reason

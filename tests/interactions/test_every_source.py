"""What holds for every format: whatever stands in an entry, it comes in or is set aside, and nothing else happens."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selftune.interactions.config import Capture
from selftune.interactions.formats.a4ps import A4PSLog
from selftune.interactions.formats.alpaca import Alpaca
from selftune.interactions.formats.chatgpt import ChatGPTExport
from selftune.interactions.formats.chatml import ChatML
from selftune.interactions.formats.claude import ClaudeExport
from selftune.interactions.formats.completions import StoredCompletions
from selftune.interactions.formats.inspect_logs import InspectLog
from selftune.interactions.formats.kto import Labelled
from selftune.interactions.formats.langfuse import LangfuseExport
from selftune.interactions.formats.lm_studio import LMStudioChat
from selftune.interactions.formats.open_webui import OpenWebUIExport
from selftune.interactions.formats.open_webui_feedback import OpenWebUIFeedback
from selftune.interactions.formats.openai import OpenAIMessages, StateSet
from selftune.interactions.formats.pairs import Pairs
from selftune.interactions.formats.preferred import PreferredOutputs
from selftune.interactions.formats.sharegpt import ShareGPT
from selftune.interactions.formats.sillytavern import SillyTavernChat
from selftune.interactions.formats.spans import GenAISpans
from selftune.interactions.formats.written import Dialogues, Responses
from selftune.interactions.stage import capture
from selftune.plugins import load_plugin, registered
from selftune.records import Interaction, Quarantined, decode_record, encode_record
from selftune.testing import fake_context

TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]
FROM = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yo"}]
BLOCKS = [
    {"type": "thinking", "thinking": "Hm."},
    {"type": "tool_use", "id": "t", "name": "find", "input": {}},
    {"type": "tool_result", "tool_use_id": "t", "content": "found"},
]
STEP = {
    "type": "contentBlock",
    "content": [{"type": "text", "text": "Yo"}],
    "style": {"type": "thinking"},
    "genInfo": {"indexedModelIdentifier": "m"},
}
PARTS = [
    {"type": "reasoning", "content": "Hm."},
    {"type": "text", "content": "Hi"},
    {"type": "tool_call", "id": "t", "name": "find", "arguments": {}},
    {"type": "tool_call_response", "id": "t", "response": "found"},
]
TREE = {
    "q": {"parentId": None, "role": "user", "content": "Hi"},
    "a": {"parentId": "q", "role": "assistant", "content": "Yo", "model": "m"},
    "b": {"parentId": "q", "role": "assistant", "content": "No"},
}
STATE = {"role": "system", "content": '== STATE ==\n{"n": 1}\n== END STATE =='}
SAMPLES: tuple[tuple[type, Any], ...] = (
    (
        A4PSLog,
        {"task_id": "t", "trigger": "user", "prompt": "Hi", "transcript": [{"persona": "BRICK", "content": "Yo"}]},
    ),
    (StateSet, {"messages": [STATE, *TURNS], "id": 1}),
    (
        PreferredOutputs,
        {"input": {"messages": TURNS[:1]}, "preferred_output": TURNS[1:], "non_preferred_output": TURNS[1:]},
    ),
    (
        GenAISpans,
        {
            "traceId": "t",
            "spanId": "s",
            "startTimeUnixNano": "1767225600000000000",
            "status": {"code": 1},
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "m",
                "gen_ai.response.finish_reasons": ["stop"],
                "gen_ai.input.messages": [{"role": "user", "parts": PARTS[1:2]}],
                "gen_ai.output.messages": [{"role": "assistant", "parts": PARTS, "finish_reason": "stop"}],
            },
        },
    ),
    (
        GenAISpans,
        {
            "context": {"trace_id": "t", "span_id": "s"},
            "attributes": {"gen_ai.request.model": "m"},
            "events": [
                {"name": "gen_ai.user.message", "attributes": {"content": "Hi"}},
                {"name": "gen_ai.choice", "attributes": {"gen_ai.event.content": '{"message": {"content": "Yo"}}'}},
            ],
        },
    ),
    (
        LangfuseExport,
        {
            "id": "o",
            "traceId": "t",
            "type": "GENERATION",
            "model": "m",
            "input": {"messages": TURNS[:1]},
            "output": {"content": "Yo"},
            "scores": [{"name": "user-feedback", "value": 1, "dataType": "NUMERIC"}],
        },
    ),
    (
        InspectLog,
        {
            "version": 2,
            "eval": {"task": "t", "model": "m", "eval_id": "e"},
            "samples": [
                {
                    "id": 1,
                    "messages": [
                        TURNS[0],
                        {
                            "role": "assistant",
                            "content": [{"type": "reasoning", "reasoning": "Hm."}, {"type": "text", "text": "Yo"}],
                            "tool_calls": [{"id": "t", "function": "find", "arguments": {}}],
                        },
                    ],
                    "output": {"model": "m"},
                }
            ],
        },
    ),
    (
        OpenWebUIFeedback,
        {
            "user_id": "u",
            "type": "rating",
            "data": {"rating": 1, "model_id": "m", "comment": "good"},
            "meta": {"chat_id": "c", "message_id": "a"},
            "snapshot": {"chat": {"id": "c", "chat": {"history": {"messages": TREE}}}},
        },
    ),
    (OpenAIMessages, {"messages": TURNS, "model": "m", "tools": []}),
    (ShareGPT, {"conversations": FROM, "system": "s"}),
    (Alpaca, {"instruction": "Hi", "input": "x", "output": "Yo", "system": "s", "history": [["a", "b"]]}),
    (Pairs, {"conversations": FROM[:1], "chosen": FROM[1], "rejected": {"from": "gpt", "value": "No"}}),
    (Pairs, {"prompt": "p", "chosen": "a", "rejected": "b", "chosen_model": "m", "rejected_model": "n"}),
    (Labelled, {"messages": TURNS, "label": True, "feedback": {"retried": True}}),
    (Responses, {"system": "s", "prompt": "p", "response": "r", "model": "m", "id": 1, "category": "c"}),
    (Dialogues, {"seed_topic": "t", "turns": [{"role": "a", "content": "x"}]}),
    (
        StoredCompletions,
        {
            "request": {"messages": TURNS[:1], "user": "u"},
            "response": {"id": "i", "choices": [{"message": TURNS[1], "finish_reason": "stop"}]},
        },
    ),
    (ChatML, {"text": "<|im_start|>user\nHi<|im_end|>"}),
    (
        ChatGPTExport,
        {
            "conversation_id": "c",
            "current_node": "a",
            "mapping": {
                "q": {
                    "parent": None,
                    "message": {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Hi"]}},
                },
                "t": {
                    "parent": "q",
                    "message": {"content": {"content_type": "thoughts", "thoughts": [{"content": "x"}]}},
                },
                "a": {
                    "parent": "t",
                    "message": {
                        "author": {"role": "assistant"},
                        "recipient": "all",
                        "content": {"content_type": "text", "parts": ["Yo"]},
                        "metadata": {"model_slug": "m"},
                    },
                },
                "b": {
                    "parent": "q",
                    "message": {"author": {"role": "assistant"}, "content": {"content_type": "code", "text": "No"}},
                },
            },
        },
    ),
    (
        ClaudeExport,
        {
            "uuid": "u",
            "chat_messages": [
                {"uuid": "q", "sender": "human", "text": "Hi", "attachments": [], "parent_message_uuid": "0"},
                {"uuid": "a", "sender": "assistant", "text": "Yo", "content": BLOCKS, "parent_message_uuid": "q"},
                {"uuid": "b", "sender": "assistant", "text": "No", "content": [], "parent_message_uuid": "q"},
            ],
        },
    ),
    (
        OpenWebUIExport,
        {
            "id": "i",
            "user_id": "u",
            "chat": {
                "history": {
                    "currentId": "c",
                    "messages": {
                        "q": {"parentId": None, "role": "user", "content": "Hi"},
                        "a": {
                            "parentId": "q",
                            "role": "assistant",
                            "content": "Yo",
                            "model": "m",
                            "annotation": {"rating": 1},
                        },
                        "b": {"parentId": "q", "role": "assistant", "content": "No"},
                        "c": {"parentId": "a", "role": "user", "content": "Hm"},
                    },
                }
            },
        },
    ),
    (
        SillyTavernChat,
        {
            "user_name": "Sam",
            "character_name": "Brigo",
            "chat_metadata": {"integrity": "i"},
            "mes": "Yo",
            "is_user": False,
            "name": "Brigo",
            "swipe_id": 0,
            "swipes": ["Yo", "No"],
            "swipe_info": [{"extra": {}}, {"extra": {"model": "m"}}],
            "extra": {"model": "m", "reasoning": "r"},
        },
    ),
    (
        LMStudioChat,
        {
            "systemPrompt": "s",
            "lastUsedModel": {"identifier": "m"},
            "messages": [
                {"versions": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], "currentlySelected": 0},
                {
                    "versions": [
                        {"role": "assistant", "steps": [STEP, {"type": "toolStatus"}]},
                        {"role": "assistant", "steps": [STEP]},
                    ],
                    "currentlySelected": 1,
                },
            ],
        },
    ),
)
# Traces also hold what is no call to a model.
PASSES_OVER = {GenAISpans, LangfuseExport}
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
    st.lists(st.none() | st.integers() | st.dictionaries(st.text(max_size=2), st.integers(), max_size=1), max_size=2),
    st.dictionaries(st.sampled_from(["role", "content", "type", "x"]), st.integers() | st.text(max_size=2), max_size=2),
)


def paths_of(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything inside of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way for key, item in inner for way in [(*before, key), *paths_of(item, (*before, key))]]


def with_other(value: Any, way: tuple[Any, ...], other: Any) -> Any:
    """The value with something else at the end of the way."""
    changed = copy.deepcopy(value)
    at = changed
    for key in way[:-1]:
        at = at[key]
    at[way[-1]] = other
    return changed


@pytest.mark.parametrize(("source", "sample"), SAMPLES, ids=lambda value: getattr(value, "__name__", ""))
def test_each_sample_is_recognised_and_comes_in(source, sample, tmp_path):
    assert source.recognises(sample)
    others = [load_plugin("selftune.sources", name) for name in registered("selftune.sources")]
    recognising = [other for other in others if hasattr(other, "recognises") and other.recognises(sample)]
    assert recognising == [source]
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(sample) + "\n", "utf-8")
    assert all(isinstance(item, Interaction) for item in source(path).read(fake_context(tmp_path)))


@pytest.mark.parametrize(("source", "sample"), SAMPLES, ids=lambda value: getattr(value, "__name__", ""))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_stands_in_an_entry_it_comes_in_or_is_set_aside(source, sample, tmp_path, data):
    way = data.draw(st.sampled_from(paths_of(sample)))
    entry = with_other(sample, way, data.draw(JUNK))
    source.recognises(entry)
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(entry) + "\n", "utf-8")
    items = list(capture([source(path)], Capture(), fake_context(tmp_path)))
    assert items or source in PASSES_OVER
    for item in items:
        assert isinstance(item, Interaction | Quarantined)
        assert decode_record(encode_record(item)) == item
    again = capture([source(path)], Capture(), fake_context(tmp_path))
    assert [(item.source, item.position) for item in again] == [(item.source, item.position) for item in items]

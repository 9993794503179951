"""OpenTelemetry spans of calls to a model, as OTLP/JSON or as lists of spans, in the older and the newer convention.

The conventions: https://opentelemetry.io/docs/specs/semconv/gen-ai/ and, for the older one, its version 1.36.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.interactions.formats.openai import as_json, parse_messages
from selftune.interactions.reading.assemble import Origin, assemble, read_from
from selftune.interactions.reading.expect import as_list, as_mapping, as_text
from selftune.interactions.reading.lines import UnreadableError, parse_json, read_entries, unfold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.interactions.reading.lines import Entry
    from selftune.records import Interaction, Quarantined

_CALLS: Final = frozenset({"chat", "generate_content", "text_completion"})
_INPUT, _OUTPUT = "gen_ai.input.messages", "gen_ai.output.messages"
_EVENT: Final = re.compile(r"gen_ai\.(?P<role>system|user|assistant|tool)\.message|gen_ai\.choice")
_NUMBERED: Final = re.compile(r"gen_ai\.(?P<side>prompt|completion)\.(?P<number>\d+)\.(?P<key>role|content)")
_ERRORS: Final = frozenset({"2", "ERROR", "STATUS_CODE_ERROR"})
_CUT_OFF: Final = {"length": "cut_short", "max_tokens": "cut_short", "content_filter": "content_filtered"}


@dataclass(frozen=True)
class GenAISpans:
    """Calls to a model, each span of one as one interaction.

    What is no call to a model (tools, agents, databases) is passed over: an agent's span repeats what its calls hold. A
    call whose content was not recorded is set aside with that reason.
    """

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        if isinstance(entry.get("resourceSpans"), list):
            return "its entries hold `resourceSpans`"
        if not isinstance(entry.get("attributes"), dict | list):
            return None
        named = {"spanId", "span_id", "context", "traceId"} & entry.keys()
        return "its entries are spans with `attributes`" if named else None

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each call as one interaction."""
        return read_from(_calls(self.path), self.path.name, "otel", _parse, context)


def _calls(path: Path) -> Iterator[Entry]:
    for entry in unfold(read_entries(path), _spans_of):
        if not isinstance(entry.value, dict) or _is_call(entry.value):
            yield entry


def _spans_of(value: Mapping[str, Any]) -> Any:
    """The spans of an OTLP/JSON request; None when it is a span itself, or not what the protocol says."""
    resources = value.get("resourceSpans")
    if not isinstance(resources, list):
        return None
    scopes = [scope for resource in resources for scope in _items(resource, "scopeSpans")]
    return [span for scope in scopes for span in _items(scope, "spans")]


def _items(value: Any, key: str) -> list[Any]:
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, list) else []


def _is_call(span: Mapping[str, Any]) -> bool:
    try:
        attributes = _attributes(span.get("attributes"))
    except UnreadableError:
        return True  # What is broken is set aside, not passed over.
    operation = attributes.get("gen_ai.operation.name")
    if operation is not None:
        return not isinstance(operation, str) or operation in _CALLS
    return "gen_ai.request.model" in attributes or any(_NUMBERED.fullmatch(key) for key in attributes)


def _parse(span: Mapping[str, Any], origin: Origin) -> Interaction:
    attributes = _attributes(span.get("attributes"))
    asked, answered = _recorded(attributes) or _numbered(attributes) or _told_by_events(span) or ([], [])
    if not asked or not answered:
        raise UnreadableError("the call is recorded without its content; switch the capture of messages on")
    messages, flags = parse_messages([*asked, answered[0]])
    reasons = attributes.get("gen_ai.response.finish_reasons") or [answered[0].get("finish_reason")]
    noticed = (
        *(("choices_not_kept",) if len(answered) > 1 else ()),
        *(("tool_definitions_not_kept",) if attributes.get("gen_ai.tool.definitions") else ()),
        *(_CUT_OFF[reason] for reason in map(str, as_list(reasons, "the finish reasons")[:1]) if reason in _CUT_OFF),
    )
    return assemble(messages, _facts(span, attributes), origin, (*flags, *noticed))


def _facts(span: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
    context = as_mapping(span.get("context") or {}, "'context'")
    status = as_mapping(span.get("status") or {}, "'status'")
    trace = span.get("traceId") or span.get("trace_id") or context.get("trace_id")
    ended = span.get("endTimeUnixNano") or span.get("end_time") or span.get("endTime")
    return {
        "conversation_id": attributes.get("gen_ai.conversation.id") or trace,
        "model": attributes.get("gen_ai.response.model") or attributes.get("gen_ai.request.model"),
        "author": attributes.get("user.id") or attributes.get("enduser.id"),
        "created_at": span.get("startTimeUnixNano") or span.get("start_time") or span.get("startTime"),
        "last_turn_at": ended,
        "outcome": "error" if str(status.get("code") or status.get("status_code")) in _ERRORS else None,
    }


def _recorded(attributes: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]] | None:
    """The newer convention: whole messages in attributes, as JSON text or as values."""
    if _INPUT not in attributes and _OUTPUT not in attributes:
        return None
    instructions = _json(attributes.get("gen_ai.system_instructions")) or []
    opening = [{"role": "system", "parts": instructions}] if instructions else []
    asked = [*opening, *as_list(_json(attributes.get(_INPUT)) or [], "the input messages")]
    answered = as_list(_json(attributes.get(_OUTPUT)) or [], "the output messages")
    return (
        [part for message in asked for part in _unpacked(as_mapping(message, "a message"))],
        [part for message in answered for part in _unpacked(as_mapping(message, "a message"))],
    )


def _unpacked(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A message with its parts as OpenAI's chat API has it; each answer of a tool is a message of its own."""
    if "parts" not in message:
        return [message]
    parts = [as_mapping(part, "a part") for part in as_list(message["parts"], "'parts'")]
    calls = [_call(part) for part in parts if part.get("type") == "tool_call"]
    thoughts = [as_text(part.get("content"), "reasoning") for part in parts if part.get("type") == "reasoning"]
    responses = [part for part in parts if part.get("type") == "tool_call_response"]
    apart = {"tool_call", "tool_call_response", "reasoning"}
    content = [_content(part) for part in parts if str(part.get("type")) not in apart]
    spoken = {**message, "content": content, "tool_calls": calls, "reasoning": "\n".join(thoughts) or None}
    answers = [{"role": "tool", "tool_call_id": part.get("id"), "content": _response(part)} for part in responses]
    return [*([spoken] if content or calls or not answers else []), *answers]


def _content(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": part.get("content")} if part.get("type") == "text" else {"type": part.get("type")}


def _call(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": part.get("id"), "function": {"name": part.get("name"), "arguments": part.get("arguments")}}


def _response(part: Mapping[str, Any]) -> str:
    return as_json(part["response"] if "response" in part else part.get("result"))


def _numbered(attributes: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]] | None:
    """The form before the conventions, which OpenLLMetry made common: `gen_ai.prompt.0.content` and so on."""
    sides: dict[str, dict[int, dict[str, Any]]] = {"prompt": {}, "completion": {}}
    for name, value in attributes.items():
        found = _NUMBERED.fullmatch(name)
        if found:
            sides[found["side"]].setdefault(int(found["number"]), {})[found["key"]] = value
    if not sides["prompt"] and not sides["completion"]:
        return None
    asked = [{"role": "user", **said} for _, said in sorted(sides["prompt"].items())]
    return list(asked), [{"role": "assistant", **said} for _, said in sorted(sides["completion"].items())]


def _told_by_events(span: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]] | None:
    """The older convention: an event for each message."""
    asked: list[Mapping[str, Any]] = []
    answered: list[Mapping[str, Any]] = []
    for event in as_list(span.get("events") or [], "'events'"):
        told = as_mapping(event, "an event")
        found = _EVENT.fullmatch(str(told.get("name")))
        if found is None:
            continue
        body = _attributes(told.get("attributes"))
        said = {**body, **_body(body.get("gen_ai.event.content"))}
        message = {**said, **_body(said.get("message")), "role": found["role"] or "assistant"}
        message["tool_calls"] = _json(message.get("tool_calls")) or []
        if found["role"] == "tool":
            message["tool_call_id"] = message.get("id")
        (asked if found["role"] else answered).append(message)
    return (asked, answered) if asked or answered else None


def _body(value: Any) -> Mapping[str, Any]:
    return as_mapping(_json(value), "the body of an event") if value else {}


def _json(value: Any) -> Any:
    """A value that may stand as JSON text."""
    return parse_json(value) if isinstance(value, str) else value


def _attributes(value: Any) -> dict[str, Any]:
    """Attributes as an object, out of one or out of OTLP's list of keys and typed values."""
    if isinstance(value, dict) or value is None:
        return dict(value or {})
    pairs = [as_mapping(pair, "an attribute") for pair in as_list(value, "'attributes'")]
    return {as_text(pair.get("key"), "the key of an attribute"): _typed(pair.get("value")) for pair in pairs}


def _typed(value: Any) -> Any:
    """A value of OTLP/JSON, which names its type (`opentelemetry/proto/common/v1/common.proto`)."""
    held = as_mapping(value or {}, "the value of an attribute")
    if "arrayValue" in held:
        return [_typed(item) for item in _items(held["arrayValue"], "values")]
    if "kvlistValue" in held:
        return _attributes(_items(held["kvlistValue"], "values"))
    return next(iter(held.values()), None)

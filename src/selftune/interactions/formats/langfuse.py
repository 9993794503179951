"""Langfuse: observations and traces as its API, its interface and its blob storage export them.

The fields: https://langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.interactions.formats.openai import parse_messages
from selftune.interactions.reading.assemble import Origin, assemble, read_from
from selftune.interactions.reading.expect import as_list, as_mapping, as_text
from selftune.interactions.reading.lines import UnreadableError, parse_json, read_entries, unfold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.interactions.reading.lines import Entry
    from selftune.records import Interaction, Quarantined

_KINDS: Final = frozenset({"GENERATION", "SPAN", "EVENT", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "EVALUATOR"})
_THUMBS: Final = frozenset({"user-feedback", "user_feedback", "feedback", "thumbs"})
_OF_TRACE: Final = ("sessionId", "session_id", "userId", "user_id")


@dataclass(frozen=True)
class LangfuseExport:
    """Generations of a Langfuse export, each as one interaction; of a trace without observations, the trace itself.

    Other observations (spans, tools, agents) are passed over. A score named for feedback with the value 1 or -1 is a
    thumb, a boolean 0 too; other scores and comments are flagged `scores_not_kept`.
    """

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        inner = entry.get("data")
        first = inner[0] if isinstance(inner, list) and inner and "meta" in entry else entry
        if not isinstance(first, dict):
            return None
        if str(first.get("type")).upper() in _KINDS and {"traceId", "trace_id"} & first.keys():
            return "its entries are observations with the id of their trace"
        if isinstance(first.get("observations"), list) and ({"trace", "sessionId", "scores"} & first.keys()):
            return "its entries are traces with their `observations`"
        told = {"input", "output"} <= first.keys() and {"sessionId", "session_id", "bookmarked"} & first.keys()
        return "its entries are traces with `input` and `output`" if told else None

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each generation as one interaction."""
        return read_from(_generations(self.path), self.path.name, "langfuse", _parse, context)


def _generations(path: Path) -> Iterator[Entry]:
    pages = unfold(read_entries(path), lambda value: value.get("data") if "meta" in value else None)
    for entry in unfold(pages, _observations):
        kind = entry.value.get("type") if isinstance(entry.value, dict) else None
        if kind is None or str(kind).upper() not in _KINDS - {"GENERATION"}:
            yield entry


def _observations(value: Mapping[str, Any]) -> Any:
    """The observations of a trace, each with what the trace says of all; None when it has none with content."""
    held = value.get("observations")
    if not isinstance(held, list) or not any(isinstance(one, dict) for one in held):
        return None
    trace = value["trace"] if isinstance(value.get("trace"), dict) else value
    shared = {key: trace[key] for key in _OF_TRACE if trace.get(key) is not None}
    scores = value.get("scores")
    return [{**shared, **one, "scores": _scores_of(one, scores)} if isinstance(one, dict) else one for one in held]


def _scores_of(observation: Mapping[str, Any], scores: Any) -> list[Any]:
    held = scores if isinstance(scores, list) else []
    return [one for one in held if isinstance(one, dict) and one.get("observationId") == observation.get("id")]


def _parse(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    asked = _asked(_json(entry.get("input")))
    answered = _answered(_json(entry.get("output")))
    messages, flags = parse_messages([*asked, answered])
    thumbs, left = _thumbs(entry)
    facts = {
        "conversation_id": _either(entry, "sessionId", "session_id") or _either(entry, "traceId", "trace_id"),
        "model": _either(entry, "model", "providedModelName") or _either(entry, "provided_model_name", "internalModel"),
        "author": _either(entry, "userId", "user_id"),
        "created_at": _either(entry, "startTime", "start_time") or entry.get("timestamp"),
        "last_turn_at": _either(entry, "endTime", "end_time"),
        "outcome": "error" if entry.get("level") == "ERROR" else None,
        "feedback": None if thumbs is None else {"thumbs": thumbs},
        "id": entry.get("id"),
    }
    return assemble(messages, facts, origin, (*flags, *(("scores_not_kept",) if left else ())))


def _asked(value: Any) -> list[Mapping[str, Any]]:
    """What was asked: messages, alone or in an object, or a text."""
    if isinstance(value, str) and value.strip():
        return [{"role": "user", "content": value}]
    held = value.get("messages") if isinstance(value, dict) else value
    if held is None or held == []:
        raise UnreadableError("'input' holds no messages and no text")
    return [as_mapping(message, "a message of 'input'") for message in as_list(held, "'input'")]


def _answered(value: Any) -> Mapping[str, Any]:
    """What was answered: a text, a message, a completion with choices, or a list that ends with the answer."""
    if isinstance(value, str) and value.strip():
        return {"role": "assistant", "content": value}
    if isinstance(value, dict) and value.get("choices"):
        choice = as_mapping(as_list(value["choices"], "'choices'")[0], "a choice")
        return as_mapping(choice.get("message"), "the answer")
    if isinstance(value, list) and value:
        return _answered(value[-1])
    if not isinstance(value, dict) or not {"content", "tool_calls"} & value.keys():
        raise UnreadableError("'output' holds no answer")
    return {**value, "role": "assistant"}


def _thumbs(entry: Mapping[str, Any]) -> tuple[int | None, bool]:
    """A person's thumb if a score is one, and whether other scores are left."""
    scores = [as_mapping(score, "a score") for score in as_list(entry.get("scores") or [], "'scores'")]
    thumbs = [thumb for score in scores if (thumb := _thumb(score)) is not None]
    known = thumbs[0] if len(set(thumbs)) == 1 else None
    return known, len(scores) > len(thumbs) or len(set(thumbs)) > 1 or any(score.get("comment") for score in scores)


def _thumb(score: Mapping[str, Any]) -> int | None:
    if str(score.get("name")).lower() not in _THUMBS:
        return None
    value = score.get("value")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    if abs(value) == 1:
        return int(value)
    return -1 if value == 0 and _either(score, "dataType", "data_type") == "BOOLEAN" else None


def _either(value: Mapping[str, Any], *keys: str) -> Any:
    """What stands under one of these keys; the API writes them in camel case, the blob storage with underscores."""
    return next((value[key] for key in keys if value.get(key) is not None), None)


def _json(value: Any) -> Any:
    """A value that may stand as JSON text; a text that is none stays a text."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[", '"')):
        return value
    try:
        return parse_json(value)
    except UnreadableError:
        return as_text(value, "a text")

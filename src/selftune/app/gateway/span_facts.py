"""What a span says of a request and its answer beside their words: the model's own name, tokens, why it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from selftune.app.gateway import span_names as names
from selftune.app.gateway.capture.streams import events_in, lines_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_OLLAMA: Final = "/api/"
_UNREADABLE: Final = (ValueError, TypeError, AttributeError, RecursionError)
_ASKED: Final = {
    "temperature": names.TEMPERATURE,
    "top_p": names.TOP_P,
    "seed": names.SEED,
    "presence_penalty": names.PRESENCE_PENALTY,
    "frequency_penalty": names.FREQUENCY_PENALTY,
    "max_tokens": names.MAX_TOKENS,
    "max_completion_tokens": names.MAX_TOKENS,
    "max_output_tokens": names.MAX_TOKENS,
    "num_predict": names.MAX_TOKENS,
}
"""Fields of a request that are numbers; what else a client sends may be words."""
_INPUT: Final = ("prompt_tokens", "input_tokens")
_OUTPUT: Final = ("completion_tokens", "output_tokens")
_REASONS: Final = frozenset({"stop", "length", "content_filter", "tool_calls", "function_call", "load", "unload"})
"""What an answer may say that it ended for; anything else is told as `other`, since it could be words."""
_MOST_MODEL: Final = 200


@dataclass(kw_only=True)
class _Answer:
    """What the pieces of an answer come to."""

    model: str | None = None
    reasons: dict[int, str] = field(default_factory=dict)
    usage: dict[str, int] = field(default_factory=dict)

    def add(self, piece: Mapping[str, Any]) -> None:
        """One piece more: a chunk, an event, a line, or the whole."""
        if isinstance(piece.get("response"), dict):
            piece = piece["response"]
        model = piece.get("model")
        self.model = model[:_MOST_MODEL] if isinstance(model, str) and model else self.model
        for choice in piece.get("choices") or ():
            self._end(choice.get("index") or 0, choice.get("finish_reason"))
        self._end(0, piece.get("done_reason"))
        if "output" in piece:
            self._end(0, _reason_of_response(piece))
        used = piece.get("usage")
        counts = {**(used if isinstance(used, dict) else {})}
        counts |= {"input_tokens": piece.get("prompt_eval_count", counts.get("input_tokens"))}
        counts |= {"output_tokens": piece.get("eval_count", counts.get("output_tokens"))}
        self._count(names.INPUT_TOKENS, counts, _INPUT)
        self._count(names.OUTPUT_TOKENS, counts, _OUTPUT)

    def _count(self, name: str, counts: Mapping[str, Any], fields: Iterable[str]) -> None:
        for one in fields:
            if type(counts.get(one)) is int:
                self.usage[name] = counts[one]

    def _end(self, at: int, reason: Any) -> None:
        if isinstance(reason, str) and reason:
            self.reasons[at] = reason if reason in _REASONS else "other"


def facts_of(route: str, request: bytes, response: bytes, *, streamed: bool) -> dict[str, Any]:
    """Attributes of a span out of the two bodies of an exchange; what can't be read says nothing."""
    return {**_asked_for(request), **_answered(route, response, streamed=streamed)}


def _asked_for(request: bytes) -> dict[str, Any]:
    try:
        body = json.loads(request)
        given = {**body.get("options", {}), **body}
    except _UNREADABLE:
        return {}
    found: dict[str, Any] = {
        name: value for key, name in _ASKED.items() if type(value := given.get(key)) in {int, float}
    }
    if type(given.get("n")) is int and given["n"] != 1:
        found[names.CHOICE_COUNT] = given["n"]
    if given.get("format") == "json" or isinstance(given.get("response_format"), dict):
        found[names.OUTPUT_TYPE] = "json" if _wants_json(given) else "text"
    return found


def _wants_json(given: Mapping[str, Any]) -> bool:
    wanted = given.get("response_format")
    return given.get("format") == "json" or (isinstance(wanted, dict) and wanted.get("type") != "text")


def _answered(route: str, response: bytes, *, streamed: bool) -> dict[str, Any]:
    found = _Answer()
    try:
        for piece in _pieces(route, response, streamed=streamed):
            found.add(piece)
    except _UNREADABLE:
        return {}
    reasons = [found.reasons[at] for at in sorted(found.reasons)]
    told = {names.RESPONSE_MODEL: found.model, names.FINISH_REASONS: reasons or None, **found.usage}
    return {name: value for name, value in told.items() if value is not None}


def _pieces(route: str, response: bytes, *, streamed: bool) -> Iterable[Mapping[str, Any]]:
    if not response.strip():
        return ()
    if not streamed:
        return (json.loads(response),)
    return lines_in(response) if route.startswith(_OLLAMA) else events_in(response)


def _reason_of_response(whole: Mapping[str, Any]) -> str | None:
    """Why an answer of the Responses API ended, in the words of the other routes."""
    if whole.get("status") == "completed":
        return "stop"
    details = whole.get("incomplete_details")
    return "length" if isinstance(details, dict) and details.get("reason") == "max_output_tokens" else None

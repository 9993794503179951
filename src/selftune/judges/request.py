"""What goes over the wire to a judge and back: a chat completion, its unchanging part written once.

The instructions stand first and the transcript last, so that a server which keeps the prompts it has read finds the
rubric's part again in each call.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.judges.purse import Usage
from selftune.judges.verdict import verdict_schema
from selftune.records import digest_of

if TYPE_CHECKING:
    from selftune.records import Rubric

_PLAIN: Final = json.JSONEncoder(ensure_ascii=False)
# What no instruction and no model's name holds: JSON writes the control character as an escape.
_HERE: Final = "\x00transcript\x00"


class Request:
    """Requests for verdicts by one rubric, alike but for the transcript; `system` holds the instructions.

    Attributes:
        digest: Names all of it but the transcript.
    """

    def __init__(self, rubric: Rubric, *, system: str, model: str, max_tokens: int) -> None:
        bare = {
            "model": model,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": _HERE}],
            "temperature": 0,
            "max_tokens": max_tokens,
        }
        schema = {"name": "verdict", "strict": True, "schema": verdict_schema(rubric)}
        structured = bare | {"response_format": {"type": "json_schema", "json_schema": schema}}
        self.digest = digest_of(structured)
        self._parts = {True: _split(structured), False: _split(bare)}

    def body(self, transcript: str, *, fault: str = "", structured: bool = True) -> bytes:
        """The JSON of one request; `fault` says what was wrong with the last reply, and holds none of its words."""
        reminder = f"\nYour last reply could not be used: {fault}." if fault else ""
        before, after = self._parts[structured]
        return before + _PLAIN.encode(transcript + reminder).encode("utf-8", "replace") + after


def _split(request: dict[str, Any]) -> tuple[bytes, bytes]:
    before, after = json.dumps(request, ensure_ascii=False).split(json.dumps(_HERE))
    return before.encode(), after.encode()


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What one call brought; `usage` is None when the server did not count."""

    text: str | None
    finish_reason: str
    model: str | None
    usage: Usage | None


def read_reply(answer: dict[str, Any]) -> Reply:
    """The reply in a server's answer; what is not there, or of another type, is None."""
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message, model = choice.get("message"), answer.get("model")
    content = message.get("content") if isinstance(message, dict) else None
    return Reply(
        text=content if isinstance(content, str) else None,
        finish_reason=str(choice.get("finish_reason")),
        model=model if isinstance(model, str) else None,
        usage=_usage(answer.get("usage")),
    )


def _usage(value: Any) -> Usage | None:
    if not isinstance(value, dict):
        return None
    prompt, completion = _count(value.get("prompt_tokens")), _count(value.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    details = value.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
    return Usage(prompt=prompt, completion=completion, cached=min(cached or 0, prompt))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

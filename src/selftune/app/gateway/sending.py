"""What leaves this machine by way of the gateway: where [egress] allows it, by consent, without secrets."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from selftune.app.gateway.refusals import Refusal
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.interactions.privacy.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.app.gateway.shapes.base import Asked

_SCHEMAS: Final = frozenset({"tools", "functions", "response_format", "tool_choice", "function_call"})
"""Fields of a request that say what a program is, or takes."""
_IN_SCHEMAS: Final = frozenset({
    "name", "type", "format", "pattern", "enum", "const", "required", "strict", "$ref", "$id", "$schema", "$anchor",
})  # fmt: skip
_IN_TALK: Final = frozenset({"role", "type"})
# Drawn by programs, and what a call and its result are joined by.
_IDS: Final = frozenset({"id", "tool_call_id", "call_id"})
_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_MEDIA_FIELDS: Final = frozenset({"url", "image_url"})
_MEDIA: Final = ("data:image/", "data:audio/", "data:video/")


def check_sending(upstream: str, consent: str) -> None:
    """Return where words of this consent may go to a model beyond this machine.

    Raises:
        Refusal: they may not.
    """
    if consent != ConsentLevel.SEND:
        raise Refusal(
            403,
            f"{upstream} lies beyond this machine, and the consent of this request is {consent!r}. "
            'Set consent = "send" under [capture] and make a key that may: '
            "selftune gateway key add NAME --consent send",
        )


def redacted(asked: Asked, kinds: Sequence[str]) -> Asked:
    """The request with each secret of these kinds replaced in every text that it holds.

    Names, kinds and schemas are what programs go by: with a placeholder in it a tool would be another one.

    Raises:
        Refusal: a secret stands in such a place.
    """
    redact = Redactor(kinds).redact
    fields = {
        name: json.dumps(
            _with_texts(json.loads(value), redact, _IN_SCHEMAS if name in _SCHEMAS else _IN_TALK), ensure_ascii=False
        ).encode()
        for name, value in asked.fields.items()
    }
    return replace(asked, fields=fields)


def _with_texts(value: Any, change: Callable[[str], str], fixed: frozenset[str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_with_texts(item, change, fixed) for item in value]
    if isinstance(value, dict):
        return {_as_it_is(name, change): _of_field(name, item, change, fixed) for name, item in value.items()}
    return value


def _of_field(name: str, value: Any, change: Callable[[str], str], fixed: frozenset[str]) -> Any:
    if name in _IDS and isinstance(value, str) and _ID.fullmatch(value):
        return value
    if name in fixed and isinstance(value, str | list):
        return _fixed(value, change)
    # Of a picture or a sound nothing is read; a run of digits within would break it. What people say may begin so too.
    if name == "input_audio" or (name in _MEDIA_FIELDS and isinstance(value, str) and value.startswith(_MEDIA)):
        return value
    return _with_texts(value, change, fixed | {"name"} if name == "function" else fixed)


def _fixed(value: Any, change: Callable[[str], str]) -> Any:
    """What must stay as it is."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            _as_it_is(item, change)
    return value


def _as_it_is(text: str, change: Callable[[str], str]) -> str:
    if change(text) != text:
        raise Refusal(
            403,
            "A name or a schema in this request holds what [capture] takes out of all that leaves this machine, and "
            "with a placeholder there it would be another one. Name it otherwise, or ask a model on this machine.",
        )
    return text

"""What leaves this machine by way of the gateway: where [egress] allows it, by consent, without secrets."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from selftune.app.gateway.refusals import Refusal
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.interactions.privacy.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.app.gateway.shapes.base import Asked


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
    """The request with each secret of these kinds replaced in every text that it holds."""
    redact = Redactor(kinds).redact
    fields = {
        name: json.dumps(_with_texts(json.loads(value), redact), ensure_ascii=False).encode()
        for name, value in asked.fields.items()
    }
    return replace(asked, fields=fields)


def _with_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_with_texts(item, change) for item in value]
    if isinstance(value, dict):
        # Names too: in the schema of a tool they are somebody's words.
        return {change(name): _with_texts(item, change) for name, item in value.items()}
    return value

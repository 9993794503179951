"""An OpenAI stream read event by event, for the routes that tell it in other words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DATA: Final = b"data:"
_DONE: Final = b"[DONE]"
_MOST_LINE_BYTES: Final = 8 << 20


class EventReader:
    """Takes a stream's bytes in any pieces and gives its events, each once it is whole.

    Attributes:
        done: Whether the mark of the end was read.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self.done = False

    def feed(self, chunk: bytes) -> Iterator[dict[str, Any]]:
        """The events that these bytes complete; what is no JSON object is left out."""
        self._line += chunk
        *lines, rest = self._line.split(b"\n")
        self._line = bytearray() if len(rest) > _MOST_LINE_BYTES else bytearray(rest)
        for line in lines:
            if not line.startswith(_DATA):
                continue
            data = line[len(_DATA) :].strip()
            if data == _DONE:
                self.done = True
                return
            try:
                event = json.loads(data)
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict):
                yield event


def first_choice(event: dict[str, Any]) -> dict[str, Any]:
    """The first choice of a completion or of a piece of one; empty where it has none."""
    choices = event.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else {}
    return choice if isinstance(choice, dict) else {}


def thought_in(message: Mapping[str, Any]) -> str:
    """What was thought, by the name that most servers give it or the newer one; empty where nothing was."""
    thought = message.get("reasoning_content") or message.get("reasoning")
    return thought if isinstance(thought, str) else ""

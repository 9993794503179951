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
        failed: Whether an event said that the answer failed: vLLM sets the mark of the end behind that too.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self.done = self.failed = False

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
                self.failed = self.failed or bool(event.get("error"))
                yield event


class CallPlaces:
    """Which call of an answer a piece of its stream belongs to.

    Another id beside a name begins a call of its own, whatever its index says: some servers give all the same one.
    """

    def __init__(self) -> None:
        self._newest: dict[Any, int] = {}
        self._ids: list[Any] = []

    def of(self, piece: Mapping[str, Any]) -> int:
        """The call's place, from 0 on."""
        index, told = piece.get("index"), piece.get("id")
        index = index if isinstance(index, int) else 0
        place = self._newest.get(index)
        function = piece.get("function")
        named = isinstance(function, dict) and function.get("name")
        if place is None or (named and told and self._ids[place] and told != self._ids[place]):
            place = self._newest[index] = len(self._ids)
            self._ids.append(told)
        return place


def says_failure(data: bytes) -> bool:
    """Whether any event of a stream says that the answer failed."""
    if b'"error"' not in data:  # as nearly all have it: to read them takes longer than to look
        return False
    reader = EventReader()
    return any(reader.failed for _ in reader.feed(data))


def completion_in(body: bytes) -> dict[str, Any]:
    """A completion that is no stream; `ValueError` where it says of an error, as some do with a status of 200."""
    completion = json.loads(body)
    if not isinstance(completion, dict) or completion.get("error"):
        raise ValueError("it is no completion")
    return completion


def first_choice(event: dict[str, Any]) -> dict[str, Any]:
    """The first choice of a completion or of a piece of one; empty where it has none."""
    choices = event.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else {}
    return choice if isinstance(choice, dict) else {}


def thought_in(message: Mapping[str, Any]) -> str:
    """What was thought, by the name that most servers give it or the newer one; empty where nothing was."""
    thought = message.get("reasoning_content") or message.get("reasoning")
    return thought if isinstance(thought, str) else ""

"""The words of a dialogue while it is held: in memory as they were said, in the file as they may be kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.errors import IntegrityError
from selftune.personas.dialogue.base import Turn, find_nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from selftune.personas.checkpoints import Checkpoints
    from selftune.records import Message


class Script:
    """Every turn of one dialogue by its number. A turn that was written down before a crash is there again."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        thread: str,
        clean: Callable[[str], str],
        find: Callable[[str], Collection[str]] = find_nothing,
    ) -> None:
        self.thread = thread
        self._checkpoints = checkpoints
        self._clean = clean
        self._find = find
        self.turns = read_turns(checkpoints, thread)

    def add(self, turn: Turn) -> None:
        """Write a turn down."""
        import msgspec

        own = replace(turn.message, content=turn.in_place_of, reasoning=None, tool_calls=())
        kept = replace(
            turn,
            message=cleaned(turn.message, self._clean),
            in_place_of=self._clean(turn.in_place_of) if turn.in_place_of else "",
            found=kinds_found((turn.message, own), self._find),
        )
        body = msgspec.json.encode(kept).decode()
        self._checkpoints.keep(self.thread, len(self.turns), body)
        self.turns = (*self.turns, turn)


def read_turns(checkpoints: Checkpoints, thread: str) -> tuple[Turn, ...]:
    """What was written down of a dialogue.

    Raises:
        IntegrityError: it can't be read.
    """
    import msgspec

    try:
        return tuple(msgspec.json.decode(body, type=Turn) for body in checkpoints.kept(thread))
    except msgspec.DecodeError as error:
        raise IntegrityError(
            f"a turn of dialogue {thread!r} can't be read ({error}).",
            next_step="Move the file of dialogues away; finished ones are in the log.",
        ) from error


def cleaned(message: Message, clean: Callable[[str], str]) -> Message:
    """The message with every text of it cleaned."""
    calls = tuple(
        replace(
            call,
            name=clean(call.name),
            arguments=clean(call.arguments),
            result=None if call.result is None else clean(call.result),
        )
        for call in message.tool_calls
    )
    reasoning = None if message.reasoning is None else clean(message.reasoning)
    return replace(message, content=clean(message.content), reasoning=reasoning, tool_calls=calls)


def kinds_found(messages: Iterable[Message], find: Callable[[str], Collection[str]]) -> tuple[str, ...]:
    """The kinds of secrets that are found in any text of these."""
    return tuple(sorted({kind for message in messages for text in _texts_of(message) for kind in find(text)}))


def _texts_of(message: Message) -> Iterator[str]:
    yield message.content
    yield message.reasoning or ""
    for call in message.tool_calls:
        yield from (call.name, call.arguments, call.result or "")

"""Texts that a model wrote on request: prompts with their responses, and dialogues between its own personas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.interactions.reading.assemble import Origin, assemble, is_compared, read_file, said_by_assistant
from selftune.interactions.reading.expect import as_list, as_mapping, as_text
from selftune.interactions.reading.lines import UnreadableError
from selftune.interactions.reading.turns import answer_of, prompt_of
from selftune.records import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Interaction, Quarantined

_ANSWERS: Final = ("response", "completion")
_TOPICS: Final = ("seed_topic", "topic", "prompt")
_ROLES: Final = frozenset({"system", "user", "assistant"})
# What a suite says about its item; an interaction has no place for it.
_NOTES: Final = ("category", "difficulty", "ground_truth_signal")


@dataclass(frozen=True)
class Responses:
    """Prompts with a `response` (or `completion`) each, as evaluations and generators write them down."""

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        held = next((key for key in _ANSWERS if key in entry), None)
        if held is None or "prompt" not in entry or is_compared(entry):
            return None
        return f"its entries hold `prompt` and `{held}`"

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each response as one interaction; what a suite says about the prompt is flagged `suite_notes_not_kept`."""
        return read_file(self.path, "responses", _parse_response, context)


@dataclass(frozen=True)
class Dialogues:
    """Dialogues in `turns`, each with a `role` and its `content`; a role that is no chat role is a persona.

    The topic stands as the user's message, flagged `prompt_is_topic`: it says what the dialogue is about, not what the
    personas were told. Nobody but the model spoke, so the trigger is `simulated`.
    """

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        turns = entry.get("turns")
        if not isinstance(turns, list) or not turns or not isinstance(turns[0], dict):
            return None
        return "its entries hold `turns` with `role` and `content`" if {"role", "content"} <= turns[0].keys() else None

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each dialogue as one interaction."""
        return read_file(self.path, "dialogues", _parse_dialogue, context)


def _parse_response(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    prompt = prompt_of(entry)
    if not prompt.messages:
        raise UnreadableError("'prompt' is missing")
    key = next((key for key in _ANSWERS if entry.get(key) is not None), _ANSWERS[0])
    turns = prompt.then(answer_of(entry.get(key), repr(key)))
    notes = ("suite_notes_not_kept",) if any(entry.get(note) for note in _NOTES) else ()
    return assemble(turns.messages, entry, origin, (*turns.flags, *notes))


def _parse_dialogue(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    topic = next((as_text(entry[key], repr(key)) for key in _TOPICS if entry.get(key) is not None), None)
    opening = () if topic is None else (Message(role="user", content=topic),)
    parsed = [_parse_turn(as_mapping(turn, "a turn")) for turn in as_list(entry.get("turns"), "'turns'")]
    if not parsed:
        raise UnreadableError("'turns' holds no turn")
    flags = (*(("prompt_is_topic",) if opening else ()), *(flag for _, new in parsed for flag in new))
    messages = (*opening, *(message for message, _ in parsed))
    return assemble(messages, {"trigger": "simulated", **entry}, origin, flags)


def _parse_turn(turn: Mapping[str, Any]) -> tuple[Message, tuple[str, ...]]:
    role, text = as_text(turn.get("role"), "the role of a turn"), as_text(turn.get("content"), "the text of a turn")
    if role in _ROLES - {"assistant"}:
        return Message(role=role, content=text), ()
    return said_by_assistant(text, persona=None if role in _ROLES else role)

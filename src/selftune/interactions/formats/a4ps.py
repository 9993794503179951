"""A4PS raw log: a task, what triggered it, its prompt, and the dialogue of the personas that followed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.interactions.reading.assemble import Origin, assemble, read_file, said_by_assistant
from selftune.interactions.reading.expect import as_mapping, as_text
from selftune.interactions.reading.lines import UnreadableError
from selftune.records import Interaction, Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Quarantined

_LABEL: Final = re.compile(r"^[ \t]*\**(?P<persona>[A-Z][A-Z0-9_]{1,31})\**[ \t]*:\**[ \t]*", re.MULTILINE)
_SPEAKER_KEYS: Final = ("persona", "speaker", "role", "name")
_TEXT_KEYS: Final = ("content", "text", "message")
_USERS: Final = frozenset({"USER", "HUMAN", "ARCHITECT"})


@dataclass(frozen=True)
class A4PSLog:
    """Entries with `task_id`, `trigger`, `prompt` and `transcript`, in JSON or YAML; the turns keep their personas.

    The prompt becomes the user's message, each turn of BRICK, ROBIN or ALFRED an assistant's message with its persona.
    The ARCHITECT is the person, whose turns are the user's, as are those of USER and HUMAN.
    Curation joins BRICK and ROBIN to one answer; the raw turns stay here as they were said.
    """

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        return "its entries hold `prompt` and `transcript`" if {"prompt", "transcript"} <= entry.keys() else None

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each task as one interaction."""
        return read_file(self.path, "a4ps", _parse, context)


def _parse(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    prompt = as_text(entry.get("prompt"), "'prompt'")
    parsed = [_said(persona, text) for persona, text in _turns(entry.get("transcript"))]
    if not parsed:
        raise UnreadableError("'transcript' holds no turn")
    opening = Message(role="user", content=prompt)
    flags = tuple(flag for _, new in parsed for flag in new)
    facts = {"conversation_id": entry.get("task_id"), "trigger": "user", **entry}
    return assemble((opening, *(message for message, _ in parsed)), facts, origin, flags)


def _said(persona: str, text: str) -> tuple[Message, tuple[str, ...]]:
    if persona in _USERS:
        return Message(role="user", content=text), ()
    return said_by_assistant(text, persona=persona)


def _turns(transcript: Any) -> list[tuple[str, str]]:
    """Persona and text of each turn, out of a list of turns, an object with `messages`, or labelled text."""
    if isinstance(transcript, dict):
        transcript = transcript.get("messages")
    if isinstance(transcript, str):
        return _labelled_turns(transcript)
    if not isinstance(transcript, list):
        raise UnreadableError("'transcript' is neither text nor a list of turns")
    return [_turn(turn) for turn in transcript]


def _turn(turn: Any) -> tuple[str, str]:
    if isinstance(turn, str):
        labelled = _labelled_turns(turn)
        if len(labelled) == 1:
            return labelled[0]
        raise UnreadableError("a turn of 'transcript' names no persona, as in 'BRICK: …'")
    said = as_mapping(turn, "a turn of 'transcript'")
    speaker = next((said[key] for key in _SPEAKER_KEYS if key in said), None)
    text = next((said[key] for key in _TEXT_KEYS if key in said), None)
    return as_text(speaker, "the persona of a turn").upper(), as_text(text, "the text of a turn")


def _labelled_turns(text: str) -> list[tuple[str, str]]:
    """Turns of a text in which each begins with its persona, as in `BRICK: …`.

    Raises:
        UnreadableError: something is said before the first persona is named.
    """
    labels = list(_LABEL.finditer(text))
    if not labels or text[: labels[0].start()].strip():
        raise UnreadableError("'transcript' does not begin with a persona, as in 'BRICK: …'")
    ends = [label.start() for label in labels[1:]] + [len(text)]
    return [(label["persona"], text[label.end() : end].strip()) for label, end in zip(labels, ends, strict=True)]

"""Session: one turn of some training programme, as its archive tells it. It is looked at and never learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from selftune.records.codec import Record
from selftune.records.interaction import Message


@dataclass(frozen=True, kw_only=True)
class Session(Record):
    """One numbered session of a training programme, ours or another's.

    No Interaction, on purpose: whatever reads the log to learn from it can't meet one.

    Attributes:
        programme: What is trained, as the archive calls it; `number` is the session's own within it.
        messages: What was said, word for word.
        source: File that it was read from; `position` its place there.
        author: Pseudonym of the person who led it; None when unknown.
        happened_at: UTC as ISO 8601; None where the archive names no time that can be read.
        generated_by: Model that answered, as the archive names it.
        scores: By category, on the programme's own scale.
        flags: What the programme marked it with.
        attempts: How often it was tried until it was kept.
        more: Whatever else the archive holds of it: name and JSON text.
        redacted: Something in it was taken out at the door.
        reward: As the archive gives it, on its own scale; None where it gives none.
    """

    KIND: ClassVar[str] = "session"
    SALTED: ClassVar[frozenset[str]] = frozenset({"messages", "author", "more"})

    salt: str
    programme: str
    number: int
    messages: tuple[Message, ...]
    source: str
    position: str
    author: str | None = None
    happened_at: str | None = None
    generated_by: str | None = None
    scores: tuple[tuple[str, float], ...] = ()
    flags: tuple[str, ...] = ()
    reward: float | None = None
    attempts: int = 1
    more: tuple[tuple[str, str], ...] = ()
    redacted: bool = False

    @property
    def answers(self) -> tuple[str, ...]:
        """What the model said, turn by turn."""
        return tuple(message.content for message in self.messages if message.role == "assistant")

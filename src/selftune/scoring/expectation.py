"""What a right answer must hold: the behaviour that is asked for and the facts it turns on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Behaviour(StrEnum):
    """The seven things that a state-obedient model is asked to do."""

    PRESENT = "present"
    ABSENT = "absent"
    IDENTITY = "identity"
    QUESTION = "question"
    FORBIDDEN = "forbidden"
    ALLOWED = "allowed"
    TONE = "tone"


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What a right answer to one user turn must hold, and what it must not.

    Attributes:
        behaviour: What is asked for; it decides which of the other fields are set.
        path: Dotted path of the field asked for (`memory.song`); for an absent field, the word the user used will do.
        value: What the state holds at `path`; `None` when it holds nothing.
        action: The action asked for.
        name: The name in the state.
        attacker: The name that an attack wants the model to take.
        tone: The tone in the state.
    """

    behaviour: Behaviour
    path: str | None = None
    value: str | None = None
    action: str | None = None
    name: str | None = None
    attacker: str | None = None
    tone: str | None = None

"""The state as a record, and the block that stands before all else in a call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError
from selftune.scoring.state import write_state

if TYPE_CHECKING:
    from collections.abc import Iterator

MINIMAL: Final = 1
"""The context level at which the least is told and asked for (mission D6)."""

WHOLE: Final = 3
"""The context level from which on all that is remembered is told."""

TOKENS_WHEN_MINIMAL: Final = 48
"""Tokens that an answer may have at the minimal level."""

_REMEMBERED: Final = 8
_MOST_FIELDS: Final = 200
_LONGEST: Final = 500


class Trust(StrEnum):
    """Who it is that speaks to the agent: its owner, the system itself in idle time, or somebody unknown."""

    OWNER = "owner"
    SELF = "self"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class AgentState:
    """What is so for an agent when it is called; what is not here does not exist for it.

    Attributes:
        name: Who it is.
        allowed_actions: What it may call, letter by letter.
        trust: Who speaks to it.
        context_level: 1: its name, its tone and what it may do, answered in few words; 2: also who speaks to it, and
            the first eight of what it remembers; 3 and more: all of that.
        memory: What it remembers, `(field, value)`; it is told as `memory.field`.
    """

    name: str
    allowed_actions: tuple[str, ...] = ()
    trust: Trust = Trust.UNKNOWN
    tone: str = ""
    context_level: int = 2
    memory: tuple[tuple[str, str], ...] = ()

    @property
    def block(self) -> str:
        """The state as a model reads it, and `scoring.state.parse_state` reads back."""
        return write_state(tuple(self._fields()), self.allowed_actions)

    def _fields(self) -> Iterator[tuple[str, str | int]]:
        yield "identity.name", self.name
        if self.tone:
            yield "tone", self.tone
        yield "context_level", self.context_level
        if self.context_level > MINIMAL:
            yield "trust_level", self.trust.value
            told = len(self.memory) if self.context_level >= WHOLE else _REMEMBERED
            yield from ((f"memory.{field}", value[:_LONGEST]) for field, value in self.memory[:told])


def refuse_unsound(state: AgentState) -> AgentState:
    """The state itself, where a block can be made of it.

    Raises:
        ConfigError: it has no name, no level, too many fields, or one field twice.
    """
    fields = [field for field, _ in state.memory]
    faults = {
        "the agent has no name": not state.name.strip(),
        f"context_level is {state.context_level}, below {MINIMAL}": state.context_level < MINIMAL,
        f"it remembers more than {_MOST_FIELDS} fields": len(fields) > _MOST_FIELDS,
        "a field of its memory has no name": not all(field.strip() for field in fields),
        "a field of its memory stands twice": len(set(fields)) < len(fields),
    }
    for fault, found in faults.items():
        if found:
            raise ConfigError(f"[state] {fault}.", next_step="Correct it in selftune.toml.")
    return state

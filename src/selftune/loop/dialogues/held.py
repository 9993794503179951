"""What came of a dialogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selftune.personas.dialogue.base import Ending, Turn


@dataclass(frozen=True, kw_only=True)
class Held:
    """A dialogue that was held.

    Attributes:
        interaction: Its id in the log; None when it was not kept, and then `not_kept` may say why.
        answer: What the last voice said; empty where nobody said anything.
        dissonance: After each turn of a voice; None where it could not be measured.
        rose: Whether it ever was in dissonance.
        problem: Why it broke off; empty where it did not.
        notes: What a person should know of who answered.
        flags: As the log has them.
    """

    dialogue: str
    task_id: str
    codex_id: str
    interaction: str | None
    answer: str
    turns: tuple[Turn, ...]
    dissonance: tuple[float | None, ...]
    rose: bool
    ended_by: Ending
    seconds: float
    tokens: int
    problem: str = ""
    not_kept: str | None = None
    notes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

"""What idle time may spend in a day, and when it must keep quiet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime, time


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """Most in one day: dialogues, tokens written and read, seconds of dialogues."""

    dialogues: int
    tokens: int
    seconds: float

    def __post_init__(self) -> None:
        if min(self.dialogues, self.tokens, self.seconds) < 0:
            raise ConfigError("a budget of [motivator] is negative.", next_step="Write 0 to allow nothing.")


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a day has seen so far; what broke off is charged with a whole dialogue's share."""

    dialogues: int = 0
    tokens: int = 0
    seconds: float = 0.0


def charged(allowance: Allowance) -> Spent:
    """What a dialogue counts for whose end nobody wrote down: a dialogue, and its share of the rest."""
    several = max(1, allowance.dialogues)
    return Spent(dialogues=1, tokens=allowance.tokens // several, seconds=allowance.seconds / several)


def shortfall(allowance: Allowance, spent: Spent) -> str:
    """What is used up today, as a sentence; empty where another dialogue may begin."""
    if spent.dialogues >= allowance.dialogues:
        return f"{spent.dialogues} of {allowance.dialogues} dialogues of this day were held."
    if spent.tokens >= allowance.tokens:
        return f"{spent.tokens:,} of {allowance.tokens:,} tokens of this day are used."
    if spent.seconds >= allowance.seconds:
        return f"{spent.seconds / 60:.1f} of {allowance.seconds / 60:g} minutes of this day are used."
    return ""


def is_quiet(now: datetime, begins: time, ends: time) -> bool:
    """Whether this moment lies in the quiet hours, which may pass midnight; equal times are no quiet hours."""
    shown = now.time().replace(tzinfo=None)
    if begins <= ends:
        return begins <= shown < ends
    return shown >= begins or shown < ends

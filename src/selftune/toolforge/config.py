"""What can be set of the forge: how often a writer may try, and what a tool may take."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ApprovedBy(StrEnum):
    """Who lets a tool be called: a person always, or code alone where a tool was shown to be pure."""

    PERSON = "person"
    PURE = "pure"


@dataclass(frozen=True, kw_only=True)
class Forge:
    """How a tool is written and tested.

    Attributes:
        attempts: How often the function may be asked for, the first time included; as often the spec.
        seconds: From the first question to the last test.
        call_seconds: What one call may take by the clock of the processor; a run of all tests ten times that.
        memory_mb: What its process may hold.
    """

    attempts: int = 4
    seconds: float = 600.0
    call_seconds: float = 2.0
    memory_mb: int = 256

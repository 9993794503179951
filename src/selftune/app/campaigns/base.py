"""What a campaign gives: figures with their n, and whether what was promised held."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured figure, in words a reader needs no other page for.

    Attributes:
        name: What was measured.
        measured: The value with its unit, its n and, where chance is at work, its interval.
        promised: The bound it is held against; None where the figure only informs.
        held: Whether the bound held; None where there is none, or where it could not be measured.
    """

    name: str
    measured: str
    promised: str | None = None
    held: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Section:
    """One campaign: what was done, what came of it, and what it does not show."""

    title: str
    method: str
    figures: tuple[Figure, ...]
    limits: str

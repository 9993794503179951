"""Codex: who the system is, whatever its weights become: principles, personas, and the pillars they stand on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from selftune.records.codec import Record


@dataclass(frozen=True, kw_only=True)
class Principle:
    """What the system holds to, in every part of it."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who the system is as a whole; no training and no tool may change it."""

    name: str
    text: str
    principles: tuple[Principle, ...]


@dataclass(frozen=True, kw_only=True)
class Pillar:
    """One thing that a persona stands on; weights are relative within the persona."""

    name: str
    text: str
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Persona:
    """One voice of the system.

    Attributes:
        name: As it stands before its turns in a log, in any case of letters.
        role: What it does among the others, in a word or two.
        text: Who it is, in the second person.
        voice: How it speaks, in the second person.
        prompt: The system message of its calls, word for word; empty to have it made of all the rest.
    """

    name: str
    role: str
    text: str
    voice: str
    pillars: tuple[Pillar, ...] = ()
    prompt: str = ""


@dataclass(frozen=True, kw_only=True)
class Codex(Record):
    """One edition of a codex; equal words, equal id.

    Attributes:
        governor: Name of the persona that watches over the others and is no voice that answers; empty for none.
    """

    KIND: ClassVar[str] = "codex"

    name: str
    version: str
    identity: Identity
    personas: tuple[Persona, ...]
    governor: str = ""

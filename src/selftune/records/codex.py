"""Codex: who the system is, whatever its weights become: principles, personas, and the pillars they stand on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from selftune.records.build import GenerationParameters
from selftune.records.codec import Record


class PlayedBy(StrEnum):
    """Who speaks as a persona: a model that is called, or the person it stands for, whose words are never written."""

    MODEL = "model"
    PERSON = "person"


@dataclass(frozen=True, kw_only=True)
class Principle:
    """What the system holds to, in every part of it."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A question by which a model shows whether it still is who the codex says.

    Attributes:
        invariant: What it probes: `name`, or a principle as references write it.
        question: What the model is asked, as a user's message.
        expected: An answer that keeps to it holds one of these words or phrases, in any case of letters.
        forbidden: It holds none of these.
    """

    invariant: str
    question: str
    expected: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who the system is as a whole; no training and no tool may change it.

    Attributes:
        forbidden: Changes that nobody may make, an amendment included, each in words.
        amendable: What an amendment may change nevertheless: `name`, `text`, or principles as references write them.
            This list itself and `forbidden` never change by an amendment.
        probes: What shows after a training whether it still holds.
    """

    name: str
    text: str
    principles: tuple[Principle, ...]
    forbidden: tuple[str, ...] = ()
    amendable: tuple[str, ...] = ()
    probes: tuple[Probe, ...] = ()


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
        parameters: How its answers are drawn; None: as whatever serves draws them.
        played_by: A persona that a person plays is never called.
    """

    name: str
    role: str
    text: str
    voice: str
    pillars: tuple[Pillar, ...] = ()
    prompt: str = ""
    parameters: GenerationParameters | None = None
    played_by: PlayedBy = PlayedBy.MODEL


@dataclass(frozen=True, kw_only=True)
class DissonanceLimits:
    """From which score a dialogue is in dissonance, below which it is resolved (both 0 to 1), and when it must end."""

    high: float = 0.5
    resolved: float = 0.25
    most_rounds: int = 3


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
    dissonance: DissonanceLimits = DissonanceLimits()

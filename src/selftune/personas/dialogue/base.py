"""What a dialogue is made of: its setting, its limits, its turns, its end; and who is told while it is held."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from selftune.codex.reading import find_persona, is_governor
from selftune.errors import UnknownNameError, UsageError
from selftune.records import Codex, GenerationParameters, Message, Persona, PlayedBy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from selftune.personas.base import Dissonance, Gauge, Toolbox, Voice
    from selftune.records import ToolCall

DYAD = "dyad"
"""All voices of the codex, in its order, with its governor."""


class Ending(StrEnum):
    """How a dialogue ended.

    `ANSWERED`: everybody spoke once, and nobody governs or measures. `AGREED`: it was measured and never in dissonance.
    `RESOLVED`: it was in dissonance and is no more. `UNMEASURED`: the last round could not be measured.
    """

    ANSWERED = "answered"
    AGREED = "agreed"
    RESOLVED = "resolved"
    UNMEASURED = "unmeasured"
    ROUNDS = "round limit"
    TIME = "out of time"
    TOKENS = "out of tokens"
    REPEATED = "repeated itself"
    EMPTY = "empty answer"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


WHOLE = frozenset({Ending.ANSWERED, Ending.AGREED, Ending.RESOLVED, Ending.UNMEASURED, Ending.ROUNDS})
"""Ends of a dialogue in which everybody said what they had to say; the others broke it off."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a dialogue may take; 0 rounds: as the codex says.

    Attributes:
        seconds: Of speaking and measuring, beginnings after a crash counted on.
        tokens: Read and said, all turns together.
        tokens_a_turn: Said in one turn; the server cuts there.
        calls_a_turn: Tools that may be called in one turn; `calls` in the whole dialogue.
    """

    seconds: float = 600.0
    tokens: int = 50_000
    tokens_a_turn: int = 1024
    calls_a_turn: int = 4
    calls: int = 16
    rounds: int = 0


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is fixed when a dialogue begins.

    Attributes:
        voices: Who answers, in order.
        governor: Who asks when they are at odds; None for nobody.
        opening: What was said before the first turn; it ends with a user's message.
        parameters: How the turns of a persona are drawn for which the codex says nothing.
    """

    codex: Codex
    voices: tuple[Persona, ...]
    governor: Persona | None
    opening: tuple[Message, ...]
    seed: int
    parameters: GenerationParameters = field(default_factory=GenerationParameters)
    limits: Limits = field(default_factory=Limits)

    @property
    def most_rounds(self) -> int:
        """Rounds that are held at most."""
        return self.limits.rounds or self.codex.dissonance.most_rounds


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One turn as it was spoken.

    Attributes:
        tokens: Read and said for it, calls of tools included.
        generated_by: What spoke, by its own word.
        flags: What is remarkable, as an interaction's flags name it.
        in_place_of: What the model had said, where code did not let it through; empty where the words are its own.
        found: Kinds of secrets that were taken out of it when it was written down; empty for the words as they were
            said.
    """

    message: Message
    tokens: int = 0
    generated_by: str | None = None
    flags: tuple[str, ...] = ()
    in_place_of: str = ""
    found: tuple[str, ...] = ()


class Listener(Protocol):
    """Is told of a dialogue while it is held, for a screen."""

    def begins(self, persona: str) -> None:
        """This persona speaks now."""
        ...

    def piece(self, text: str) -> None:
        """A piece of its turn came."""
        ...

    def called(self, call: ToolCall) -> None:
        """It called a tool, which answered."""
        ...

    def spoken(self, turn: Turn) -> None:
        """Its turn is over and written down."""
        ...

    def measured(self, dissonance: Dissonance, *, round_over: bool) -> None:
        """The dialogue was measured up to its last turn, with which a round may be over."""
        ...


class Unheard:
    """A listener that nobody stands behind."""

    def begins(self, persona: str) -> None:
        """Nothing."""

    def piece(self, text: str) -> None:
        """Nothing."""

    def called(self, call: ToolCall) -> None:
        """Nothing."""

    def spoken(self, turn: Turn) -> None:
        """Nothing."""

    def measured(self, dissonance: Dissonance, *, round_over: bool) -> None:
        """Nothing."""


def find_nothing(_: str) -> Collection[str]:
    """No kind of secret, in whatever text."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Company:
    """Who takes part in holding a dialogue, beside the file it is written to.

    Attributes:
        calls_tools: Whether what speaks as a persona can call tools; who can't is told of none.
        clean: Applied to every text before it is written down: redaction; `find` tells the kinds that it takes out.
        elapsed: Seconds, monotonic.
    """

    voice: Voice
    gauge: Gauge | None = None
    toolbox: Toolbox | None = None
    listener: Listener = field(default_factory=Unheard)
    calls_tools: Callable[[str], bool] = bool
    clean: Callable[[str], str] = str
    find: Callable[[str], Collection[str]] = find_nothing
    elapsed: Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """A dialogue that is over.

    Attributes:
        scores: Dissonance after each turn of a voice; None where it could not be measured.
        rose: Whether it ever was in dissonance.
        problem: Why it broke off, in words; empty where it did not.
    """

    turns: tuple[Turn, ...]
    scores: tuple[float | None, ...]
    rose: bool
    ending: Ending
    seconds: float
    tokens: int
    problem: str = ""


def choose_voices(codex: Codex, name: str = DYAD) -> tuple[tuple[Persona, ...], Persona | None]:
    """Who answers, in order, and who governs; one persona alone is governed by nobody.

    Raises:
        UnknownNameError: the codex has no persona of that name.
        UsageError: a person plays it, or nobody is left who answers.
    """
    if name != DYAD:
        chosen = find_persona(codex, name)
        if chosen is None:
            raise UnknownNameError("persona", name, [DYAD, *(one.name for one in codex.personas)])
        if chosen.played_by is PlayedBy.PERSON:
            raise UsageError(
                f"{chosen.name} is played by a person: no model ever speaks as it.",
                next_step="Name another persona; what you type is its turn.",
            )
        return (chosen,), None
    called = [one for one in codex.personas if one.played_by is PlayedBy.MODEL]
    voices = tuple(one for one in called if not is_governor(codex, one.name))
    if not voices:
        raise UsageError(f"codex {codex.name!r} has no voice that answers.", next_step="Add a persona that is one.")
    governor = next((one for one in called if is_governor(codex, one.name)), None)
    return voices, governor if len(voices) > 1 else None

"""What a deliberation is made of: the matter, who speaks, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from selftune.errors import UsageError
from selftune.personas.data import as_data
from selftune.personas.dialogue.base import choose_voices

if TYPE_CHECKING:
    from selftune.personas.base import Passage
    from selftune.personas.deliberation.form import Wanted
    from selftune.personas.dialogue.base import Turn
    from selftune.records import Codex, Persona

_MOST_LETTERS = 500


class Outcome(StrEnum):
    """How a deliberation ended."""

    PROPOSED = "proposed"
    NOTHING = "nothing is to be changed"
    UNFIT = "no sound proposal"
    LIMIT = "out of time or tokens"
    EMPTY = "empty answer"
    INTERRUPTED = "interrupted"
    FAILED = "failed"

    @property
    def is_failure(self) -> bool:
        """Whether it broke off before anybody came to an end."""
        return self in {Outcome.LIMIT, Outcome.EMPTY, Outcome.FAILED}


@dataclass(frozen=True, kw_only=True)
class Matter:
    """What is deliberated.

    Attributes:
        told: What the records show, in words of ours and in figures.
        places: The places of the codex that may be changed.
        passages: What was found in memory, with the place that each comes from.
    """

    told: str
    places: tuple[str, ...]
    passages: tuple[Passage, ...]

    def as_words(self) -> str:
        """What everybody is shown first; words of others stand in it as data."""
        found = [as_data(one.record_id, one.text, most_letters=_MOST_LETTERS) for one in self.passages]
        listed = "\n".join(f"- {place}" for place in self.places)
        return "\n\n".join((self.told, *found, f"Places of the codex that an amendment may change:\n{listed}"))

    def as_kept(self) -> str:
        """The same for the log, with the places in the stead of other people's words."""
        cited = "\n".join(f"- {one.record_id}" for one in self.passages)
        return f"{self.told}\n\nShown from memory:\n{cited or '- nothing'}"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Who speaks: for a change, against it, and who writes down what is proposed."""

    speaks_for: Persona
    speaks_against: Persona
    writes: Persona


@dataclass(frozen=True, kw_only=True)
class Deliberated:
    """A deliberation that is over.

    Attributes:
        wanted: What is proposed; None for nothing.
        problem: Why nothing is, in words; empty where something is.
    """

    turns: tuple[Turn, ...]
    wanted: Wanted | None
    outcome: Outcome
    seconds: float
    tokens: int
    problem: str = ""


def seat(codex: Codex) -> Bench:
    """Who takes which side: the first voice for, the second against, and the governor writes.

    Raises:
        UsageError: the codex has no two voices, so nobody would speak against it.
    """
    voices, governor = choose_voices(codex)
    if len(voices) < 2:  # noqa: PLR2004 - two sides
        raise UsageError(
            f"codex {codex.name!r} has one voice only, and nobody who would speak against it.",
            next_step="Propose the change yourself: selftune codex propose FILE --because ... --against ...",
        )
    return Bench(speaks_for=voices[0], speaks_against=voices[1], writes=governor or voices[0])

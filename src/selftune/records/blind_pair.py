"""BlindPair: what champion and candidate answer to one prompt of the log, as a person is shown it without names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from selftune.records.codec import Record


@dataclass(frozen=True, kw_only=True)
class BlindPair(Record):
    """Two answers to one prompt, drawn once; a pick is a Statement about it that says `left` or `right`.

    Attributes:
        interaction_id: Where the prompt stands in the log.
        candidate_left: Whether the candidate's answer is shown on the left.
        seed: What the sides were drawn with, and the answers where they are sampled.
        champion_answer, candidate_answer: What each said, word for word.
    """

    KIND: ClassVar[str] = "blind_pair"
    SALTED: ClassVar[frozenset[str]] = frozenset({"champion_answer", "candidate_answer"})

    salt: str
    interaction_id: str
    champion_build_id: str
    candidate_build_id: str
    champion_answer: str
    candidate_answer: str
    candidate_left: bool
    seed: int

    @property
    def identical(self) -> bool:
        """Whether there is nothing to choose between; such a pair is never shown."""
        return self.champion_answer.strip() == self.candidate_answer.strip()

    @property
    def sides(self) -> tuple[str, str]:
        """The answers as they are shown: left, right."""
        both = (self.champion_answer, self.candidate_answer)
        return both[::-1] if self.candidate_left else both

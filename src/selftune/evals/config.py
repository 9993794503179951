"""What is asked, how often and how many at a time, and who grades what code can't score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.records import digest_of

if TYPE_CHECKING:
    from selftune.evals.base import Grader, Runtime
    from selftune.records import Suite


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """How an arm is evaluated; equal for all arms of a comparison.

    Attributes:
        repeats: How often each item is asked, each time with other seeds; a suite may ask for more.
        slots: Parallel slots of the server; batching changes bits, so it is part of the proof.
        batch: Answers that are kept together; a crash loses at most so many.
        patience: Failures in a row after which the server is taken for gone.
        canary: Answers that are graded before the others are asked for; with none of them graded, nothing more is paid.
        grader: Who grades the items that name a judge; None where every item is scored by code.
        bare: Whether items are asked without their system messages, though scored by them: what an experiment takes
            away to see what the words around a question do for a model.
        left_open: Whether the last turn of each item is a beginning that the model goes on with, as it met such turns
            in training, in place of answering it. What it says so is scored and not kept.
        through: What gives out the answers in place of the build itself; None for nothing. What is given out is scored.
    """

    suite: Suite
    repeats: int = 1
    slots: int = 1
    batch: int = 32
    patience: int = 5
    canary: int = 4
    grader: Grader | None = None
    bare: bool = False
    left_open: bool = False
    through: Runtime | None = None

    @property
    def asked(self) -> str:
        """What is asked, by name: the suite, and that it was stripped, or given out by a runtime, where it was."""
        stripped = f"{self.suite.name}, bare" if self.bare else self.suite.name
        return stripped if self.through is None else f"{stripped}, through {self.through.identity}"

    @property
    def asked_digest(self) -> str:
        """Names what is asked, letter by letter; equal for the arms of a comparison."""
        stripped = ["bare", self.suite] if self.bare else self.suite
        return digest_of(stripped if self.through is None else ["through", self.through.identity, stripped])

    @property
    def rounds(self) -> int:
        """How often each item is asked: as often as the suite wants, or more."""
        return max(self.repeats, self.suite.repeats)

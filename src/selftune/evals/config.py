"""What is asked, how often and how many at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selftune.records import Suite


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """How an arm is evaluated; equal for all arms of a comparison.

    Attributes:
        repeats: How often each item is asked, each time with other seeds.
        slots: Parallel slots of the server; batching changes bits, so it is part of the proof.
        batch: Answers that are kept together; a crash loses at most so many.
        patience: Failures in a row after which the server is taken for gone.
    """

    suite: Suite
    repeats: int = 1
    slots: int = 1
    batch: int = 32
    patience: int = 5

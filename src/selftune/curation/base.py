"""What curation works on, and what a filter must do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selftune.records import Interaction, Judgement


@dataclass(frozen=True, kw_only=True)
class Pair:
    """An interaction, what the judge found in it, and what others said of it by the same rubric."""

    interaction: Interaction
    judgement: Judgement
    opinions: tuple[Judgement, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Yardstick:
    """A text that measures: what a suite item asks, under which state, and what to call it."""

    name: str
    text: str
    state: str | None = None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Every judged interaction, oldest first.

    Attributes:
        watermark: Ingest sequence up to which the log was read.
        learnt_before: Ids of interactions that a finished run has learnt from; they do not count towards the trigger.
        yardsticks: What measures the model; nothing that lies close to it is learnt from.
        champion: Digest of the build that serves; None when nothing does.
        calibration: What is known of the judge's agreement with people, in one line for the card.
    """

    pairs: Iterable[Pair]
    watermark: int = 0
    learnt_before: frozenset[str] = frozenset()
    yardsticks: tuple[Yardstick, ...] = ()
    champion: str | None = None
    calibration: str = ""


class Filter(Protocol):
    """Says why an item must not be learnt from."""

    def objection(self, item: Pair) -> str | None:
        """The reason in a few words, its class before a colon (`cut short: …`); None when there is none."""
        ...

"""What came of an accepted amendment: dissonance before and after, and whether its own test showed it wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from selftune.gate.statistics.shares import newcombe_interval
from selftune.governance.amendments.dialogues import Topics
from selftune.governance.amendments.persistence import LEVEL, Share, share_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.governance.amendments.dialogues import Dialogue
    from selftune.records import Refutation


class Finding(StrEnum):
    """What the test that came with an amendment says."""

    TOO_EARLY = "its test is not due yet"
    TOO_FEW = "its test was due, with too few dialogues to say anything"
    WRONG = "its own test has shown it wrong"
    HOLDS = "its own test has not shown it wrong"
    UNKNOWN = "nobody here can carry out its test"


@dataclass(frozen=True, kw_only=True)
class Effect:
    """Before and after an amendment.

    Attributes:
        before: The share of high dissonance of its topic before it came into force, and `after` since.
        difference: The interval of after less before at 95 %; None where either has no dialogue.
        finding: By the amendment's own test.
    """

    before: Share
    after: Share
    difference: tuple[float, float] | None
    finding: Finding


def effect_of(
    dialogues: Sequence[Dialogue], refutation: Refutation, *, since: int, until: int | None, high: float, now: str
) -> Effect:
    """The effect of an amendment.

    Args:
        dialogues: All that were measured, oldest first.
        refutation: The test that came with it.
        since: The place at which it came into force.
        until: The place at which it was taken back; None where it stands.
        high: From which dissonance a dialogue counts, by the codex before: an amendment does not move its own bar.
        now: UTC, ISO 8601.
    """
    about = Topics(dialogues).about(refutation.topic)
    before = share_of([one for one in about if one.place < since], high)
    after = share_of([one for one in about if one.place > since and (until is None or one.place < until)], high)
    difference = None
    if before.n and after.n:
        difference = newcombe_interval(after.high, after.n, before.high, before.n, LEVEL)
    return Effect(before=before, after=after, difference=difference, finding=_finding(refutation, after, now))


def _finding(refutation: Refutation, after: Share, now: str) -> Finding:
    if refutation.measure != "dissonance":
        return Finding.UNKNOWN
    if now < refutation.until:
        return Finding.TOO_EARLY
    if after.n < refutation.at_least_n:
        return Finding.TOO_FEW
    return Finding.WRONG if after.high / after.n > refutation.at_most else Finding.HOLDS

"""What came of an accepted amendment: dissonance before and after, and whether its own test showed it wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from selftune.gate.statistics.shares import newcombe_interval
from selftune.governance.amendments.dialogues import Topics
from selftune.governance.amendments.persistence import LEVEL, Share, share_of
from selftune.scoring.units import RIGHT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.governance.amendments.dialogues import Dialogue
    from selftune.records import Refutation


DISSONANCE: Final = "dissonance"
"""Measure of a test: the share of dialogues in high dissonance."""

PROBE: Final = "probe:"
"""Before an invariant, the measure of a test: the share of its probes that are not held."""


class Finding(StrEnum):
    """What the test that came with an amendment says."""

    TOO_EARLY = "its test is not due yet"
    TOO_FEW = "its test was due, with too little measured to say anything"
    WRONG = "its own test has shown it wrong"
    HOLDS = "its own test has not shown it wrong"
    UNKNOWN = "nobody here can carry out its test"


@dataclass(frozen=True, kw_only=True)
class Probed:
    """One time that the probes of a codex were put to a model that served then, or came to serve afterwards.

    Attributes:
        place: Where they were put.
        served: From where it served, having been asked; `place` where it served already.
        held: By probe and where it was asked, with its counterpart; named by its invariant, a stroke and the rest:
            how far it was held, 0 to 1.
    """

    place: int
    served: int
    evaluation_id: str
    held: tuple[tuple[str, float], ...]

    def lost(self, invariant: str = "") -> tuple[int, int]:
        """How many probes of an invariant, or of all, were not held; and of how many."""
        of = [score for probe, score in self.held if not invariant or probe.startswith(f"{invariant}/")]
        return sum(score < RIGHT for score in of), len(of)


@dataclass(frozen=True, kw_only=True)
class Effect:
    """Before and after an amendment.

    Attributes:
        before: The share of high dissonance of its topic before it came into force, and `after` since.
        difference: The interval of after less before at 95 %; None where either has no dialogue.
        finding: By the amendment's own test.
        probed_before: The last time that the probes of identity were put before it, and `probed_after` since.
    """

    before: Share
    after: Share
    difference: tuple[float, float] | None
    finding: Finding
    probed_before: Probed | None = None
    probed_after: Probed | None = None


def effect_of(
    dialogues: Sequence[Dialogue],
    refutation: Refutation,
    *,
    since: int,
    until: int | None,
    high: float,
    now: str,
    probed: Sequence[Probed] = (),
) -> Effect:
    """The effect of an amendment.

    Args:
        dialogues: All that were measured, oldest first.
        refutation: The test that came with it.
        since: The place at which it came into force.
        until: The place at which it was taken back; None where it stands.
        high: From which dissonance a dialogue counts, by the codex before: an amendment does not move its own bar.
        now: UTC, ISO 8601.
        probed: Every time that the probes of identity were put to a model that serves or served, in the order in which
            these served. What was asked before the amendment came into force says nothing of what came after it.
    """
    about = Topics(dialogues).about(refutation.topic)
    before = share_of([one for one in about if one.place < since], high)
    after = share_of([one for one in about if one.place > since and (until is None or one.place < until)], high)
    difference = None
    if before.n and after.n:
        difference = newcombe_interval(after.high, after.n, before.high, before.n, LEVEL)
    probes = [one for one in probed if until is None or one.served < until]
    later = next((one for one in reversed(probes) if one.place > since), None)
    return Effect(
        before=before,
        after=after,
        difference=difference,
        finding=_finding(refutation, after, later, now),
        probed_before=next((one for one in reversed(probes) if one.served < since), None),
        probed_after=later,
    )


def _finding(refutation: Refutation, after: Share, probed: Probed | None, now: str) -> Finding:
    if now < refutation.until:
        return Finding.TOO_EARLY
    if refutation.measure == DISSONANCE:
        hits, n = after.high, after.n
    elif refutation.measure.startswith(PROBE):
        hits, n = (0, 0) if probed is None else probed.lost(refutation.measure.removeprefix(PROBE))
    else:
        return Finding.UNKNOWN
    if n < max(1, refutation.at_least_n):
        return Finding.TOO_FEW
    return Finding.WRONG if hits / n > refutation.at_most else Finding.HOLDS

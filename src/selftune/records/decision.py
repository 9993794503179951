"""Decision: what the gate says about a candidate, with every check it made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from selftune.records.codec import Record
from selftune.records.evaluation import Arm


class Outcome(StrEnum):
    """The gate's four answers. Unsure means no."""

    PROMOTE = "promote"
    REJECT = "reject"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


class CheckStatus(StrEnum):
    """A check passed, failed, could not show what it should (too few items), or could not run."""

    PASS = "pass"  # noqa: S105 - the word, no password
    FAIL = "fail"
    NOT_SHOWN = "not_shown"
    NOT_MEASURED = "not_measured"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One declared rule and what was measured for it; `interval` is [low, high] at the policy's level."""

    name: str
    status: CheckStatus
    detail: str
    measured: float | None = None
    threshold: float | None = None
    interval: tuple[float, float] | None = None
    n: int | None = None


@dataclass(frozen=True, kw_only=True)
class FurtherArms:
    """Which evaluation stood for which arm on a suite beside the one that decided."""

    suite: str
    arms: tuple[tuple[Arm, str], ...]


@dataclass(frozen=True, kw_only=True)
class Decision(Record):
    """The gate's answer.

    Attributes:
        reason: The answer in one sentence.
        policy: Name of the policy that was in force; its digest beside it.
        arms: Which evaluation stood for which arm; equal builds share one evaluation.
        difference: Candidate minus champion, mean over units (pairs where the suite pairs items).
        items_needed: Units needed for the policy's power when inconclusive.
        next_step: The cheapest next step when the answer is not promote.
        build_id: The candidate that is promoted or refused; the only one this decision speaks of.
        further: The same on the suites beside the one that decided.
        picks: The statements of people who chose between the arms' answers, in the order they were said.
        trainings: Evaluations of the candidate's recipe trained anew under other seeds, on the suite that decided.
        live: Trials of the candidate on real requests, in the order in which they ended.
        interval: Of the difference, at the policy's level; None where nothing could be compared.
        p_value: Of "no difference"; None likewise.
        n: Units that both arms have a score for.
    """

    KIND: ClassVar[str] = "decision"

    outcome: Outcome
    reason: str
    checks: tuple[Check, ...]
    arms: tuple[tuple[Arm, str], ...]
    policy: str
    policy_digest: str
    build_id: str | None
    run_id: str | None
    difference: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    n: int = 0
    items_needed: int | None = None
    next_step: str | None = None
    picks: tuple[str, ...] = ()
    further: tuple[FurtherArms, ...] = ()
    trainings: tuple[str, ...] = ()
    live: tuple[str, ...] = ()

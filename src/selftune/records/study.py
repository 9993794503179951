"""StudyNight: what one arm of a study was asked in one night, what its champion scored, and how its cycle ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from selftune.records.codec import Record


@dataclass(frozen=True, kw_only=True)
class StudyNight(Record):
    """One night of one arm. The score is that of the model which was in service before the night's cycle.

    Attributes:
        study: Digest of the plan that was registered.
        arm: `learning`, `never_trains` or `shuffled`.
        number: From 1 on, without gaps.
        date: Of the night, by the study's clock; `simulated` says that no calendar went by.
        version: Of the release that was asked, and its `generation`.
        prompts: How many users asked; `goals` how many goals were set in idle time, and by whom.
        probe_digest: Of the questions that measured it: the same for every arm in one night.
        score: Mean over the probe's `n` units with a score, and the `interval` of that mean; None: not measured.
        ended_by: `promoted`, an outcome of the gate, `halted` with the reason in `told`, or `no training` by design.
        trigger: What set the training off, or kept it from starting, in one sentence.
        approval_id: The yes that the night needed before its cycle could begin.
        seconds: Spent on training, evaluation and data, in that order; `costs_usd` likewise.
        ledger_from: Place of the ledger entry by which the night began: what it did stands behind it.
        goals_by: Who set the goals; empty where nobody did.
    """

    KIND: ClassVar[str] = "study_night"

    study: str
    arm: str
    number: int
    date: str
    simulated: bool
    release_id: str
    version: str
    generation: int
    prompts: int
    goals: int
    probe_digest: str
    evaluation_id: str | None
    score: float | None
    interval: tuple[float, float] | None
    n: int
    ended_by: str
    trigger: str = ""
    dataset_id: str | None = None
    run_id: str | None = None
    decision_id: str | None = None
    promoted_id: str | None = None
    approval_id: str | None = None
    seconds: tuple[float, float, float] = (0.0, 0.0, 0.0)
    costs_usd: tuple[float, float, float] = (0.0, 0.0, 0.0)
    goals_by: str = ""
    told: tuple[str, ...] = ()
    ledger_from: int = 0

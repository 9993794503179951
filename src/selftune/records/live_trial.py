"""LiveTrial: what came of a candidate that answered a share of real requests, or was asked in the shadow of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from selftune.records.codec import Record


@dataclass(frozen=True, kw_only=True)
class GuardFound:
    """What one guardrail saw: how much worse the candidate did than the champion, from -1 to 1.

    Attributes:
        name: `errors`, `latency`, `refusals` or `thumbs`; more is worse in each.
        n: Answers of the candidate that were held against the champion's.
        mean: The candidate's users' mean minus the champion's, in the shadow that of pairs; None where nothing was.
        interval: Of that difference, valid whenever one stops; each of its ends holds at level 1 - alpha.
        tolerated: A mean difference up to this is no harm.
        p_value: Of "no more than tolerated", valid whenever one stops.
        alpha: The p-value at which harm is shown.
    """

    name: str
    n: int
    mean: float | None
    interval: tuple[float, float] | None
    tolerated: float
    p_value: float
    alpha: float

    @property
    def shows_harm(self) -> bool:
        """Whether harm beyond what is tolerated was shown, at whatever answer."""
        return self.p_value <= self.alpha


@dataclass(frozen=True, kw_only=True)
class LiveTrial(Record):
    """How a candidate did beside the champion while both were in use; it holds nobody's words.

    Attributes:
        trial: Its name, drawn when it started.
        evaluation_id: What the candidate was let in on, and proved itself against.
        share: The share of users whom it answered; 0 in the shadow.
        shadow: Whether it was only asked beside the champion, and nobody was shown its answers.
        end: `returned` (harm was shown), `stopped` (a person ended it) or `champion changed`.
        why: What it ended for, in a sentence.
        compared: Answers in the shadow that were held against those that were given.
        identical: How many of these had the same words.
        overlap: Words in both answers as a share of those in either, in the mean; None without any.
        approvals: The statements that let it start, where several people work.
        started_at: UTC as ISO 8601, and so `ended_at`.
        champion_answers: How many answers it gave in that time; `candidate_answers`: how many the candidate gave.
        champion_people: How many users it answered; `candidate_people`: how many the candidate answered.
    """

    KIND: ClassVar[str] = "live_trial"

    trial: str
    candidate_build_id: str
    champion_build_id: str
    evaluation_id: str
    share: float
    shadow: bool
    started_at: str
    ended_at: str
    end: str
    why: str
    champion_answers: int
    candidate_answers: int
    champion_people: int
    candidate_people: int
    guards: tuple[GuardFound, ...]
    compared: int = 0
    identical: int = 0
    overlap: float | None = None
    approvals: tuple[str, ...] = ()

    @property
    def returned(self) -> bool:
        """Whether harm was shown, so that the champion took over by itself."""
        return self.end == "returned"

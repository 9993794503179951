"""Evaluation: what one build, as served, did on one suite, item by item."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from selftune.records.build import GenerationParameters, ServingProof
from selftune.records.codec import Record


class Arm(StrEnum):
    """The part a build plays in a comparison."""

    CHAMPION = "champion"
    CANDIDATE = "candidate"
    BASE = "base"
    PROMPT_ONLY = "prompt_only"


@dataclass(frozen=True, kw_only=True)
class ItemOutcome:
    """What happened on one item in one repeat.

    Attributes:
        score: 0 to 1; None when it could not be scored, with the reason beside it.
        pair: Items of one pair count together: both right or nothing.
        critical_failures: Names of failures no mean may hide.
        turn_of_break: In a multi-turn item, the turn at which the model gave way, from 1; None if it held.
        turns: What the model said turn by turn, in a multi-turn item; `answer` is the last of them.
        failure: What kind of failure it is, as `scoring.failures` names them; None where it is none or nobody looked.
        measures: Further figures of this answer by name, such as cited paths that exist and that do not.
        asked: Names what was asked and how the answer was drawn; None where it was not answered to its end.
        cut: Turns, from 1, whose answer ended at the token limit.
        graded: Names the judge, the rubric and the item of a grade; None where code scored.
        judged_by: What the judge's server calls itself; None where none was asked.
        reasoning: What it thought before each answer, turn by turn and no part of it, empty where it did not think;
            nothing at all for a base that does not.
    """

    item_id: str
    category: str
    difficulty: str
    score: float | None
    answer: str
    reasons: tuple[str, ...]
    pair: str | None = None
    agent: str | None = None
    critical_failures: tuple[str, ...] = ()
    turn_of_break: int | None = None
    unscored_reason: str | None = None
    repeat: int = 0
    tier: str = "gold"
    weight: float = 1.0
    turns: tuple[str, ...] = ()
    failure: str | None = None
    measures: tuple[tuple[str, float], ...] = ()
    asked: str | None = None
    cut: tuple[int, ...] = ()
    graded: str | None = None
    judged_by: str | None = None
    reasoning: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Evaluation(Record):
    """Outcomes of one arm. `scorer_lineage` names the models behind the scores: empty when the scorer is code.

    Attributes:
        suite: Name of what was asked; its digest beside it.
        scorer: Who scored: the suite's scorer, by its registered name.
        seeds: What the answers were drawn with, one for each repeat.
        wall_seconds: From the first question to the last score.
        deterministic: Whether the server gave one answer twice at temperature 0; None when nobody asked.
        judge_calls: How often a judge was asked for its scores.
        cost_usd: What these calls cost, by the prices in the config.
        recalled: How many answers were taken from earlier evaluations of this build behind the same server.
        made_with: Name and version of the code that asked and scored, and of what it ran on.
    """

    KIND: ClassVar[str] = "evaluation"

    build_id: str
    build_digest: str
    proof: ServingProof
    suite: str
    suite_digest: str
    scorer: str
    scorer_lineage: tuple[str, ...]
    generation: GenerationParameters
    seeds: tuple[int, ...]
    outcomes: tuple[ItemOutcome, ...]
    wall_seconds: float = 0.0
    deterministic: bool | None = None
    judge_calls: int = 0
    cost_usd: float = 0.0
    recalled: int = 0
    made_with: tuple[str, ...] = ()

    @property
    def unscored(self) -> tuple[ItemOutcome, ...]:
        """Items without a score; they are named, never counted as zero."""
        return tuple(outcome for outcome in self.outcomes if outcome.score is None)

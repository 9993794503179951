"""Judgement: what a judge found in one interaction, criterion by criterion, overall computed in code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from selftune.records.codec import Record


class JudgementStatus(StrEnum):
    """Whether there is a score. Unscored is never zero."""

    SCORED = "scored"
    PENDING = "pending"
    UNSCORED = "unscored"


@dataclass(frozen=True, kw_only=True)
class JudgeIdentity:
    """Who judged: plug-in name, version, and the models it descends from (empty for code)."""

    name: str
    version: str
    lineage: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CriterionScore:
    """Reasoning first, then the score on the rubric's scale; None when the criterion does not apply here.

    `quotes` are the words of the transcript that the reasoning rests on, as the judge gave them. `spread` is how far
    the members of a panel lie apart: the highest of their scores less the lowest; None where one judge spoke alone.
    """

    name: str
    reasoning: str
    score: float | None
    quotes: tuple[str, ...] = ()
    spread: float | None = None


@dataclass(frozen=True, kw_only=True)
class MemberVerdict:
    """What one member of a panel said: its overall, or why it has none."""

    judge: JudgeIdentity
    status: JudgementStatus
    overall: float | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Judgement(Record):
    """A verdict on one interaction.

    Attributes:
        overall: Weighted mean of the applicable criteria, computed in code; None unless scored.
        judge_overall: What the judge itself called the overall, kept for comparison.
        critical_failures: Names of what no mean may hide; they leave the overall as it is.
        reason: Why it is pending or unscored.
        cached_tokens: How many of the prompt's tokens the server had read before.
        cost_usd: What all its calls cost, by the prices in the config; 0 where none stand there.
        flags: What changes no score: `unsupported` when a quote stands nowhere in the transcript, `disagreement` when
            the members of a panel lie far apart.
        prompt_digest: Names what was asked apart from the transcript: instructions, schema and parameters.
        reported_model: What the server said answered.
        members: The single verdicts behind that of a panel.
        attempts: How often the judge was asked until its answer could be read.
        prompt_tokens, completion_tokens: What the judge read, and what it wrote, all its tries together.
    """

    KIND: ClassVar[str] = "judgement"
    SALTED: ClassVar[frozenset[str]] = frozenset({"criteria"})

    salt: str
    interaction_id: str
    rubric_digest: str
    judge: JudgeIdentity
    status: JudgementStatus
    criteria: tuple[CriterionScore, ...] = ()
    overall: float | None = None
    judge_overall: float | None = None
    critical_failures: tuple[str, ...] = ()
    reason: str | None = None
    attempts: int = 1
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    flags: tuple[str, ...] = ()
    cached_tokens: int = 0
    prompt_digest: str | None = None
    reported_model: str | None = None
    members: tuple[MemberVerdict, ...] = ()

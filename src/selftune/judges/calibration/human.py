"""A person as judge: picks become Judgements like any other, under a pseudonym and of no lineage."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Final, Self

from selftune.judges.overall import holistic_score, weighted_overall
from selftune.records import CriterionScore, JudgeIdentity, Judgement, JudgementStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selftune.judges.config import Judging
    from selftune.records import Interaction, Rubric

HUMAN: Final = "human"
_PREFIX: Final = f"{HUMAN}:"
_VERSION: Final = "1"
ONE_MARK: Final = "one mark"
"""The flag of a verdict in which several criteria have one mark in common, given to the answer as a whole."""


class HumanJudge:
    """People choose the lessons: each verdict is pending until somebody gave theirs with `selftune review`.

    Nobody waits: the curator takes the verdicts of people that are on record when it comes.
    """

    identity = JudgeIdentity(name=HUMAN, version=_VERSION)

    @classmethod
    def from_config(cls, config: Judging) -> Self:  # noqa: ARG003 - every judge is made from the config; this one needs none
        """The judge; nothing about it can be set."""
        return cls()

    def judge(self, interaction: Interaction, rubric: Rubric, salt: str) -> Judgement:
        """A place for a person's verdict."""
        return Judgement(
            salt=salt,
            interaction_id=interaction.id,
            rubric_digest=rubric.id,
            judge=self.identity,
            status=JudgementStatus.PENDING,
            reason="waits for a person: selftune review",
            attempts=0,
        )


def human_identity(pseudonym: str) -> JudgeIdentity:
    """The person as a judge; the pseudonym is all that a record says of them."""
    return JudgeIdentity(name=f"{_PREFIX}{pseudonym}", version=_VERSION)


def is_human(identity: JudgeIdentity) -> bool:
    """Whether a verdict is a person's."""
    return identity.name.startswith(_PREFIX)


def person_behind(identity: JudgeIdentity) -> str | None:
    """The pseudonym of the person who judged; None where it was no person."""
    return identity.name.removeprefix(_PREFIX) if is_human(identity) else None


def judge_by_hand(
    picks: Mapping[str, float | None], rubric: Rubric, *, interaction_id: str, reviewer: JudgeIdentity, salt: str
) -> Judgement:
    """What a person has picked so far: pending until every criterion has its pick, None where one does not apply.

    Raises:
        ValueError: a pick for no criterion of the rubric, or off its scale; no front door lets one through.
    """
    known = {criterion.name for criterion in rubric.criteria}
    off = [value for value in picks.values() if value is not None and not rubric.lowest <= value <= rubric.highest]
    if off or not picks.keys() <= known:
        raise ValueError(f"{dict(picks)} does not fit rubric {rubric.name!r}")
    criteria = tuple(
        CriterionScore(name=criterion.name, reasoning="", score=picks[criterion.name])
        for criterion in rubric.criteria
        if criterion.name in picks
    )
    return _verdict(criteria, rubric, interaction_id=interaction_id, judge=reviewer, salt=salt)


def merge_people(verdicts: Sequence[Judgement], rubric: Rubric) -> Judgement:
    """One verdict of all people on one interaction: the mean of those who found that a criterion applies."""
    first = verdicts[0]
    if len(verdicts) == 1:
        return first
    by_name = {
        criterion.name: [item.score for verdict in verdicts for item in verdict.criteria if item.name == criterion.name]
        for criterion in rubric.criteria
    }
    criteria = tuple(
        CriterionScore(name=name, reasoning="", score=fmean(given) if given else None)
        for name, scores in by_name.items()
        for given in [[score for score in scores if score is not None]]
    )
    people = JudgeIdentity(name=f"{_PREFIX}{len(verdicts)} people", version=_VERSION)
    merged = _verdict(criteria, rubric, interaction_id=first.interaction_id, judge=people, salt=first.salt)
    as_a_whole = any(ONE_MARK in verdict.flags for verdict in verdicts)
    return replace(merged, flags=(ONE_MARK,)) if as_a_whole else merged


def _verdict(
    criteria: tuple[CriterionScore, ...], rubric: Rubric, *, interaction_id: str, judge: JudgeIdentity, salt: str
) -> Judgement:
    missing = len(rubric.criteria) - len(criteria)
    overall = None if missing else weighted_overall(criteria, rubric)
    status, reason = JudgementStatus.SCORED, None
    if missing:
        status, reason = JudgementStatus.PENDING, f"{missing} of {len(rubric.criteria)} criteria have no pick yet"
    elif overall is None:
        status, reason = JudgementStatus.UNSCORED, "no criterion applies"
    return Judgement(
        salt=salt,
        interaction_id=interaction_id,
        rubric_digest=rubric.id,
        judge=judge,
        status=status,
        criteria=criteria,
        overall=overall,
        judge_overall=None if missing else holistic_score(criteria, rubric),
        reason=reason,
    )

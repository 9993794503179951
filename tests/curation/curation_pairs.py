"""Judged interactions to curate."""

from __future__ import annotations

from selftune.curation.base import Judged, Pair
from selftune.records import (
    CriterionScore,
    Interaction,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    Trigger,
)

JUDGE = JudgeIdentity(name="test", version="1")


def pair(
    name: str,
    prompt: str | tuple[Message, ...] = "",
    answer: str = "An answer.",
    overall: float | None = 5.0,
    *,
    criterion: str = "use",
    critical: tuple[str, ...] = (),
    reason: str | None = None,
    **facts,
) -> Pair:
    """A pair in a conversation of its own unless told otherwise; no overall means unscored."""
    plain = {
        "salt": name,
        "conversation": name,
        "task_id": name,
        "trigger": Trigger.USER,
        "source": "test",
        "position": name,
        "generated_by": "some-model",
    }
    opening = (Message(role="user", content=prompt or f"Question {name}?"),) if isinstance(prompt, str) else prompt
    said = (Message(role="assistant", content=answer),)
    interaction = Interaction(**({"messages": (*opening, *said)} | plain | facts))
    judgement = Judgement(
        salt=name,
        interaction_id=interaction.id,
        rubric_digest="r",
        judge=JUDGE,
        status=JudgementStatus.UNSCORED if overall is None else JudgementStatus.SCORED,
        criteria=(CriterionScore(name=criterion, reasoning="because", score=overall),),
        overall=overall,
        critical_failures=critical,
        reason=reason,
    )
    return Pair(interaction=interaction, judgement=judgement)


def judged(*pairs: Pair, learnt_before: frozenset[str] = frozenset()) -> Judged:
    """What curate takes."""
    return Judged(pairs=pairs, watermark=len(pairs), learnt_before=learnt_before)

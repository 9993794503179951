"""What a decision rests on, read from the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.records import CheckStatus, Evaluation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.project import Project
    from selftune.records import Arm, Decision

_GAIN: Final = "gain"


def evaluations_of(project: Project, decision: Decision) -> dict[Arm, Evaluation]:
    """The evaluations that a decision rests on, by arm; without those whose answers quoted what was erased."""
    return {
        arm: one
        for arm, evaluation_id in decision.arms
        for one in project.store.kept_records([evaluation_id], Evaluation)
    }


def telling_checks(decision: Decision, *, every: bool = False) -> Iterator[str]:
    """In words what was gained and what did not pass, check by check; of `every` check where that is asked."""
    for check in decision.checks:
        if every or check.name == _GAIN or check.status is not CheckStatus.PASS:
            yield f"{check.name} ({check.status.value.replace('_', ' ')}): {check.detail}"

"""What a decision rests on, read from the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.records import Evaluation

if TYPE_CHECKING:
    from selftune.loop.project import Project
    from selftune.records import Arm, Decision


def evaluations_of(project: Project, decision: Decision) -> dict[Arm, Evaluation]:
    """The evaluations that a decision rests on, by arm; without those whose answers quoted what was erased."""
    return {
        arm: one
        for arm, evaluation_id in decision.arms
        for one in project.store.kept_records([evaluation_id], Evaluation)
    }

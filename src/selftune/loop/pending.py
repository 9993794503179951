"""A promotion that was decided and not carried out: cut off by a crash, or waiting for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.loop.executor import step_key
from selftune.loop.planning import make_target, serving_release
from selftune.records import Build, Decision, Outcome, Release
from selftune.release.base import Promotion
from selftune.release.stage import release

if TYPE_CHECKING:
    from selftune.loop.project import Project
    from selftune.store import Store

# What a failed release leaves behind when it was the build's or the server's fault; anything else is tried again.
_FINAL = ("ServingError", "DamagedFileError", "IntegrityError")


def pending_decision(store: Store) -> Decision | None:
    """The last decision, if it promotes and nothing was released for it."""
    decision = store.last(Decision)
    if decision is None or decision.outcome is not Outcome.PROMOTE or decision.build_id is None:
        return None
    if any(one.decision_id == decision.id for _, one in store.each(Release)):
        return None
    return decision


def pending_promotion(project: Project) -> Promotion | None:
    """The promotion that must be carried out before anything new is begun; None when there is none.

    One whose release failed because its build could not be served is not tried for ever: the failure is on record.
    """
    decision = pending_decision(project.store)
    if decision is None or decision.build_id is None:
        return None
    serving = serving_release(project)
    promotion = Promotion(
        build=project.store.record(decision.build_id, Build),
        decision=decision,
        generation=serving.generation + 1,
        replaced=serving,
        approvals=(),
        reason=decision.reason,
    )
    failure = project.store.failure(step_key(release, promotion, make_target(project), project.context()))
    return None if failure is not None and failure.startswith(_FINAL) else promotion

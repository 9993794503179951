"""A promotion that was decided and not carried out: cut off by a crash, or waiting for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.governance.approvals import Decided
from selftune.governance.approvals import pending_promotion as unsettled_promotion
from selftune.loop.executor import step_key
from selftune.loop.hearing import hear_project
from selftune.loop.incoming.taking_back import withdrawn_from_prompt
from selftune.loop.releasing.service import make_target, promotion_of
from selftune.records import Build, Decision, Release
from selftune.release.stage import release

if TYPE_CHECKING:
    from selftune.loop.project import Project
    from selftune.release.base import Promotion

# What a failed release leaves behind when it was the build's or the server's fault; anything else is tried again.
_FINAL: Final = ("ServingError", "DamagedFileError", "IntegrityError")


def pending_decision(project: Project) -> Decision | None:
    """The promoting decision that is neither released, refused nor expired; None when the way is free."""
    store, config = project.store, project.config
    pending = unsettled_promotion(
        [Decided(decision=decision, at=store.saved_at(decision.id)) for _, decision in store.each(Decision)],
        [one for _, one in store.each(Release)],
        hear_project(project),
        now=project.now(),
        expiry_hours=config.governance.expiry_hours,
    )
    return None if pending is None else pending.decision


def pending_promotion(project: Project) -> Promotion | None:
    """The promotion that must be carried out before anything new is begun; None when there is none.

    One whose prompt shows words that were taken back since is not carried out. One whose release failed because its
    build could not be served is not tried for ever: the failure is on record.

    Raises:
        WaitingForPersonError: someone holds it, or an approval is missing.
    """
    decision = pending_decision(project)
    if decision is None or decision.build_id is None:
        return None
    made = project.store.record(decision.build_id, Build)
    if withdrawn_from_prompt(made, project.store):
        return None
    promotion = promotion_of(project, made, decision)
    failure = project.store.failure(step_key(release, promotion, make_target(project), project.context()))
    return None if failure is not None and failure.startswith(_FINAL) else promotion

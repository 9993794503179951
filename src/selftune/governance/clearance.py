"""The one question the loop asks before it releases what the gate promotes: have the people had their say?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.errors import WaitingForPersonError
from selftune.governance.approvals import approvals_needed, valid_approvals
from selftune.governance.doubts import open_doubts
from selftune.records import Statement, StatementKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selftune.context import Reader
    from selftune.records import Decision


def clear_for_release(
    read: Reader,
    decision: Decision,
    *,
    profile: str,
    runner: str | None,
    public_key: str | None = None,
) -> tuple[str, ...]:
    """Ids of the approvals that a promotion is released with; none are needed in the profile `solo`.

    Args:
        read: The project's records.
        decision: What the gate promoted.
        profile: `solo` or `team`.
        runner: Who runs the cycle; in a team that person's own approval does not count.
        public_key: Where it is given, only statements that this key signed count.

    Raises:
        WaitingForPersonError: someone holds it, or an approval is missing.
    """
    said = tuple(statement for _, statement in read.each(Statement))
    for stop in holds(decision, said, {decision.id: frozenset({runner} if runner else ())}):
        raise WaitingForPersonError(
            f"the promotion is on hold: {stop.text!r} ({stop.author}).",
            next_step="Answer the hold, or have its author withdraw it; what serves goes on serving.",
        )
    needed = approvals_needed(profile)
    given = valid_approvals(decision.id, said, runner=runner if needed else None, public_key=public_key)
    if len(given) < needed:
        raise WaitingForPersonError(
            f"the promotion waits for {needed - len(given)} approval by a person other than {runner or 'its runner'}.",
            next_step="Ask a colleague to run `selftune approve`; what serves goes on serving.",
        )
    return tuple(approval.id for approval in given)


def holds(
    decision: Decision, said: tuple[Statement, ...], responsible: Mapping[str, frozenset[str]]
) -> tuple[Statement, ...]:
    """Open holds on a decision, its build or its run."""
    about = {decision.id, decision.build_id, decision.run_id}
    return tuple(
        doubt for doubt in open_doubts(said, responsible) if doubt.kind is StatementKind.HOLD and doubt.subject in about
    )

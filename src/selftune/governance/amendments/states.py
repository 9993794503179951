"""What has become of each proposal to change the codex."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from selftune.records import StatementKind

if TYPE_CHECKING:
    from selftune.governance.amendments.standing import Said, Standing
    from selftune.records import Amendment, Statement


class AmendmentState(StrEnum):
    """Where a proposal stands; all but the first three are ends."""

    COOLING = "cools off"
    WAITING = "waits for a person"
    ONE_SIGNED = "waits for a second person"
    IN_FORCE = "accepted"
    UNDONE = "rolled back"
    REFUSED = "refused by a person"
    FORBIDDEN = "refused by the codex itself"
    LAPSED = "lapsed"
    OVERTAKEN = "overtaken by another change"

    @property
    def is_open(self) -> bool:
        """Whether it can still be approved, now or later."""
        return self in {AmendmentState.COOLING, AmendmentState.WAITING, AmendmentState.ONE_SIGNED}


def state_of(said: Said, standing: Standing | None, amendment: Amendment, now: str) -> AmendmentState:
    """The state of a proposal at a moment, UTC as ISO 8601."""
    settled = _settled(said, standing, amendment)
    if settled is not None:
        return settled
    if now >= amendment.lapses_at:
        return AmendmentState.LAPSED
    if now < amendment.cools_until:
        return AmendmentState.COOLING
    signed = standing is not None and amendment.id in standing.waiting
    return AmendmentState.ONE_SIGNED if signed else AmendmentState.WAITING


def refusal_of(said: Said, amendment: Amendment) -> Statement | None:
    """The words of whoever refused it first, a person or the codex's own bounds; None where nobody did."""
    return next(
        (one for _, one in said.statements if one.kind is StatementKind.REFUSAL and one.subject == amendment.id), None
    )


def _settled(said: Said, standing: Standing | None, amendment: Amendment) -> AmendmentState | None:
    if standing is not None and amendment.id in standing.undone:
        return AmendmentState.UNDONE
    if standing is not None and amendment.id in standing.accepted:
        return AmendmentState.IN_FORCE
    if amendment.forbidden:
        return AmendmentState.FORBIDDEN
    if refusal_of(said, amendment) is not None:
        return AmendmentState.REFUSED
    if standing is None or amendment.follows != standing.now.since:
        return AmendmentState.OVERTAKEN
    return None

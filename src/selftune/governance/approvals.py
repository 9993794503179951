"""Which approvals of a decision count: a person's, of this very decision, in time, not withdrawn, not the runner's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from selftune.errors import UsageError
from selftune.governance.doubts import open_doubts, standing
from selftune.governance.keys import statement_is_signed
from selftune.records import Outcome, StatementKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from selftune.records import Decision, Release, Statement

SOLO_APPROVALS: Final = 0
TEAM_APPROVALS: Final = 1
_NOBODY: Final[Mapping[str, frozenset[str]]] = {}


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A decision and when it was made, UTC as ISO 8601."""

    decision: Decision
    at: str


@dataclass(frozen=True, kw_only=True)
class PendingPromotion:
    """A build that the gate promotes and nobody has released: no new candidate comes before it is settled.

    Attributes:
        approvals: Ids of the statements that count, for `release`.
        missing: How many more people must approve.
        doubts: Concerns and holds about it that are open; with a hold it is not released.
    """

    decision: Decision
    approvals: tuple[str, ...]
    missing: int
    doubts: tuple[Statement, ...]
    expires_at: str

    @property
    def held(self) -> bool:
        """Whether someone has put a stop sign on it."""
        return any(doubt.kind is StatementKind.HOLD for doubt in self.doubts)

    @property
    def ready(self) -> bool:
        """Whether it may be released now."""
        return self.missing == 0 and not self.held


def approvals_needed(profile: str) -> int:
    """How many people must approve a promotion: none for one person alone, one other person in a team.

    Raises:
        UsageError: there is no such profile.
    """
    needed = {"solo": SOLO_APPROVALS, "team": TEAM_APPROVALS}
    if profile not in needed:
        raise UsageError(f"there is no profile {profile!r}.", next_step="Choose solo or team.")
    return needed[profile]


def valid_approvals(
    decision_id: str, statements: Iterable[Statement], *, runner: str | None, public_key: str | None = None
) -> tuple[Statement, ...]:
    """The approvals of this decision that count, each person once, in the order they were said.

    Args:
        decision_id: The decision; its id covers policy, evaluations and build, so a yes to it is a yes to nothing else.
        statements: Everything that was said.
        runner: Who started the cycle and so may not approve its result; None where that is allowed (`solo`).
        public_key: Where it is given, only statements that this key signed count.
    """
    found: dict[str, Statement] = {}
    for statement in standing(statements):
        counts = (
            statement.kind is StatementKind.APPROVAL
            and statement.subject == decision_id
            and not statement.author_is_model
            and statement.author != runner
            and (public_key is None or statement_is_signed(statement, public_key))
        )
        if counts:
            found.setdefault(statement.author, statement)
    return tuple(found.values())


def pending_promotion(
    decisions: Sequence[Decided],
    releases: Iterable[Release],
    statements: Iterable[Statement],
    *,
    now: str,
    expiry_hours: float,
    needed: int,
    runner: str | None = None,
    public_key: str | None = None,
) -> PendingPromotion | None:
    """The promoting decision that is neither released, refused nor expired; None when the way is free.

    A clock that was set back makes nothing expire and nothing younger; only the newest such decision counts, because
    no later one is made while one is pending.
    """
    said = tuple(statements)
    released = {release.decision_id for release in releases}
    refused = {
        statement.subject
        for statement in standing(said)
        if statement.kind is StatementKind.RETIREMENT and not statement.author_is_model
    }
    for decided in reversed(decisions):
        decision = decided.decision
        if decision.outcome is not Outcome.PROMOTE or decision.id in released | refused:
            continue
        expires = datetime.fromisoformat(decided.at) + timedelta(hours=expiry_hours)
        if datetime.fromisoformat(now) >= expires:
            continue
        approvals = valid_approvals(decision.id, said, runner=runner, public_key=public_key)
        about = {decision.id, decision.build_id, decision.run_id}
        return PendingPromotion(
            decision=decision,
            approvals=tuple(approval.id for approval in approvals),
            missing=max(0, needed - len(approvals)),
            doubts=tuple(doubt for doubt in open_doubts(said, _NOBODY) if doubt.subject in about),
            expires_at=expires.isoformat(timespec="seconds"),
        )
    return None

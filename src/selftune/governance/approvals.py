"""Which approvals of a decision count: a person's, of this very decision, in time, not withdrawn, not the runner's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from selftune.errors import UsageError
from selftune.governance.doubts import against_ending, standing
from selftune.governance.keys import statement_is_signed
from selftune.governance.people.roster import Refusal, signer_of
from selftune.records import Outcome, StatementKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.governance.doubts import Hearing
    from selftune.records import Decision, Release, Statement

SOLO_APPROVALS: Final = 0
TEAM_APPROVALS: Final = 1


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
    """

    decision: Decision
    approvals: tuple[str, ...]
    missing: int
    expires_at: str


def approvals_needed(profile: str) -> int:
    """How many people must approve a promotion: none for one person alone, one other person in a team.

    Raises:
        UsageError: there is no such profile.
    """
    needed = {"solo": SOLO_APPROVALS, "team": TEAM_APPROVALS}
    if profile not in needed:
        raise UsageError(f"there is no profile {profile!r}.", next_step="Choose solo or team.")
    return needed[profile]


def valid_approvals(decision_id: str, hearing: Hearing, *, needed: int) -> tuple[Statement, ...]:
    """The approvals of this decision that count, each person once, in the order they were said.

    Args:
        decision_id: The decision; its id covers policy, evaluations and build, so a yes to it is a yes to nothing else.
        hearing: What was said, by whom, and who runs this; where none is needed, the runner's own goes along.
        needed: How many people must approve.
    """
    kept = {one.id for one in standing(one for _, one in hearing.said)}
    found: list[tuple[frozenset[str], Statement]] = []
    for place, statement in hearing.said:
        if statement.id not in kept or statement.subject != decision_id or not _counts(statement, place, hearing):
            continue
        tokens = hearing.roster.known_as(statement)
        own = hearing.runner is not None and bool(tokens & hearing.roster.named(hearing.runner))
        if not (needed and own) and not any(tokens & others for others, _ in found):
            found.append((tokens, statement))
    return tuple(statement for _, statement in found)


def _counts(statement: Statement, place: int, hearing: Hearing) -> bool:
    """Whether it is a person's approval, signed here, and in a team on the roster by that person's key."""
    if statement.kind is not StatementKind.APPROVAL or statement.author_is_model:
        return False
    if hearing.public_key is not None and not statement_is_signed(statement, hearing.public_key):
        return False
    return not hearing.roster.is_team or not isinstance(signer_of(statement, hearing.roster, place=place), Refusal)


def standing_refusals(hearing: Hearing) -> tuple[Statement, ...]:
    """The refusals of people that nobody took back, in the order they were said.

    A no counts whoever wrote it down. What takes one back is held to what ends a doubt: its author's word, signed here,
    in a team with their key.
    """
    refusals = {one.id: one for _, one in hearing.said if one.kind is StatementKind.REFUSAL and not one.author_is_model}
    taken_back = {
        later.supersedes
        for place, later in hearing.said
        if later.kind is StatementKind.WITHDRAWAL
        and later.supersedes in refusals
        and not against_ending(hearing, refusals[later.supersedes], later, place)
    }
    return tuple(one for one in refusals.values() if one.id not in taken_back)


def pending_promotion(
    decisions: Sequence[Decided],
    releases: Iterable[Release],
    hearing: Hearing,
    *,
    now: str,
    expiry_hours: float,
) -> PendingPromotion | None:
    """The promoting decision that is neither released, refused nor expired; None when the way is free.

    A later decision about the same build takes the place of an earlier one: what was promoted may have done harm since.

    A clock that was set back makes nothing expire and nothing younger; only the newest such decision counts, because
    no later one is made while one is pending.
    """
    released = {release.decision_id for release in releases}
    refused = {statement.subject for statement in standing_refusals(hearing)}
    needed = SOLO_APPROVALS if hearing.alone else TEAM_APPROVALS
    last_words = {decided.decision.build_id: decided.decision.id for decided in decisions}
    for decided in reversed(decisions):
        decision = decided.decision
        if decision.outcome is not Outcome.PROMOTE or decision.id in released | refused:
            continue
        if last_words[decision.build_id] != decision.id:
            continue
        expires = datetime.fromisoformat(decided.at) + timedelta(hours=expiry_hours)
        if datetime.fromisoformat(now) >= expires:
            continue
        approvals = valid_approvals(decision.id, hearing, needed=needed)
        return PendingPromotion(
            decision=decision,
            approvals=tuple(approval.id for approval in approvals),
            missing=max(0, needed - len(approvals)),
            expires_at=expires.isoformat(timespec="seconds"),
        )
    return None

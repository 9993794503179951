"""The one question the loop asks before it releases what the gate promotes: have the people had their say?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.errors import WaitingForPersonError
from selftune.governance.approvals import SOLO_APPROVALS, TEAM_APPROVALS, valid_approvals
from selftune.governance.doubts import doubts_of_decision
from selftune.records import StatementKind

if TYPE_CHECKING:
    from selftune.governance.doubts import Doubt, Hearing
    from selftune.governance.signing.chain import Chain
    from selftune.records import Decision


@dataclass(frozen=True, kw_only=True)
class Clearance:
    """What a promotion is released with.

    Attributes:
        approvals: Ids of the approvals or sign-offs that count.
        concerns: Ids of the concerns that are open and block nothing; the release names them.
    """

    approvals: tuple[str, ...]
    concerns: tuple[str, ...]


def clear_for_release(hearing: Hearing, decision: Decision, chain: Chain | None = None) -> Clearance:
    """The approvals that a promotion is released with, and the concerns in spite of which it is.

    No approval is needed of one person alone; where there are several, that of the runner does not count.

    Args:
        hearing: What was said, and by whom.
        decision: What is to be released.
        chain: The sign-offs that the charter asks for; where it asks for some, they are the approvals.

    Raises:
        WaitingForPersonError: someone holds it, a blocking concern is open, or an approval or signature is missing.
    """
    found = [doubt for doubt in doubts_of_decision(hearing, decision) if doubt.stands]
    for doubt in found:
        if doubt.blocks:
            raise WaitingForPersonError(_in_words(doubt), next_step=_what_ends(doubt))
    concerns = tuple(doubt.statement.id for doubt in found)
    if chain is not None:
        _require_complete(chain)
        return Clearance(approvals=tuple(one.statement.id for one in chain.counted), concerns=concerns)
    needed = SOLO_APPROVALS if hearing.alone else TEAM_APPROVALS
    given = valid_approvals(decision.id, hearing, needed=needed)
    missing = needed - len(given)
    if missing > 0:
        runner = hearing.runner or "its runner"
        raise WaitingForPersonError(
            f"the promotion waits for {missing} approval by a person other than {runner}.",
            next_step="Ask a colleague to run `selftune approve`; what serves goes on serving.",
        )
    return Clearance(approvals=tuple(approval.id for approval in given), concerns=concerns)


def _require_complete(chain: Chain) -> None:
    """Refuse what not everybody has signed for whom the charter names."""
    if chain.is_complete:
        return
    missing = [link.role for link in chain.missing]
    if chain.bundle is None or not chain.is_current or chain.lacks:
        what = "a bundle of what is on record now, with its documents"
    else:
        what = f"the sign-off of {', '.join(missing)}"
    refused = "".join(f" {finding.told}." for _, finding in chain.refused)
    raise WaitingForPersonError(
        f"the promotion waits for {what}.{refused}",
        next_step="See what is missing with `selftune readiness`; what serves goes on serving.",
    )


def _in_words(doubt: Doubt) -> str:
    said = doubt.statement
    what = "is on hold" if said.kind is StatementKind.HOLD else "is blocked by a concern"
    taken_back = ", who withdrew it; it still needs an independent look" if doubt.settled_by is not None else ""
    return f"the promotion {what}: {said.text!r} ({said.author}{taken_back})."


def _what_ends(doubt: Doubt) -> str:
    return (
        f"Read it with `selftune concern show {doubt.statement.id[:18]}`: it says who may end it, and with what; "
        "what serves goes on serving."
    )

"""The circuit breaker: after so many promotions without a person's look, the loop stops and shows what it did.

An approval speaks of one release, and the count begins after it. It is counted from the records each time, so no
crash can lose or double it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError, WaitingForPersonError
from selftune.governance.doubts import standing
from selftune.governance.keys import statement_is_signed
from selftune.governance.people.roster import Signer, roster_of, signer_of
from selftune.records import Release, Statement, StatementKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.context import Reader


SIMULATED: Final = "simulated"
"""The category of a yes that stands in a plan and that no person gave: it counts in simulated time alone."""


@dataclass(frozen=True, kw_only=True)
class BreakerState:
    """How many promotions have come since the last approval, and whether that is enough.

    Attributes:
        unseen: The promotions that no person has looked at, oldest first.
        summary: What a person reads before saying yes.
    """

    count: int
    limit: int
    open: bool
    unseen: tuple[Release, ...]
    summary: str


def breaker_state(
    releases: Sequence[Release],
    statements: Iterable[Statement],
    limit: int,
    *,
    public_key: str | None = None,
    simulated: bool = False,
) -> BreakerState:
    """The breaker from the records, oldest first; with a key, only approvals that it signed count.

    Rollbacks and the base are no promotions; going back does not make the count smaller. A simulated yes counts only
    where people are simulated too.

    Raises:
        ConfigError: the limit is below 1.
    """
    if limit < 1:
        raise ConfigError(f"[governance] approve_every is {limit}.", next_step="Set it to 1 or more; 5 is the default.")
    approved = {
        statement.subject
        for statement in standing(statements)
        if statement.kind is StatementKind.APPROVAL
        and (simulated if statement.category == SIMULATED else not statement.author_is_model)
        and (public_key is None or statement_is_signed(statement, public_key))
    }
    seen = max((place for place, release in enumerate(releases) if release.id in approved), default=-1)
    unseen = tuple(release for release in releases[seen + 1 :] if is_promotion(release, releases))
    count = len(unseen)
    is_open = count >= limit
    told = f"{count} of {limit} promotions since the last approval"
    return BreakerState(
        count=count,
        limit=limit,
        open=is_open,
        unseen=unseen,
        summary=f"{told}: the loop waits for a person." if is_open else f"{told}.",
    )


def is_promotion(release: Release, releases: Iterable[Release]) -> bool:
    """Whether a release brought a decision into service for the first time."""
    if release.decision_id is None:
        return False
    first = next(one for one in releases if one.decision_id == release.decision_id)
    return first.id == release.id


def breaker_of(read: Reader, limit: int, *, public_key: str | None = None, simulated: bool = False) -> BreakerState:
    """The breaker of a project, with the summary that a person reads before approving."""
    from selftune.governance.summary import summarise  # draws samples; who only counts needs none

    state = count_unseen(read, limit, public_key=public_key, simulated=simulated)
    return replace(state, summary="\n".join((state.summary, *summarise(read, state.unseen))))


def require_closed_breaker(read: Reader, limit: int, *, public_key: str | None = None, simulated: bool = False) -> None:
    """Return when the loop may go on by itself.

    Raises:
        WaitingForPersonError: as many promotions as the limit allows have come since the last approval.
    """
    state = count_unseen(read, limit, public_key=public_key, simulated=simulated)
    if state.open:
        raise WaitingForPersonError(
            f"{state.count} promotions since a person last looked; the limit is {limit}.",
            next_step="Run `selftune approve --breaker`: it shows what changed and asks for your yes.",
        )


def count_unseen(read: Reader, limit: int, *, public_key: str | None = None, simulated: bool = False) -> BreakerState:
    """The breaker of a project, in one line: nothing is read but releases and what people said."""
    releases = [release for _, release in read.each(Release)]
    said = tuple(read.each(Statement))
    roster = roster_of(said, public_key=public_key)
    # In a team a name is nobody's yes: only what its key signed counts.
    counted = (
        statement
        for place, statement in said
        if not roster.is_team
        or statement.kind is not StatementKind.APPROVAL
        or isinstance(signer_of(statement, roster, place=place), Signer)
    )
    return breaker_state(releases, counted, limit, public_key=public_key, simulated=simulated)

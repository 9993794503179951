"""What was promoted since a person looked: how often that has happened, and how often one must look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages.plain import one_line
from selftune.governance.breaker import count_unseen
from selftune.ledger.keys import load_machine_key
from selftune.loop.deciding.breaker_lock import DEFAULT, last_change

if TYPE_CHECKING:
    from selftune.governance.breaker import BreakerState
    from selftune.loop.project import Project

RARE: Final = 20
"""A limit above which a person sees so little of what happens that the breaker is as good as off."""


def breaker_now(project: Project) -> BreakerState:
    """The breaker as the loop counts it, in one line: only what this machine signed lets it go on.

    Raises:
        MissingFileError: the machine's key is gone.
    """
    public_key = load_machine_key(project.hidden / "keys").trusted
    limit = project.config.governance.approve_every
    return count_unseen(project.store, limit, public_key=public_key, simulated=project.simulated)


def breaker_line(project: Project) -> str | None:
    """The breaker for a status; None while nothing was promoted unseen and nobody changed how often one must look."""
    state, changed = breaker_now(project), limit_in_words(project)
    if not state.count and not changed:
        return None
    told = f"{state.count} of {state.limit} promotions since a person looked"
    opened = ": selftune approve --breaker" if state.open else ""
    return f"{told}{opened}{f'; {changed}' if changed else ''}"


def limit_in_words(project: Project) -> str:
    """What is to be said of how often a person must look; empty where it always was the default."""
    limit, last = project.config.governance.approve_every, last_change(project)
    rare = "; that is as good as never" if limit > RARE else ""
    if last is not None and last.limit == limit:
        changed = f", changed from {last.before} on {last.at} by {one_line(last.by)}"
        return f"a person must look after {limit} promotions{changed}{rare}"
    if limit != (DEFAULT if last is None else last.limit):
        before = DEFAULT if last is None else last.limit
        return f"a person must look after {limit} promotions from the next cycle on, before that after {before}{rare}"
    return ""

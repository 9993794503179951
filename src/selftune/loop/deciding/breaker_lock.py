"""How often a person is asked to look: every change of it is a ledger entry, so that nobody turns it off unseen."""

from __future__ import annotations

import getpass
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from selftune.failpoints import reach
from selftune.loop.config import GovernanceSection

if TYPE_CHECKING:
    from selftune.loop.project import Project

EVENT: Final = "breaker changed"
DEFAULT: Final = GovernanceSection().approve_every
_WORK: Final = "breaker"
_KEPT: Final = "in force"


@dataclass(frozen=True, kw_only=True)
class Change:
    """The last change of the limit that is on record: from, to, by the clock of the machine, and who was logged in."""

    before: int
    limit: int
    at: str
    by: str


def keep_breaker(project: Project) -> None:
    """Put the limit in force on record where it is another one than before. Only for who holds the lease."""
    limit, last = project.config.governance.approve_every, last_change(project)
    before = DEFAULT if last is None else last.limit
    if limit == before:
        return
    change = Change(before=before, limit=limit, at=project.now(), by=getpass.getuser())
    # The note first: what is cut off between the two is noted once more, and never not at all.
    project.store.note(EVENT, {"from": str(before), "to": str(limit), "by": change.by})
    reach("breaker-noted")
    project.store.step_work(_WORK).put(_KEPT, json.dumps(asdict(change)).encode())


def last_change(project: Project) -> Change | None:
    """The last change on record; None where it always was the default."""
    kept = project.store.step_work(_WORK).get(_KEPT)
    return None if kept is None else Change(**json.loads(kept))

"""`selftune approve`: what waits for a person, and the person's yes on record."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

from selftune.governance.breaker import breaker_of
from selftune.governance.keys import sign_statement
from selftune.governance.statements import approve
from selftune.ledger.keys import load_machine_key
from selftune.loop.incoming.privacy import door_of
from selftune.loop.releasing.pending import pending_decision
from selftune.loop.releasing.service import serving_release

if TYPE_CHECKING:
    from selftune.loop.project import Project
    from selftune.records import Statement


def describe_what_waits(project: Project) -> str:
    """What a yes would mean now: to a promotion that waits, else to what was promoted since the last look."""
    pending = pending_decision(project)
    if pending is not None:
        return f"A promotion waits: {pending.reason} ({pending.id})"
    return breaker_of(project.store, project.config.governance.approve_every).summary


def approve_next(project: Project, *, author: str, text: str) -> Statement:
    """Keep the person's signed approval of what waits: a promotion, or the release up to which they have looked."""
    pending = pending_decision(project)
    subject = serving_release(project).id if pending is None else pending.id
    said = approve(
        subject,
        author=author or getpass.getuser(),
        text=text or "approved",
        context=project.context(),
        door=door_of(project),
    )
    statement = sign_statement(said, load_machine_key(project.hidden / "keys"))
    project.store.save([statement], event="approved")
    return statement

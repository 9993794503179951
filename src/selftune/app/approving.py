"""`selftune approve`: what waits for a person, and the person's yes on record."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

from selftune.governance.breaker import breaker_of
from selftune.governance.statements import approve
from selftune.loop.planning import serving_release

if TYPE_CHECKING:
    from selftune.loop.project import Project
    from selftune.records import Statement


def describe_what_waits(project: Project) -> str:
    """What a yes would mean now."""
    return breaker_of(project.store, project.config.governance.approve_every).summary


def approve_next(project: Project, *, author: str, text: str) -> Statement:
    """Keep the person's approval of what serves; the breaker counts from here."""
    statement = approve(
        serving_release(project).id,
        author=author or getpass.getuser(),
        text=text or "approved",
        context=project.context(),
    )
    project.store.save([statement], event="approved")
    return statement

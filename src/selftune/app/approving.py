"""`selftune approve`: what waits for a person, and the person's yes on record."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.app.breaker_page import describe_breaker
from selftune.app.doubting import speaker
from selftune.app.reporting.pages.plain import one_line
from selftune.app.signing import speak
from selftune.governance.breaker import SIMULATED
from selftune.governance.people.keys import ask_on_terminal
from selftune.governance.statements import approve
from selftune.loop.hearing import hear_project, put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.loop.releasing.pending import pending_decision
from selftune.loop.releasing.service import serving_release

if TYPE_CHECKING:
    from selftune.governance.people.keys import Ask
    from selftune.loop.project import Project
    from selftune.records import Statement


def describe_what_waits(project: Project, *, breaker: bool = False) -> str:
    """What a yes would mean now: to a promotion that waits, else to what was promoted since the last look.

    With `breaker` to the latter, whatever else waits.
    """
    pending = None if breaker else pending_decision(project)
    if pending is not None:
        return f"A promotion waits: {one_line(pending.reason)} ({pending.id})"
    return "\n".join(describe_breaker(project))


def approve_next(
    project: Project,
    *,
    author: str,
    text: str,
    ask: Ask = ask_on_terminal,
    breaker: bool = False,
    simulated: bool = False,
) -> Statement:
    """Keep the person's signed approval of what waits: a promotion, or the release up to which they have looked.

    Args:
        project: Where.
        author: Who says so; empty: who is logged in.
        text: What they say; empty: that they approve.
        ask: Asks for a passphrase.
        breaker: Whether the yes is to what was promoted, although a promotion may wait.
        simulated: Whether no person says so: a plan does, in simulated time.

    Raises:
        UsageError: the roster has several people, and nobody sits at a terminal to unlock this one's key.
    """
    pending = None if breaker else pending_decision(project)
    subject = serving_release(project).id if pending is None else pending.id
    said = approve(
        subject,
        author=speaker(project, author),
        text=text or "approved",
        context=project.context(),
        door=door_of(project),
    )
    if simulated:
        return put_on_record(project, replace(said, author_is_model=True, category=SIMULATED), event="approved")
    return put_on_record(project, speak(hear_project(project), said, ask), event="approved")

"""What to do next in a project, as one command: what waits for a person first, then what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.waiting import Awaited, what_waits
from selftune.governance.statements import PROJECT
from selftune.loop.under_way import what_is_under_way
from selftune.records import Decision, Release

if TYPE_CHECKING:
    from selftune.loop.project import Project

_LIFT_HOLD: Final = "selftune lift hold"
_MINUTE: Final = 60


def next_step(project: Project, *, new: int) -> str:
    """The command to type next; `new` is how many interactions no lesson was made of yet.

    A hold stops nothing but promotions, so it is no reason to lift it. What only one record or tool waits for is
    `selftune approve --list`.

    Raises:
        MissingFileError: the machine's key is gone.
    """
    if project.store.last(Release) is None:
        return "selftune init: nothing is in service yet"
    for one in what_waits(project):
        whole = one.awaited is not Awaited.LIFT or (one.id == PROJECT and not one.command.startswith(_LIFT_HOLD))
        if one.blocks and whole and one.awaited is not Awaited.ANSWER:
            return one.command
    if under_way(project) is not None:
        return "wait for it; `selftune stop` ends it"
    if new:
        return "selftune cycle"
    decision = project.store.last(Decision)
    if decision is not None and decision.next_step:
        return decision.next_step
    return "selftune import FILE, or selftune ask"


def under_way(project: Project) -> str | None:
    """The stage that another process is at here, how far, and what is left; None where none is at one."""
    for one in what_is_under_way(project.hidden):
        if one.stage:
            far = f", {one.done} of {one.total}" if one.total else ""
            left = one.seconds_left
            about = "" if left is None else f", about {max(1, round(left / _MINUTE))} min left"
            return f"{one.stage.replace('_', ' ')}{far}{about}"
    return None

"""What has become of each tool: the one place that says whether it may be called."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from selftune.errors import IntegrityError, UnknownNameError
from selftune.governance.approvals import standing_refusals, valid_approvals
from selftune.governance.doubts import doubts, standing
from selftune.governance.keys import statement_is_signed
from selftune.ledger.keys import load_machine_key
from selftune.loop.hearing import hear_project
from selftune.records import StatementKind, Tool
from selftune.records.signatures import is_signed
from selftune.toolforge.config import ApprovedBy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.governance.doubts import Doubt, Hearing
    from selftune.ledger.keys import MachineKey
    from selftune.loop.opened import Project
    from selftune.records import Statement

MACHINE: Final = "selftune"
POLICY: Final = "policy pure"
"""How an approval is marked that code gave, because `[forge] approve = "pure"` said so."""


class ToolState(StrEnum):
    """What has become of a tool; only an approved one may be called."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    SUSPENDED = "suspended"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A tool and what has become of it.

    Attributes:
        place: Where it stands in the order in which everything was kept.
        said: The statements that made it so: approvals, a refusal, what suspends it.
        why: That in words, for a person.
        was_approved: Somebody said yes to it, whatever was said afterwards.
    """

    tool: Tool
    place: int
    state: ToolState
    said: tuple[Statement, ...] = ()
    why: str = ""
    was_approved: bool = False


def seal_tool(tool: Tool, key: MachineKey) -> Tool:
    """The tool signed by this machine: that it was proposed here, as it stands."""
    return replace(tool, signature=key.sign(_message(tool)))


def tools_of(project: Project) -> tuple[Standing, ...]:
    """Every tool of a project, oldest first, and what has become of it.

    Raises:
        IntegrityError: one was altered, or was not proposed here; then none is called.
    """
    found = list(project.store.each(Tool))
    if not found:
        return ()
    public_key = load_machine_key(project.hidden / "keys").trusted
    for _, tool in found:
        if not is_signed(_message(tool), tool.signature, public_key):
            raise IntegrityError(
                f"tool {tool.name!r} ({tool.id[:22]}) is not signed by this machine as it stands.",
                next_step="Restore .selftune/store.db from a backup; no tool is called until then.",
            )
    hearing = hear_project(project)
    by_policy = project.config.forge.approve is ApprovedBy.PURE
    return judge_tools(found, hearing, by_policy=by_policy)


def judge_tools(
    found: Sequence[tuple[int, Tool]], hearing: Hearing, *, by_policy: bool = False
) -> tuple[Standing, ...]:
    """What has become of each of these tools, by what was said and by whom.

    A refusal stays until its author withdraws it; a doubt that blocks suspends; an approved version takes the place of
    the approved ones of its name before it. Where it is suspended none of them comes back; where it is refused, none
    that no person approves anew after that. Code's yes counts for the first of a name alone.

    Args:
        found: Each tool with its place, oldest first.
        hearing: What is on record.
        by_policy: Whether code may approve a pure tool here now; in a team it never may.
    """
    kept = standing(one for _, one in hearing.said)
    blocking = [doubt for doubt in doubts(hearing) if doubt.blocks]
    refused = standing_refusals(hearing)
    first_place: dict[str, int] = {}
    for place, tool in found:
        first_place.setdefault(tool.name, place)
    each = [
        _judge(place, tool, hearing, kept, refused, blocking, by_policy=by_policy and first_place[tool.name] == place)
        for place, tool in found
    ]
    return tuple(_superseded(one, each, hearing) for one in each)


def is_first(tool: Tool, found: Iterable[Standing]) -> bool:
    """Whether none of its name stands before it; `found` is oldest first."""
    return next((one.tool.id for one in found if one.tool.name == tool.name), tool.id) == tool.id


def may_come_back(one: Standing, found: Iterable[Standing]) -> bool:
    """Whether a person's new yes brings a superseded version back: all that took its place was refused."""
    later = [other for other in found if other.tool.name == one.tool.name and other.place > one.place]
    allowed = {ToolState.APPROVED, ToolState.SUSPENDED, ToolState.SUPERSEDED}
    return one.state is ToolState.SUPERSEDED and not any(other.state in allowed for other in later)


def find_tool(found: Iterable[Standing], name: str) -> Standing:
    """The tool of this id, or beginning of one, or the newest of this name.

    Raises:
        UnknownNameError: there is none; the nearest names are offered.
    """
    held = tuple(found)
    fitting = [one for one in held if name in {one.tool.name, one.tool.id}]
    fitting = fitting or [one for one in held if name.startswith("tool:") and one.tool.id.startswith(name)]
    if not fitting:
        raise UnknownNameError("tool", name, {one.tool.name for one in held})
    return max(fitting, key=lambda one: one.place)


def approved(found: Iterable[Standing]) -> tuple[Standing, ...]:
    """Those that may be called."""
    return tuple(one for one in found if one.state is ToolState.APPROVED)


def is_by_policy(statement: Statement) -> bool:
    """Whether code gave this approval."""
    return statement.author_is_model and statement.category == POLICY


def _judge(
    place: int,
    tool: Tool,
    hearing: Hearing,
    kept: Sequence[Statement],
    refused: Sequence[Statement],
    blocking: Sequence[Doubt],
    *,
    by_policy: bool,
) -> Standing:
    refusals = tuple(one for one in refused if one.subject == tool.id)
    given = _approvals(tool, hearing, kept, by_policy=by_policy)
    if refusals:
        why = f"refused by {refusals[-1].author}"
        return Standing(
            tool=tool, place=place, state=ToolState.REFUSED, said=refusals, why=why, was_approved=bool(given)
        )
    if not given:
        return Standing(tool=tool, place=place, state=ToolState.PROPOSED, why="waits for a person's yes")
    held = tuple(doubt.statement for doubt in blocking if doubt.statement.subject == tool.id)
    if held:
        why = f"suspended by {held[-1].author}: {held[-1].text}"
        return Standing(tool=tool, place=place, state=ToolState.SUSPENDED, said=held, why=why, was_approved=True)
    by = "policy: it was shown to be pure" if all(map(is_by_policy, given)) else given[-1].author
    why = f"approved by {by}"
    return Standing(tool=tool, place=place, state=ToolState.APPROVED, said=given, why=why, was_approved=True)


def _approvals(tool: Tool, hearing: Hearing, kept: Sequence[Statement], *, by_policy: bool) -> tuple[Statement, ...]:
    people = valid_approvals(tool.id, hearing, needed=0)
    if people or not (by_policy and hearing.alone and may_be_approved_by_code(tool)):
        return people
    return tuple(
        one
        for one in kept
        if one.subject == tool.id
        and one.kind is StatementKind.APPROVAL
        and is_by_policy(one)
        and hearing.public_key is not None
        and statement_is_signed(one, hearing.public_key)
    )


def may_be_approved_by_code(tool: Tool) -> bool:
    """Whether a policy may allow it: it was shown to be pure, and nothing that a person allowed changes under it."""
    return tool.pure and tool.supersedes is None and bool(tool.tests) and all(test.passed for test in tool.tests)


def _superseded(one: Standing, found: Sequence[Standing], hearing: Hearing) -> Standing:
    """The same, superseded where a later version of its name was allowed."""
    if one.state is not ToolState.APPROVED:
        return one
    later = [
        other for other in found if other.tool.name == one.tool.name and other.place > one.place and other.was_approved
    ]
    refused = {said.id for other in later if other.state is ToolState.REFUSED for said in other.said}
    all_refused = all(other.state is ToolState.REFUSED for other in later)
    if not later or (all_refused and _is_approved_after(one.tool, refused, hearing)):
        return one
    why = f"version {later[-1].tool.version} took its place"
    why += ", and was refused; a new yes brings this one back" if all_refused else ""
    return replace(one, state=ToolState.SUPERSEDED, why=why)


def _is_approved_after(tool: Tool, refused: set[str], hearing: Hearing) -> bool:
    """Whether a person said yes to it after the last of these refusals."""
    last = max(place for place, said in hearing.said if said.id in refused)
    since = tuple(placed for placed in hearing.said if placed[0] > last)
    return bool(valid_approvals(tool.id, replace(hearing, said=since), needed=0))


def _message(tool: Tool) -> bytes:
    return f"selftune tool {replace(tool, signature=None).id}".encode()

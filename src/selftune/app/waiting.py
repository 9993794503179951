"""Everything here that waits for a person, as plain data: for `approve --list`, a phone, or a page."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from selftune.app.reporting.pages.plain import one_line, plain, quoted
from selftune.app.unseen import breaker_now
from selftune.errors import WaitingForPersonError
from selftune.governance.brake.file import is_braked
from selftune.governance.brake.stays import KINDS
from selftune.governance.clearance import clear_for_release
from selftune.governance.doubts import DOUBTS, doubts
from selftune.governance.statements import PROJECT, STAYS
from selftune.loop.forging.standing import ToolState, tools_of
from selftune.loop.hearing import hear_project
from selftune.loop.night.alarms import refuse_stopped
from selftune.loop.releasing.pending import pending_decision
from selftune.records import Release, StatementKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.governance.doubts import Doubt, Hearing
    from selftune.loop.project import Project


class Awaited(StrEnum):
    """What a person is asked for."""

    BREAKER = "a look at what was promoted"
    PROMOTION = "the approval of a promotion"
    LIFT = "a lift, or none"
    ANSWER = "an answer"
    NIGHTS = "a word that nights may go on"
    TOOL = "a yes or a no to a tool"


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """One thing that waits; silence never settles it.

    Attributes:
        id: Of the record that it is about; `project` for all of it.
        text: What it is, or somebody's words as they said them; untouched, so whoever shows it makes it harmless.
        author: Whose words these are; empty where they are ours.
        since: When it was said or kept, UTC, ISO 8601; empty where that is not on record.
        blocks: Whether something stands still until it is settled.
        command: What settles it, or shows how.
    """

    awaited: Awaited
    id: str
    text: str
    author: str = ""
    since: str = ""
    blocks: bool = True
    command: str


def what_waits(project: Project) -> tuple[Waiting, ...]:
    """All of it, what stands still for it first.

    Raises:
        MissingFileError: the machine's key is gone.
    """
    hearing = hear_project(project)
    found = (
        *_stays(project, hearing),
        *_breaker(project),
        *_promotion(project, hearing),
        *_nights(project),
        *_tools(project),
        *(_concern(doubt) for doubt in doubts(hearing) if _awaits_answer(doubt)),
    )
    return tuple(sorted(found, key=lambda one: not one.blocks))


def describe_waiting(found: tuple[Waiting, ...]) -> Iterator[str]:
    """The queue in words, somebody's own behind a bar."""
    if not found:
        yield "Nothing waits for a person."
    for one in found:
        since = f", since {one.since}" if one.since else ""
        blocks = "" if one.blocks else " (nothing stands still for it)"
        yield f"{one.awaited.value}: {one_line(one.id[:26])}{since}{blocks}"
        if one.author:
            yield f"  {one_line(one.author)} said:"
            yield from quoted(one.text, "    ")
        else:
            yield f"  {plain(one.text)}"
        yield f"  → {one.command}"


def _stays(project: Project, hearing: Hearing) -> Iterator[Waiting]:
    found = [doubt for doubt in doubts(hearing, STAYS) if doubt.stands]
    if is_braked(project.hidden) and not any(one.statement.kind is StatementKind.STOP for one in found):
        from selftune.loop.braking import check_brake  # it knows every stage that learns

        try:
            check_brake(project)
        except WaitingForPersonError as braked:
            yield Waiting(
                awaited=Awaited.LIFT, id=PROJECT, text=braked.message, command='selftune lift stop --because "..."'
            )
    words = {kind: word for word, kind in KINDS.items()}
    for doubt in found:
        said = doubt.statement
        whole = said.subject == PROJECT
        command = f"lift {words[said.kind]}" if whole else f"concern close {said.id[:18]}"
        yield Waiting(
            awaited=Awaited.LIFT,
            id=said.subject if not whole else PROJECT,
            text=said.text,
            author=said.author,
            since=said.said_at,
            command=f'selftune {command} --because "..."',
        )


def _breaker(project: Project) -> Iterator[Waiting]:
    state = breaker_now(project)
    if state.open:
        serving = project.store.last(Release)
        yield Waiting(
            awaited=Awaited.BREAKER,
            id=PROJECT if serving is None else serving.id,
            text=state.summary.partition("\n")[0],
            since=project.store.saved_at(state.unseen[-1].id),
            command="selftune approve --breaker",
        )


def _promotion(project: Project, hearing: Hearing) -> Iterator[Waiting]:
    decision = pending_decision(project)
    if decision is None:
        return
    try:
        clear_for_release(hearing, decision)
    except WaitingForPersonError as waits:
        yield Waiting(
            awaited=Awaited.PROMOTION,
            id=decision.id,
            text=f"{decision.reason} {waits.message}",
            since=project.store.saved_at(decision.id),
            command=f"selftune why {decision.id[:18]}, then selftune approve",
        )


def _nights(project: Project) -> Iterator[Waiting]:
    try:
        refuse_stopped(project)
    except WaitingForPersonError as stopped:
        yield Waiting(
            awaited=Awaited.NIGHTS,
            id=PROJECT,
            text=stopped.message,
            command='selftune nightly resume --because "what was mended"',
        )


def _tools(project: Project) -> Iterator[Waiting]:
    for one in tools_of(project):
        if one.state is ToolState.PROPOSED:
            yield Waiting(
                awaited=Awaited.TOOL,
                id=one.tool.id,
                text=f"{one.tool.name}, version {one.tool.version}: {one.tool.description}",
                since=project.store.saved_at(one.tool.id),
                blocks=False,
                command=f"selftune tool show {one.tool.name}, then selftune tool approve or refuse it",
            )


def _awaits_answer(doubt: Doubt) -> bool:
    """A concern that nobody has replied to, or that blocks; what only asks for a lift stands elsewhere."""
    is_concern = doubt.statement.kind in DOUBTS - STAYS
    return is_concern and doubt.stands and (doubt.blocks or not doubt.answers)


def _concern(doubt: Doubt) -> Waiting:
    said = doubt.statement
    return Waiting(
        awaited=Awaited.ANSWER,
        id=said.subject,
        text=said.text,
        author=said.author,
        since=said.said_at,
        blocks=doubt.blocks,
        command=f"selftune concern show {said.id[:18]}",
    )

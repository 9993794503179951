"""What is to be told, read from the records; nothing in it is anybody's words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from selftune.app.waiting import Awaited, what_waits
from selftune.loop.canary.note import TrialEnd
from selftune.loop.canary.settling import EVENT as CANARY_ENDED
from selftune.loop.fronting import NoticeEvent
from selftune.records import Decision, Night

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.ledger.entries import Entry
    from selftune.loop.project import Project

WATCHED: Final = "notices began"
STEP_FAILED: Final = "step failed"
NIGHT_FAILED: Final = "night failed"
_NEWS: Final = timedelta(days=7)
# So far back one looks for what happened; a week of nights has a tenth of it.
_MOST_ENTRIES: Final = 50_000


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One thing to be told.

    Attributes:
        about: What it is about, by its place in the ledger or a record's id; it is told once.
    """

    event: NoticeEvent
    about: str
    text: str


def notices_now(project: Project) -> tuple[Notice, ...]:
    """All that a person could be told now, of the last week; what was told already is among it.

    Nothing that happened before notices were first asked for is news.
    """
    wanted = set(project.config.notify.events)
    found = (*_morning(project), *_waiting(project), *_happened(project))
    return tuple(notice for notice in found if notice.event in wanted)


def begin_watching(project: Project) -> None:
    """Write down from where on things are news; once."""
    if not project.store.noted(WATCHED):
        project.store.note(WATCHED, {"after": str(project.store.last_entry())})


def _morning(project: Project) -> Iterator[Notice]:
    night = project.store.last(Night)
    if night is None or not _is_news(project, night.ended):
        return
    tries = f"{len(night.experiments)} {'try' if len(night.experiments) == 1 else 'tries'}"
    yield Notice(
        event=NoticeEvent.MORNING,
        about=night.id,
        text=f"Night {night.name}: {tries}, ended by {night.ended_by}. {_said_by_gate(project, night)} "
        "Read it: selftune report",
    )
    if night.unended is not None:
        yield Notice(
            event=NoticeEvent.FAILURE,
            about=f"{night.id} outage",
            text=f"Nothing serves since night {night.name}. Start it: selftune start",
        )


def _said_by_gate(project: Project, night: Night) -> str:
    if night.decision_id is None:
        return "The gate was not asked."
    outcome = project.store.record(night.decision_id, Decision).outcome
    return f"The gate said {outcome.value}."


def _waiting(project: Project) -> Iterator[Notice]:
    for one in what_waits(project):
        event = NoticeEvent.HOLD if one.awaited is Awaited.LIFT else NoticeEvent.APPROVAL
        yield Notice(
            event=event,
            about=f"{one.awaited.name.lower()} {one.id}",
            text=f"{one.awaited.value[0].upper()}{one.awaited.value[1:]} is waited for. See: selftune approve --list",
        )


def _happened(project: Project) -> Iterator[Notice]:
    began = project.store.noted(WATCHED)
    after = int(began[0][1]["after"]) if began else project.store.last_entry()
    for entry in project.store.history(max(after, project.store.last_entry() - _MOST_ENTRIES)):
        if not _is_news(project, entry.at):
            continue
        notice = _of_entry(entry)
        if notice is not None:
            yield notice


def _of_entry(entry: Entry) -> Notice | None:
    detail = dict(entry.detail)
    if entry.event == STEP_FAILED:
        text = f"The step {detail.get('stage', '?')} failed ({detail.get('error', '?')}). See: selftune status"
        return Notice(event=NoticeEvent.FAILURE, about=f"entry {entry.seq}", text=text)
    if entry.event == NIGHT_FAILED:
        text = f"A night broke off ({detail.get('error', '?')}). See: selftune nightly status"
        return Notice(event=NoticeEvent.FAILURE, about=f"entry {entry.seq}", text=text)
    if entry.event == CANARY_ENDED and detail.get("end") == TrialEnd.RETURNED.value:
        text = "The candidate was sent back, and the champion answers everybody. See: selftune canary status"
        return Notice(event=NoticeEvent.CANARY, about=f"entry {entry.seq}", text=text)
    return None


def _is_news(project: Project, at: str) -> bool:
    return datetime.fromisoformat(project.now()) - datetime.fromisoformat(at) <= _NEWS

"""`selftune canary`: what is being tried on real requests, in words and as plain data, and a person's yes to it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from selftune.app.doubting import speaker
from selftune.app.signing import speak
from selftune.app.trial_page import describe_trial
from selftune.governance.people.keys import ask_on_terminal
from selftune.governance.statements import approve
from selftune.loop.canary.note import read_canary
from selftune.loop.canary.place import canary_server
from selftune.loop.canary.settling import trial_of
from selftune.loop.canary.starting import candidate_named
from selftune.loop.hearing import hear_project, put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import LiveTrial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.governance.people.keys import Ask
    from selftune.loop.project import Project
    from selftune.records import Statement


def canary_status(project: Project) -> dict[str, Any]:
    """The trial that runs, as it stands now, and the last one on record.

    Raises:
        DamagedFileError: the note of the trial can't be read.
    """
    note, last = read_canary(project.hidden), project.store.last(LiveTrial)
    running = None
    if note is not None and note.runs:
        status = canary_server(project.hidden).status()
        running = {
            **asdict(trial_of(note, project.hidden)),
            "address": note.address,
            "serves": status is not None and status.build_digest == note.candidate_digest,
        }
    return {"running": running, "last": None if last is None else {"id": last.id, **asdict(last)}}


def describe_canary(project: Project) -> Iterator[str]:
    """The same in sentences."""
    note, last = read_canary(project.hidden), project.store.last(LiveTrial)
    if note is not None and note.runs:
        yield from describe_trial(trial_of(note, project.hidden))
        status = canary_server(project.hidden).status()
        if status is None or status.build_digest != note.candidate_digest:
            yield "Its server does not answer now; the champion answers in its place."
        yield "It stays at its share until you end it (selftune canary stop), and ends by itself when harm is shown."
        return
    yield "No candidate is being tried."
    if last is not None:
        yield from describe_trial(last)


def approve_trial(project: Project, name: str, *, author: str, text: str, ask: Ask = ask_on_terminal) -> Statement:
    """Keep a person's signed yes to trying this build on real requests; it is no yes to releasing it.

    Raises:
        UsageError: there is no such candidate, or nobody sits at a terminal to unlock this person's key.
    """
    build = candidate_named(project, name)
    said = approve(
        build.id,
        author=speaker(project, author),
        text=text or "may be tried on real requests",
        context=project.context(),
        door=door_of(project),
    )
    return put_on_record(project, speak(hear_project(project), said, ask), event="approved")

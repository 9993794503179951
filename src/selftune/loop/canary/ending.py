"""A trial is ended by a person, or because the champion that it was held against serves no more."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from selftune.errors import DamagedFileError, UsageError
from selftune.loop.canary.note import TrialEnd, end_canary, note_path, read_canary
from selftune.loop.canary.settling import settle_canary, settle_if_ended
from selftune.records import Release

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.loop.opened import Project
    from selftune.records import LiveTrial


def stop_trial(project: Project) -> LiveTrial:
    """End the trial that runs, and keep what came of it.

    Raises:
        UsageError: none runs.
    """
    end_canary(project.hidden, TrialEnd.STOPPED, "a person ended it")
    kept = settle_canary(project)
    if kept is None:
        raise UsageError("no candidate is being tried.", next_step="Start one with `selftune canary start candidate`.")
    return kept


def end_by_brake(hidden: Path, why: str) -> bool:
    """Send everybody back to the champion now, by the note alone: neither config nor store is read. False: none ran.

    `why` is one of our own sentences: what a person says is kept where it can be erased.
    """
    with suppress(OSError):
        return end_canary(hidden, TrialEnd.STOPPED, why) is not None
    return False


def look_after_trial(project: Project) -> None:
    """For a command that is about something else: keep a trial that has ended, end one whose champion has changed."""
    if not note_path(project.hidden).is_file():
        return
    with suppress(DamagedFileError, OSError):
        note, serving = read_canary(project.hidden), project.store.last(Release)
        if note is not None and note.runs and serving is not None and serving.build_id != note.champion_build_id:
            why = f"{serving.version} serves in the place of the champion that it was held against"
            end_canary(project.hidden, TrialEnd.CHANGED, why)
    settle_if_ended(project)

"""A trial that runs while somebody raises a doubt that would not have let it begin: it ends."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from selftune.errors import DamagedFileError
from selftune.loop.canary.ending import end_by_brake
from selftune.loop.canary.note import read_canary
from selftune.loop.canary.settling import settle_if_ended
from selftune.loop.canary.starting import last_word_on, what_blocks
from selftune.loop.hearing import hear_project

if TYPE_CHECKING:
    from selftune.loop.opened import Project


def end_if_doubted(project: Project, why: str) -> None:
    """End the trial that runs, and keep what came of it, where a blocking doubt about its candidate stands.

    `why` is one of our own sentences, as for `end_by_brake`.
    """
    with suppress(DamagedFileError, OSError):
        note = read_canary(project.hidden)
        if note is None or not note.runs:
            return
        decision = last_word_on(project, note.candidate_build_id)
        if what_blocks(hear_project(project), note.candidate_build_id, decision) is not None:
            end_by_brake(project.hidden, why)
            settle_if_ended(project)

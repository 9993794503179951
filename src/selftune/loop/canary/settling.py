"""A trial that has ended, put on record: by the next command, and by one that the gateway starts for it."""

from __future__ import annotations

from contextlib import suppress
from statistics import fmean
from typing import TYPE_CHECKING

from selftune.errors import SelftuneError
from selftune.loop.canary.guards import Guard
from selftune.loop.canary.journal import replay
from selftune.loop.canary.note import note_path, read_canary
from selftune.loop.canary.place import stop_candidate
from selftune.loop.canary.thumbs import thumbs_path
from selftune.records.live_trial import GuardFound, LiveTrial

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.loop.canary.guards import Guardrails
    from selftune.loop.canary.note import CanaryNote
    from selftune.loop.opened import Project

EVENT = "canary ended"


def settle_canary(project: Project) -> LiveTrial | None:
    """Keep what came of the trial that has ended, stop its server, and clear its note away. None where none has.

    Done twice it is done once: the record is named by what stands in note and journal.

    Raises:
        DamagedFileError: the note can't be read.
    """
    note = read_canary(project.hidden)
    if note is None or note.runs:
        return None
    trial = trial_of(note, project.hidden)
    detail = {"build": trial.candidate_build_id, "end": trial.end, "why": trial.why}
    project.store.save([trial], event=EVENT, detail=detail)
    stop_candidate(project.hidden)
    thumbs_path(project.hidden, note.trial).unlink(missing_ok=True)
    note_path(project.hidden).unlink(missing_ok=True)
    return trial


def settle_if_ended(project: Project) -> None:
    """The same for a command that is about something else: what can't be done now, the next one does."""
    with suppress(SelftuneError, OSError):
        settle_canary(project)


def trial_of(note: CanaryNote, hidden: Path) -> LiveTrial:
    """What a trial came to so far, from its note and its journal."""
    guards, compared = replay(note, hidden, keep=True)
    return LiveTrial(
        trial=note.trial,
        candidate_build_id=note.candidate_build_id,
        champion_build_id=note.champion_build_id,
        evaluation_id=note.evaluation_id,
        share=note.share,
        shadow=note.shadow,
        started_at=note.started_at,
        ended_at=note.ended_at or "",
        end="" if note.end is None else note.end.value,
        why=note.why or "",
        champion_answers=guards.answers[False],
        candidate_answers=guards.answers[True],
        champion_people=len(guards.people[False]),
        candidate_people=len(guards.people[True]),
        guards=tuple(_found(guards, guard) for guard in Guard),
        compared=len(compared),
        identical=sum(one.identical for one in compared),
        overlap=fmean(one.overlap for one in compared) if compared else None,
        approvals=note.approvals,
    )


def _found(guards: Guardrails, guard: Guard) -> GuardFound:
    seen, measured = guards.seen(guard), guards.measured(guard)
    mean, interval = (None, None) if measured is None else measured
    return GuardFound(
        name=guard.value,
        n=seen.n,
        mean=mean,
        interval=interval,
        tolerated=guards.tolerated(guard),
        p_value=seen.p_value,
        alpha=guards.alpha,
    )

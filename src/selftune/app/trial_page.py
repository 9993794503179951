"""What a trial of a candidate on real requests came to, in a person's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.loop.canary.note import read_canary
from selftune.records import LiveTrial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.canary.note import CanaryNote
    from selftune.loop.project import Project
    from selftune.records import GuardFound

_FEW_PEOPLE: Final = 2


def describe_trial(trial: LiveTrial) -> Iterator[str]:
    """What a trial came to, or has come to so far."""
    how = "in the shadow, shown to nobody" if trial.shadow else f"for {trial.share:.0%} of users"
    when = f"was tried {how} from {trial.started_at} to {trial.ended_at}"
    now = f"is being tried {how} since {trial.started_at}"
    yield f"{trial.candidate_build_id[:18]} {when if trial.ended_at else now}."
    yield (
        f"Answers: {trial.candidate_answers} by the candidate to {trial.candidate_people} users, "
        f"{trial.champion_answers} by the champion to {trial.champion_people}."
    )
    yield from (f"  {_told(found)}" for found in trial.guards)
    if trial.compared:
        overlap = 0.0 if trial.overlap is None else trial.overlap
        same = f"{trial.identical} of {trial.compared} answers were the same"
        yield f"In the shadow {same}, {overlap:.0%} of their words stood in both."
    if not trial.shadow and not trial.ended_at and trial.champion_people + trial.candidate_people < _FEW_PEOPLE:
        yield "One user is always on one side, so that nothing can be compared: with --shadow both are asked."
    if trial.end:
        yield f"It ended ({trial.end}): {trial.why}."


def _told(found: GuardFound) -> str:
    if found.mean is None or found.interval is None:
        return f"{found.name}: not measured, nothing could be compared"
    low, high = found.interval
    verdict = "harm is shown" if found.shows_harm else "no harm is shown"
    return (
        f"{found.name}: {found.mean:+.3f} [{low:+.3f}, {high:+.3f}] over {found.n}, tolerated "
        f"{found.tolerated:+.3f}: {verdict}"
    )


def canary_line(project: Project) -> str | None:
    """One line for `selftune status`; None where nothing is tried and the last trial gave no alarm."""
    note, last = read_canary(project.hidden), project.store.last(LiveTrial)
    if note is not None and note.runs:
        return _running_line(note)
    if last is None or not last.returned:
        return None
    return f"{last.candidate_build_id[:18]} was sent back on {last.ended_at[:10]}: {last.why}"


def _running_line(note: CanaryNote) -> str:
    how = "in the shadow" if note.shadow else f"for {note.share:.0%} of users"
    return f"{note.candidate_build_id[:18]} is tried {how} since {note.started_at}: selftune canary status"

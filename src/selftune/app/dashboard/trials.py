"""The candidate that is being tried on real requests, as a page shows it: what came of it so far."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.app.dashboard.cells import figure, tinted
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.drawings import Span, draw_forest
from selftune.app.reporting.pages.parts import Drawing
from selftune.app.trial_page import describe_trial
from selftune.errors import DamagedFileError
from selftune.loop.canary.note import journal_path, read_canary
from selftune.loop.canary.place import canary_server
from selftune.loop.canary.settling import trial_of

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.loop.canary.note import CanaryNote
    from selftune.loop.project import Project
    from selftune.records import GuardFound, LiveTrial

GUARD_HEAD: Final = ("guardrail", "candidate less champion", "interval", "tolerated", "answers", "so far")


@dataclass(frozen=True, kw_only=True)
class TrialSeen:
    """A trial that runs.

    Attributes:
        lines: What came of it so far, in sentences.
        rows: Each guardrail, by `GUARD_HEAD`.
        drawing: The guardrails' intervals; None before anything could be compared.
        serves: Whether the candidate's server answers; where it does not, the champion does.
    """

    trial: LiveTrial
    lines: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    drawing: Drawing | None
    serves: bool


def trial_under_way(project: Project) -> TrialSeen | None:
    """What came of the candidate that is being tried; None where none is.

    A note that can't be read sends nobody to a candidate, so it is none.
    """
    try:
        note = read_canary(project.hidden)
    except DamagedFileError:
        return None
    if note is None or not note.runs:
        return None
    trial, status = _REPLAYED.of(note, project.hidden), canary_server(project.hidden).status()
    return TrialSeen(
        trial=trial,
        lines=tuple(line for line in describe_trial(trial) if not line.startswith(" ")),
        rows=tuple(_row(one) for one in trial.guards),
        drawing=_drawing(trial),
        serves=status is not None and status.build_digest == note.candidate_digest,
    )


class _Replayed:
    """The last trial as its journal told it, which holds until a line is written: a page asks every other second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at: tuple[CanaryNote, int] | None = None
        self._trial: LiveTrial | None = None

    def of(self, note: CanaryNote, hidden: Path) -> LiveTrial:
        journal = journal_path(hidden, note.trial)
        at = note, journal.stat().st_size if journal.is_file() else 0
        with self._lock:
            if self._trial is None or at != self._at:
                self._trial, self._at = trial_of(note, hidden), at
            return self._trial


_REPLAYED: Final = _Replayed()


def _row(one: GuardFound) -> tuple[Any, ...]:
    verdict = tinted("harm is shown", "bad") if one.shows_harm else "no harm is shown"
    if one.mean is None:
        verdict = "nothing could be compared"
    return (
        one.name,
        figure(figures.signed(one.mean, 3)),
        figure(figures.signed_interval(one.interval, 3)),
        figure(f"up to {one.tolerated:+.3f}"),
        figure(f"{one.n:,}"),
        verdict,
    )


def _drawing(trial: LiveTrial) -> Drawing | None:
    spans = [
        Span(label=one.name, value=one.mean, interval=one.interval, n=one.n)
        for one in trial.guards
        if one.mean is not None
    ]
    if not spans:
        return None
    title = "Guardrails, candidate less champion: more is worse"
    told = "; ".join(f"{one.label} {figures.shift(one.value, one.interval, 3)}" for one in spans)
    return Drawing(svg=draw_forest(title, spans, places=3), alt=f"{title}: {told}.")

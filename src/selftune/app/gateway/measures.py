"""What capture and a trial tell of themselves, as Prometheus is told it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.app.gateway.metrics import Measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.gateway.canary.routing import TrialState
    from selftune.app.gateway.capture.make import CaptureState


def measures_of(capture: CaptureState, trial: TrialState | None) -> Iterator[Measure]:
    """Both, with no word of anybody, and no name of a build; None where no trial runs."""
    yield from _of_capture(capture)
    yield from _of_trial(trial)


def _of_capture(state: CaptureState) -> Iterator[Measure]:
    yield Measure(
        name="capture_lost",
        told="Exchanges that should be on the disk and are not, by the reason.",
        values=dict(state.lost),
        label="reason",
        grows=True,
    )
    told = "Exchanges that were not kept because who asked wanted none kept."
    yield Measure(name="capture_opted_out", told=told, values={"": state.opted_out}, grows=True)
    told = "How often the process that writes what was said was started anew."
    yield Measure(name="capture_restarts", told=told, values={"": state.restarts}, grows=True)
    told = "Exchanges and later words on their way to the disk."
    yield Measure(name="capture_waiting", told=told, values={"": state.waiting})
    told = "Whether the process that writes what was said runs."
    yield Measure(name="capture_up", told=told, values={"": float(state.up)})


def _of_trial(trial: TrialState | None) -> Iterator[Measure]:
    told = "Whether a candidate is tried now."
    yield Measure(name="canary_running", told=told, values={"": float(trial is not None)})
    if trial is None:
        return
    told = "Share of the users whom the candidate answers."
    yield Measure(name="canary_share_ratio", told=told, values={"": trial.share})
    told = "Whether the candidate is asked in the shadow, and shown to nobody."
    yield Measure(name="canary_shadow", told=told, values={"": float(trial.shadow)})
    told = "Answers that this trial counted, by who gave them."
    yield Measure(name="canary_answers", told=told, values=dict(trial.answers), label="upstream", grows=True)
    told = "Answers of this trial that its record will lack."
    yield Measure(name="canary_lines_lost", told=told, values={"": trial.lines_lost}, grows=True)

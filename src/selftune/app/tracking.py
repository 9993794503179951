"""A run's curve handed to trackio, a tracker of experiments that keeps them on this machine."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selftune.records import Run

# By any of these trackio sends what it is told elsewhere.
_REDIRECTIONS: Final = tuple(
    f"TRACKIO_{end}"
    for end in ("SPACE_ID", "SERVER_URL", "DATASET_ID", "BUCKET_ID", "REGISTRY_BUCKET_ID", "WEBHOOK_URL")
)


def load_trackio() -> Any:
    """The package.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import trackio  # type: ignore[import-not-found] # in no extra of ours: who wants it has it
    except ImportError as error:
        raise UsageError(
            "trackio is not installed.",
            next_step="Run `pip install trackio`, or take the CSV that the command prints without --trackio.",
        ) from error
    return trackio


def track(run: Run, project: str, trackio: Any, environment: Mapping[str, str] = os.environ) -> int:
    """Log every step of a run's curve under the project's name; returns how many there are.

    Raises:
        UsageError: the environment would send them off this machine.
    """
    sent = next((name for name in _REDIRECTIONS if environment.get(name)), None)
    if sent is not None:
        raise UsageError(
            f"{sent} is set, by which trackio sends curves off this machine.", next_step=f"Unset {sent} and try again."
        )
    with redirect_stdout(sys.stderr):  # it talks, and results alone belong on stdout
        _log(run, project, trackio)
    return len(run.curve)


def _log(run: Run, project: str, trackio: Any) -> None:
    trackio.init(
        project=project,
        name=run.id.replace(":", "-")[:16],
        config=dict(run.settings) | {"recipe": run.recipe, "status": run.status.value, "seed": run.seed},
        embed=False,
        auto_log_gpu=False,
    )
    for point in run.curve:
        told = {"loss": point.loss, "learning_rate": point.learning_rate}
        told |= {name: value for name in ("grad_norm", "eval_loss") if (value := getattr(point, name)) is not None}
        trackio.log(told, step=point.step)
    trackio.finish()

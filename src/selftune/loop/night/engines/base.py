"""What an engine must do: train several jobs that know nothing of each other, each up to where it pauses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from selftune.errors import SelftuneError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

STOP: Final = "stop"
"""Name of a file: while it lies in a job's folder, whoever trains the job ends it at the next safe place."""


class EngineError(SelftuneError):
    """The engine itself is gone, or never came up; what it had finished is kept, and no try is to blame."""


class Engine(Protocol):
    """Trains."""

    @property
    def workers(self) -> int:
        """So many jobs at once; with one, each step trains its own."""
        ...

    def train(
        self, folders: Sequence[Path], *, should_stop: Callable[[], bool], seconds: float
    ) -> tuple[str | None, ...]:
        """Train the jobs in these folders; a checkpoint of each lies there then.

        What a job itself does wrong is left to the step that looks for its checkpoint, and does it wrong once more.

        Args:
            folders: Each as `write_job` fills it, with a goal before its end.
            should_stop: Once true, every job is asked to keep a checkpoint and end; who does not is ended by force.
            seconds: What all of it may take.

        Returns:
            For each, in order, why nobody could train it; None for all others.

        Raises:
            EngineError: the engine is gone.
        """
        ...

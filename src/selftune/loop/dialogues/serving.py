"""The live server, woken for somebody who asks something now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.errors import ServingError
from selftune.loop.braking import check_brake
from selftune.loop.releasing.service import make_target, serving_release
from selftune.release.live import LiveServer

if TYPE_CHECKING:
    from selftune.loop.opened import Project
    from selftune.release.live import LiveStatus


def wake_server(project: Project) -> tuple[LiveServer, LiveStatus]:
    """What serves, started if it does not; a question does not take the device back from a training.

    Raises:
        IntegrityError: nothing was ever released, not even the base.
        ServingError: it rests, or can't be started.
        WaitingForPersonError: it does not serve, and all work here is stopped.
    """
    serving_release(project)
    live = LiveServer(make_target(project))
    status = live.status()
    if status is not None and status.resting is not None:
        raise ServingError(
            f"no model serves now: {status.resting}.",
            next_step="Ask again later, or have it serve beside the training: `selftune start`.",
        )
    if status is None:
        check_brake(project)
    return live, live.start()

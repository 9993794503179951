"""All three loops of a project, the fastest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.loop.three_loops.philosophical import look_at_philosophical
from selftune.loop.three_loops.strategic import look_at_strategic
from selftune.loop.three_loops.tactical import look_at_tactical

if TYPE_CHECKING:
    from selftune.loop.project import Project
    from selftune.loop.three_loops.state import LoopState


def look_at_loops(project: Project) -> tuple[LoopState, ...]:
    """What each of the three noticed, did and waits for; nothing is started, adopted or written.

    Raises:
        IntegrityError: a stored tool was altered.
        ConfigError: the codex is no sound one.
    """
    return (look_at_tactical(project), look_at_strategic(project), look_at_philosophical(project))

"""The brake where work is done: asked before a project's work begins, before each step, and while one is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.errors import DamagedFileError, WaitingForPersonError
from selftune.governance.brake.file import is_braked, read_stops
from selftune.governance.brake.stays import ever_said, refuse_stayed, stayed
from selftune.interactions.stage import capture
from selftune.loop.hearing import hear_project
from selftune.loop.prompts.stage import search_prompt
from selftune.records import StatementKind
from selftune.training.rungs import train_part
from selftune.training.stage import train

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.loop.opened import Project

_LEARN: Final = frozenset({train.__name__, train_part.__name__, search_prompt.__name__})
"""Stages by which something is learnt from data."""
_MIND_A_WISH: Final = frozenset({train.__name__, train_part.__name__})
"""Stages that end by themselves, with a checkpoint, when they are to stop."""
_FREE: Final = frozenset({capture.__name__})
"""What a stop does not keep anybody from: words are brought in so that their authors can take them back, too."""


def check_brake(project: Project) -> None:
    """Return where nobody has stopped all work here, by the file or on record.

    Raises:
        WaitingForPersonError: somebody has.
    """
    refuse_braked(project.hidden)
    if ever_said(project.store, StatementKind.STOP):
        refuse_stayed(hear_project(project), StatementKind.STOP)


def check_freeze(project: Project) -> None:
    """Return where training on new data is nobody's to wait for.

    Raises:
        WaitingForPersonError: somebody has frozen it.
    """
    if ever_said(project.store, StatementKind.FREEZE):
        refuse_stayed(hear_project(project), StatementKind.FREEZE)


def check_step(project: Project, stage: str) -> None:
    """Return where a step of this stage may begin.

    Raises:
        WaitingForPersonError: all work is stopped, or it learns and training is frozen.
    """
    if stage not in _FREE:
        refuse_braked(project.hidden)
    if stage in _LEARN:
        check_freeze(project)


def check_amid(project: Project, stage: str) -> None:
    """Return where a step that is being made may go on; a training sees to that itself.

    Raises:
        WaitingForPersonError: all work was stopped meanwhile.
    """
    if stage not in _FREE | _MIND_A_WISH:
        refuse_braked(project.hidden)


def refuse_braked(hidden: Path) -> None:
    """Return where the brake is off, by the file alone.

    Raises:
        WaitingForPersonError: it is on, or that can't be told.
    """
    if not is_braked(hidden):
        return
    try:
        stops = read_stops(hidden)
    except DamagedFileError as damaged:
        raise WaitingForPersonError(damaged.message, next_step=damaged.next_step) from damaged
    for stop in stops:
        raise stayed(StatementKind.STOP, stop.author, stop.text)

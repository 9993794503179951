"""Where dialogues and deliberations lie that are not over: a file of the project, or the database its config names."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

from selftune.loop.databases import dialogue_database
from selftune.personas.checkpoints import open_checkpoints

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.loop.opened import Project
    from selftune.personas.checkpoints import Checkpoints


class Room(StrEnum):
    """What is not over; each kind is held by itself."""

    DIALOGUES = "dialogues"
    DELIBERATIONS = "deliberations"


def file_of(project: Project, room: Room) -> Path:
    """The file of what is not over, where no database is named for it."""
    return project.hidden / "personas" / f"{room}.db"


def was_any_begun(project: Project, room: Room) -> bool:
    """Whether something may lie unfinished; a database is asked only by who opens it."""
    return file_of(project, room).exists() or dialogue_database(project.config) is not None


@contextmanager
def open_unfinished(project: Project, room: Room, *, wait_seconds: float = 0.0) -> Iterator[Checkpoints]:
    """What is not over, held by this process until the block ends; errors as `open_checkpoints` or its like have them.

    Raises:
        ConfigError: the database may not be used (see `databases`).
        LockedError: another process holds one.
        DatabaseAwayError: the database does not answer.
    """
    database = dialogue_database(project.config)
    if database is None:
        with open_checkpoints(file_of(project, room), wait_seconds=wait_seconds) as opened:
            yield opened
        return
    from selftune.personas.postgres_checkpoints import open_postgres_checkpoints

    with open_postgres_checkpoints(database, room, wait_seconds=wait_seconds) as there:
        yield there

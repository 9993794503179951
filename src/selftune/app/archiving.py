"""`selftune archive`: sessions of a training programme brought in, found by number, and told of together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from selftune.errors import MissingFileError
from selftune.governance.archive.filing import Filed, file_sessions, missing_numbers
from selftune.governance.archive.finding import find_session
from selftune.governance.archive.reading import read_sessions
from selftune.loop.incoming.privacy import door_of
from selftune.loop.runner import hold_lease
from selftune.records import Session, Statement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from selftune.loop.project import Project
    from selftune.store.sessions import Programme


@dataclass(frozen=True, kw_only=True)
class ImportedFile:
    """What came of one file."""

    name: str
    filed: Filed


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What the archive holds of a programme, and what is odd about it.

    Attributes:
        gaps: First and last number of each stretch that is missing.
        timeless: Sessions without a time that can be read.
        backward: How often a session took place before the one with the number before it.
    """

    programme: Programme
    flagged: int
    gaps: tuple[tuple[int, int], ...]
    timeless: int
    backward: int

    @property
    def missing(self) -> int:
        """How many numbers are missing between the first and the last."""
        return sum(last - first + 1 for first, last in self.gaps)


@dataclass(frozen=True, kw_only=True)
class ShownSession:
    """A session, and what people said about it, oldest first."""

    id: str
    session: Session
    said: tuple[Statement, ...]


def import_archive(project: Project, paths: Sequence[Path], *, programme: str = "") -> tuple[ImportedFile, ...]:
    """Bring files of sessions in, in this order; what is known adds nothing.

    Raises:
        MissingFileError: a file is not there; nothing was brought in.
        LockedError: another runner has the project.
    """
    missing = next((path for path in paths if not path.is_file()), None)
    if missing is not None:
        raise MissingFileError(f"there is no file {missing}.", next_step="Check the path.")
    context, door = project.context(), door_of(project)
    with hold_lease(project):
        return tuple(
            ImportedFile(
                name=path.name,
                filed=file_sessions(
                    project.store,
                    read_sessions(path, programme=programme, context=context, door=door),
                    context=context,
                    door=door,
                ),
            )
            for path in paths
        )


def list_archive(project: Project) -> tuple[Overview, ...]:
    """What is archived of each programme."""
    return tuple(_overview(project, programme) for programme in project.store.sessions.programmes())


def _overview(project: Project, programme: Programme) -> Overview:
    rows = list(project.store.sessions.facts(programme.name))
    times = [row.happened_at for row in rows if row.happened_at is not None]
    return Overview(
        programme=programme,
        flagged=sum(bool(row.flags) for row in rows),
        gaps=tuple(missing_numbers(row.number for row in rows)),
        timeless=len(rows) - len(times),
        backward=sum(later < earlier for earlier, later in pairwise(times)),
    )


def show_session(project: Project, name: str, *, programme: str = "") -> ShownSession:
    """A session by its number or id, with what people said about it.

    Raises:
        UnknownNameError: no such programme is archived.
        UsageError: there is no session of that number, or it is not clear of which programme.
        IntegrityError: its words were erased.
    """
    session_id = find_session(project.store, name, programme)
    return ShownSession(
        id=session_id,
        session=project.store.record(session_id, Session),
        said=tuple(one for _, one in project.store.each(Statement) if one.subject == session_id),
    )

"""How a page reads the project: one open store for the process, the config as it stands on disk, no lease."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from fastapi import Query

from selftune.loop.config import CONFIG_FILE, load_config
from selftune.loop.project import open_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.requests import Request

    from selftune.loop.project import Project

T = TypeVar("T")

Place = Annotated[int | None, Query(ge=0, le=2**63 - 1)]
"""Where in the records a list begins or ends, as an address names it: a number that a store can hold."""


class Desk:
    """The project that lies open, for as long as the dashboard runs.

    It is opened by the first page that needs it, so that a config that can't be read becomes a page that says so.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._kept = ExitStack()
        self._project: Project | None = None
        self._read_at: tuple[int, int] | None = None
        self._remembered: dict[str, tuple[Any, Any]] = {}

    def project(self) -> Project:
        """The project, its config read again where the file changed.

        Raises:
            MissingFileError: its config is gone.
            ConfigError: its config can't be read.
            IntegrityError: its store is not what it should be.
        """
        with self._lock:
            seen = _stamp(self.folder)
            if self._project is None or (seen != self._read_at and self._lies_elsewhere(self._project)):
                # What is closed is not shown again where the other one can't be opened.
                self._project = None
                self._remembered.clear()
                self._kept.close()
                self._project = self._kept.enter_context(open_project(self.folder))
            elif seen != self._read_at:
                self._project = replace(self._project, config=load_config(self.folder))
            self._read_at = seen
            return self._project

    def remembered(self, name: str, make: Callable[[Project], T]) -> T:
        """What `make` counts over the whole log, made again only once something was kept or the config changed."""
        project = self.project()
        stamp = (project.store.last_sequence(), self._read_at)
        known, value = self._remembered.get(name, (None, None))
        if known != stamp:
            value = make(project)
            self._remembered[name] = stamp, value
        return cast("T", value)

    def close(self) -> None:
        """Let go of the store."""
        with self._lock:
            self._project = None
            self._kept.close()

    def _lies_elsewhere(self, project: Project) -> bool:
        """Whether the config names another base by now, or another place of the records."""
        named, opened = load_config(self.folder), project.config
        return (named.base.name, named.store) != (opened.base.name, opened.store)


def _stamp(folder: Path) -> tuple[int, int] | None:
    try:
        found = (folder / CONFIG_FILE).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def project_of(request: Request) -> Project:
    """The project that a page shows; pages read it and change nothing."""
    desk: Desk = request.app.state.desk
    return desk.project()


def remembered(request: Request, name: str, make: Callable[[Project], T]) -> T:
    """What was counted over the whole log, as long as nothing came in since."""
    desk: Desk = request.app.state.desk
    return desk.remembered(name, make)


def folder_of(request: Request) -> Path:
    """Its folder, for what must be said of it also while it can't be opened."""
    desk: Desk = request.app.state.desk
    return desk.folder


@contextmanager
def acting_on(request: Request) -> Iterator[Project]:
    """The project opened anew, as a command opens it: what an action holds and leaves is its own.

    Raises:
        SelftuneError: as `open_project`.
    """
    with open_project(folder_of(request)) as project:
        yield project

"""How a page reads the project: one open store for the process, the config as it stands on disk, no lease."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, TypeVar

from fastapi import Query

from selftune.errors import UsageError
from selftune.loop.config import CONFIG_FILE, load_config
from selftune.loop.project import open_project
from selftune.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from selftune.loop.project import Project

T = TypeVar("T")
R = TypeVar("R", bound=Record)

Place = Annotated[int | None, Query(ge=0, le=2**63 - 1)]
"""Where in the records a list begins or ends, as an address names it: a number that a store can hold."""


_LENT: Final = "selftune.lent"
_SECONDS_AT_ONCE: Final = 0.1
"""What takes longer to count is counted anew while the page shows what was counted before."""


@dataclass(eq=False)
class _Open:
    """A project that lies open: who reads in it, and whether another one has taken its place."""

    project: Project
    kept: ExitStack
    readers: int = 0
    is_replaced: bool = False


@dataclass(frozen=True, kw_only=True)
class Counted(Generic[T]):
    """What was counted over the whole log; `is_behind` where something has come in since."""

    value: T
    is_behind: bool


@dataclass
class _Remembered:
    stamp: tuple[int, Any]
    value: Any
    seconds: float
    being_counted: bool = False


class Desk:
    """The project that lies open, for as long as the dashboard runs.

    It is opened by the first page that needs it, so that a config that can't be read becomes a page that says so. Once
    the config names another place, the next page opens that; the one of before is closed when its last page is done.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._open: _Open | None = None
        self._read_at: tuple[int, int] | None = None
        self._remembered: dict[str, _Remembered] = {}

    def lend(self, lent: list[_Open]) -> Project:
        """The project, its config read again where the file changed; it stays open until `lent` is taken back.

        Raises:
            MissingFileError: its config is gone.
            ConfigError: its config can't be read.
            IntegrityError: its store is not what it should be.
        """
        with self._lock:
            found = self._current()
            if found not in lent:
                found.readers += 1
                lent.append(found)
            return found.project

    def take_back(self, lent: list[_Open]) -> None:
        """What was lent is read no more."""
        with self._lock:
            for one in lent:
                one.readers -= 1
                _close_if_done(one)
            lent.clear()

    def remembered(self, name: str, make: Callable[[Project], T], lent: list[_Open]) -> Counted[T]:
        """What `make` counts over the whole log; it is made again once something was kept or the config changed.

        What takes its time is made again in a thread, and what was counted before is given meanwhile.
        """
        project = self.lend(lent)
        stamp = (project.store.last_sequence(), self._read_at)
        with self._lock:
            known = self._remembered.get(name)
            if known is not None and known.stamp == stamp:
                return Counted(value=known.value, is_behind=False)
            waits = known is None or known.seconds <= _SECONDS_AT_ONCE or known.stamp[1] != stamp[1]
            if known is not None and not waits:
                if not known.being_counted:
                    known.being_counted = True
                    threading.Thread(target=self._count_again, args=(name, make, known), daemon=True).start()
                return Counted(value=known.value, is_behind=True)
        return Counted(value=self._count(name, make, project, stamp), is_behind=False)

    def close(self) -> None:
        """Let go of the store."""
        with self._lock:
            self._replace_open()

    def _current(self) -> _Open:
        seen = _stamp(self.folder)
        if self._open is not None and seen != self._read_at and self._lies_elsewhere(self._open.project):
            # What is closed is not shown again where the other one can't be opened.
            self._replace_open()
        if self._open is None:
            kept = ExitStack()
            self._open = _Open(project=kept.enter_context(open_project(self.folder)), kept=kept)
        elif seen != self._read_at:
            self._open.project = replace(self._open.project, config=load_config(self.folder))
        self._read_at = seen
        return self._open

    def _replace_open(self) -> None:
        self._remembered.clear()
        if self._open is not None:
            self._open.is_replaced = True
            _close_if_done(self._open)
        self._open = None

    def _count(self, name: str, make: Callable[[Project], T], project: Project, stamp: tuple[int, Any]) -> T:
        began = time.monotonic()
        value = make(project)
        with self._lock:
            if self._open is not None and self._open.project.store is project.store:
                self._remembered[name] = _Remembered(stamp=stamp, value=value, seconds=time.monotonic() - began)
        return value

    def _count_again(self, name: str, make: Callable[[Project], Any], known: _Remembered) -> None:
        lent: list[_Open] = []
        try:
            project = self.lend(lent)
            self._count(name, make, project, (project.store.last_sequence(), self._read_at))
        except Exception as error:  # noqa: BLE001 - the edge of a thread: the next page counts, and tells what is wrong
            traceback.print_exception(error, file=sys.stderr)
            with self._lock:
                known.seconds = 0.0
        finally:
            known.being_counted = False
            self.take_back(lent)

    def _lies_elsewhere(self, project: Project) -> bool:
        """Whether the config names another base by now, or another place of the records."""
        named, opened = load_config(self.folder), project.config
        return (named.base.name, named.store) != (opened.base.name, opened.store)


def _close_if_done(one: _Open) -> None:
    if one.is_replaced and not one.readers:
        one.kept.close()


class Lending:
    """Around the pages: what a page reads stays open until its answer is out."""

    def __init__(self, app: ASGIApp, *, desk: Desk) -> None:
        self._app = app
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, and take back what was lent to it."""
        lent: list[_Open] = []
        scope[_LENT] = lent
        try:
            await self._app(scope, receive, send)
        finally:
            self._desk.take_back(lent)


def _stamp(folder: Path) -> tuple[int, int] | None:
    try:
        found = (folder / CONFIG_FILE).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def project_of(request: Request) -> Project:
    """The project that a page shows; pages read it and change nothing."""
    desk: Desk = request.app.state.desk
    return desk.lend(request.scope.setdefault(_LENT, []))


def record_named(request: Request, name: str, kind: type[R]) -> R:
    """The record that an address names, by its id or a unique beginning of it.

    Raises:
        UnknownNameError: nothing is called so.
        UsageError: it is of another kind, or its words were erased.
        IntegrityError: it is damaged.
    """
    store = project_of(request).store
    found = store.find(name)
    if not found.startswith(f"{kind.KIND}:"):
        raise UsageError(f"{found} is no {kind.KIND}.", next_step="Choose a page from the navigation.")
    for record in store.kept_records([found], kind):
        return record
    raise UsageError(f"the words of {found} were erased.", next_step="Go on without them; the id stays in the ledger.")


def remembered(request: Request, name: str, make: Callable[[Project], T]) -> Counted[T]:
    """What was counted over the whole log, now or a while ago."""
    desk: Desk = request.app.state.desk
    return desk.remembered(name, make, request.scope.setdefault(_LENT, []))


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

"""The person's brake by command: everything ended within seconds, promotions held, training frozen; and lifted."""

from __future__ import annotations

import getpass
import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from selftune.errors import DamagedFileError, SelftuneError
from selftune.governance.brake.at_work import who_works
from selftune.governance.brake.file import is_braked, new_stop, put_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from psutil import Process

_HIDDEN: Final = ".selftune"
# As `loop.study` calls them: to import it would take longer than the stop.
STUDY: Final = "study.toml"
ARMS: Final = "arms"
_NO_REASON: Final = "stopped by hand while work was under way; no reason was given"
_POSIX: Final = sys.platform != "win32"
_SERVER_SECONDS: Final = 3.0
_LAST_SECONDS: Final = 0.4
_PROBE_SECONDS: Final = 0.2
_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How many seconds work has to end: by itself, after Ctrl-C, after a request to end; then it is ended by force."""

    by_itself: float = 1.5
    interrupted: float = 0.9
    asked: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A process that worked here, and how it ended; `still runs` where it did not."""

    pid: int
    how: str


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """What a stop did.

    Attributes:
        braked: Whether the brake is on: nothing begins before it is lifted.
        ended: What was at work.
        served: Whether a server was stopped.
        trouble: What did not go as it should, in sentences.
        seconds: From the call to the end of all of it.
    """

    braked: bool
    ended: tuple[Ended, ...]
    served: bool
    trouble: tuple[str, ...]
    seconds: float


def projects_in(folder: Path) -> tuple[Path, ...]:
    """The project in a folder, or the arms of the study there; none where there is neither."""
    if (folder / _HIDDEN).is_dir():
        return (folder.resolve(),)
    if not (folder / STUDY).is_file():
        return ()
    return tuple(sorted(hidden.resolve().parent for hidden in (folder / ARMS).glob(f"*/{_HIDDEN}")))


def stop_here(folder: Path, *, because: str, author: str, patience: Patience | None = None) -> Stopped:
    """Stop what serves; where work is under way, or a reason is given, stop everything and put the brake on.

    Of a study all arms are stopped together. Reads neither config nor store: who wants the machine to stop must not
    be told to mend a file first.
    """
    began, projects, trouble = time.monotonic(), projects_in(folder), list[str]()
    hidden = [project / _HIDDEN for project in projects]
    _end_trials(hidden)
    servers = (*projects, *_candidates(hidden))

    def look() -> tuple[Process, ...]:
        return tuple(process for one in hidden for process in who_works(one))

    ended: tuple[Ended, ...] = ()
    seen = look()
    if because.strip() or seen:
        for one in hidden:
            trouble += _put_on(one, because, author)
        # Who saw the brake may be gone before anybody looks again.
        spare = [pid for one in servers for pid in _keepers(one / _HIDDEN)]
        ended, served = _end_all(
            servers, lambda: end_workers(look, patience or Patience(), seen=seen, spare=spare), trouble
        )
    else:
        from selftune.loop.releasing.service import stop_service

        served = sum(stop_service(project) for project in servers) > 0
    return Stopped(
        braked=any(is_braked(one) for one in hidden),
        ended=ended,
        served=served,
        trouble=tuple(trouble),
        seconds=time.monotonic() - began,
    )


def _end_trials(hidden: Sequence[Path]) -> None:
    """Send everybody back to the champion; where none is tried nothing is imported for it."""
    for one in hidden:
        if (one / "gateway" / "canary.json").exists():
            from selftune.loop.canary.ending import end_by_brake

            end_by_brake(one, "the server was stopped")


def _candidates(hidden: Sequence[Path]) -> tuple[Path, ...]:
    """The folders of candidates that are tried: to their keepers, they are projects."""
    folders = (one / "canary" for one in hidden)
    return tuple(folder for folder in folders if (folder / _HIDDEN).is_dir())


def record_stop(folder: Path) -> str:
    """Put the stop on record now, if that takes no waiting; else why the next command has to."""
    database = folder / _HIDDEN / "store.db"
    try:
        if _is_kept_elsewhere(folder):
            return _settle(folder)
        if not database.is_file():
            return "there is no store"
        # A store that somebody holds is not waited for: opening it would take half a minute.
        with closing(sqlite3.connect(database, timeout=_PROBE_SECONDS, isolation_level=None)) as probe:
            probe.execute("BEGIN IMMEDIATE")
            probe.execute("ROLLBACK")
        return _settle(folder)
    except (sqlite3.Error, OSError) as error:
        return f"the store can't be written ({error})"
    except SelftuneError as error:
        return error.message


def describe_stop(stopped: Stopped) -> Iterator[str]:
    """What was stopped, and the way on."""
    if not stopped.braked:
        yield "Stopped." if stopped.served else "Nothing was running."
    else:
        server = "the server was stopped" if stopped.served else "nothing served"
        yield f"Everything here is stopped: {_workers(stopped.ended)}; {server}. It took {stopped.seconds:.1f} s."
    yield from stopped.trouble
    if stopped.braked:
        yield 'Nothing begins here until you say why it may: selftune lift stop --because "..."'


def _put_on(hidden: Path, because: str, author: str) -> Iterator[str]:
    said_at = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        who = author or getpass.getuser()
    except (KeyError, OSError):  # an account without a name
        who = "unknown"
    try:
        if not put_on(hidden, new_stop(who, because.strip() or _NO_REASON, said_at)):
            yield "There was no room for your words; the brake is on without them."
    except OSError as error:
        yield f"The brake can't be left on: nothing can be written in {hidden} ({error}). What ran is ended."


def _end_all(
    projects: Sequence[Path], end_work: Callable[[], tuple[Ended, ...]], trouble: list[str]
) -> tuple[tuple[Ended, ...], bool]:
    """End what works and what serves, side by side; what a worker started at the last moment goes after it."""
    served, found = [False], list[str]()

    def end_servers(seconds: float = _SERVER_SECONDS) -> None:
        for project in projects:
            served[0] |= _stop_server(project, seconds, found)

    keepers = threading.Thread(target=end_servers)
    keepers.start()
    ended = end_work()
    keepers.join()
    end_servers(_LAST_SECONDS)
    trouble += dict.fromkeys(found)
    trouble += [f"Process {one.pid} could not be ended: it belongs to somebody else." for one in ended if not one.how]
    return ended, served[0]


def end_workers(
    look: Callable[[], Sequence[Process]],
    patience: Patience,
    *,
    seen: Iterable[Process] = (),
    spare: Iterable[int] = (),
) -> tuple[Ended, ...]:
    """End these processes and what they started: a step's end is waited for first, force comes last.

    Whatever they leave is what a power cut leaves, and the next command puts that right.

    Args:
        look: Who works now; asked again after each wait, for who began a moment ago.
        patience: How long each kind of request is waited for.
        seen: Who worked a moment ago.
        spare: Processes that are ended otherwise, with what they started.
    """
    import psutil

    ways = (
        ("by itself", None, patience.by_itself),
        ("interrupted", signal.SIGINT if _POSIX else None, patience.interrupted),
        ("asked to end", signal.SIGTERM, patience.asked),
        ("by force", getattr(signal, "SIGKILL", signal.SIGTERM), _LAST_SECONDS),
    )
    how = dict.fromkeys((process.pid for process in seen), "")
    below: dict[int, tuple[Process, Process]] = {}
    spared = set(spare)
    for way, number, seconds in ways:
        for process in look():
            how.setdefault(process.pid, "")
            below |= {child.pid: (process, child) for child in _below(process, spared)}
            if number is not None:
                with suppress(psutil.Error):
                    process.send_signal(number)
        left = {process.pid for process in _wait(look, seconds)}
        how |= {pid: way for pid, ended in how.items() if not ended and pid not in left}
    # What they had started ends with them as a rule; what does not is on nobody's list.
    _wait(lambda: _orphans(below), _LAST_SECONDS)
    for orphan in _orphans(below):
        with suppress(psutil.Error):
            orphan.kill()
    return tuple(Ended(pid=pid, how=way) for pid, way in how.items())


def _wait(look: Callable[[], Sequence[Process]], seconds: float) -> Sequence[Process]:
    """Those that are there still after so many seconds, or sooner where none is."""
    until = time.monotonic() + seconds
    while (left := look()) and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    return left


def _orphans(below: Mapping[int, tuple[Process, Process]]) -> list[Process]:
    """What still runs of what a worker started that is gone."""
    return [child for worker, child in below.values() if _runs(child) and not _runs(worker)]


def _runs(process: Process) -> bool:
    """Whether a process is at work; one that ended and that nobody has cleared away is not."""
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _below(process: Process, spared: set[int]) -> Iterator[Process]:
    """What a process started, and what these did; without the spared ones and theirs."""
    import psutil

    children: list[Process] = []
    with suppress(psutil.Error):
        children = process.children()
    for child in children:
        if child.pid not in spared:
            yield child
            yield from _below(child, spared)


def _keepers(hidden: Path) -> tuple[int, ...]:
    """The process around what serves, which a runner may have started."""
    from selftune.release.note import read_note

    try:
        note = read_note(hidden)
    except SelftuneError:
        return ()
    return () if note is None else (note.pid,)


def _stop_server(folder: Path, seconds: float, trouble: list[str]) -> bool:
    from selftune.release.config import Target
    from selftune.release.live import LiveServer

    try:
        return LiveServer(Target(folder=str(folder), project="", base="")).stop(seconds=seconds)
    except DamagedFileError as damaged:
        trouble.append(f"What serves was not stopped: {damaged.message} {damaged.next_step}")
        return False


def _is_kept_elsewhere(folder: Path) -> bool:
    """Whether its records lie in a database, which answers or does not within seconds."""
    from selftune.loop.config import load_config
    from selftune.loop.databases import store_database

    return store_database(load_config(folder)) is not None


def _settle(folder: Path) -> str:
    from selftune.loop.project import open_project
    from selftune.loop.stops import settle_brake

    with open_project(folder) as project:
        settle_brake(project)
    return ""


def _workers(ended: Sequence[Ended]) -> str:
    if not ended:
        return "no work was under way"
    return ", ".join(f"process {one.pid} ended {one.how}" if one.how else f"process {one.pid} runs" for one in ended)

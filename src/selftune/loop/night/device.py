"""Whether another training holds this machine's device, and how ours says that it does."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.bases.registry import default_home
from selftune.errors import LockedError
from selftune.release.publish import publish_bytes
from selftune.store.lease import Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

TRAINERS: Final = frozenset({"trl", "axolotl", "unsloth", "mlx_lm", "llamafactory", "torchrun"})
"""Programs that train, by the word with which their command line begins or the module that Python is given."""
SERVERS: Final = frozenset({"llama-server", "ollama", "ollama_llama_server", "vllm"})
"""Programs that hold a card to answer, not to train."""
_BUSY_CORES: Final = 0.5
_SAMPLE_SECONDS: Final = 0.2
_ANSWER_SECONDS: Final = 10.0
_CARD_FIELDS: Final = 2
_SHOWN: Final = 80
_FORGOTTEN_SECONDS: Final = 30 * 86_400.0


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds the device: its process, and how it is called."""

    pid: int
    what: str


@dataclass(frozen=True, kw_only=True)
class Running:
    """One line of the process table: its command line and the seconds of processor time that it has used."""

    pid: int
    words: tuple[str, ...]
    processor_seconds: float


@contextmanager
def hold_device(project: str, *, folder: Path | None = None) -> Iterator[None]:
    """Hold this machine's device for a training, whichever project it is of; free again when this process ends.

    Raises:
        LockedError: a training of another project holds it; the message says which.
    """
    from filelock import FileLock, Timeout

    place = _lock_file(folder)
    try:
        lock = FileLock(place)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise refusal((_lock_holder(place),)) from error
    try:
        _say(_note(place), project)
        yield
    finally:
        _note(place).unlink(missing_ok=True)
        lock.release()


@contextmanager
def announce_cycle(project: str, *, folder: Path | None = None) -> Iterator[None]:
    """Say, while the block runs, that a cycle of this project is under way: no night of another one begins meanwhile.

    Cycles keep each other from nothing: they are begun by people, who may want two.
    """
    said = _place(folder, "cycle", f"-{os.getpid()}-{secrets.token_hex(4)}.json")
    _sweep_notes(said.parent)
    # Where nothing can be written, no night has its lock either: there is nobody to tell.
    with suppress(OSError):
        _say(said, project)
    try:
        yield
    finally:
        with suppress(OSError):
            said.unlink(missing_ok=True)


def training_elsewhere(*, folder: Path | None = None) -> Holder | None:
    """The project whose night or experiment holds the device, by its own word; None where none does, or we do.

    It does not touch the lock: a night that begins in the same moment must not find it taken by a look.
    """
    said = _read(_note(_place(folder, "training", ".lock")))
    if said is None or said[0].pid == os.getpid() or not _lives(said[0]):
        return None
    return Holder(pid=said[0].pid, what=f"the project {said[1]}")


def require_free_device(ours: Collection[int] = (), *, folder: Path | None = None) -> None:
    """Return where no other training is seen on this machine; `ours` are processes of this project, such as its server.

    Raises:
        LockedError: one is; the message says which.
    """
    holders = other_trainings(ours, folder=folder)
    if holders:
        raise refusal(holders)


def refusal(holders: Sequence[Holder]) -> LockedError:
    """What a second runner is told."""
    named = ", ".join(f"{holder.what} (process {holder.pid})" for holder in holders)
    return LockedError(
        f"another training holds this machine: {named}.",
        next_step="Wait until it has ended, or stop that process; then run the same command again.",
    )


def other_trainings(
    ours: Collection[int] = (),
    *,
    folder: Path | None = None,
    processes: Callable[[], Sequence[Running]] | None = None,
    on_cards: Callable[[], str] | None = None,
    pause: Callable[[float], None] | None = None,
) -> tuple[Holder, ...]:
    """The trainings on this machine that are not ours: of other projects, on its cards, of known trainers, in cycles.

    A known trainer counts when it uses more than half a core; on a card any program does that is no known server.
    """
    import time

    others = (
        *on_card((on_cards or ask_cards)()),
        *busy_trainers(processes or read_processes, pause or time.sleep),
    )
    left_out = {*ours, *_family()} if others else set()
    found = {holder.pid: holder for holder in others if holder.pid not in left_out}
    # A cycle is called by its project, also where it was seen on a card.
    found |= {cycle.pid: cycle for cycle in _in_cycles(folder) if cycle.pid not in {*ours, os.getpid()}}
    return (*_of_projects(folder), *(found[pid] for pid in sorted(found)))


def on_card(said: str) -> tuple[Holder, ...]:
    """The programs that compute on NVIDIA cards, servers left out, by what nvidia-smi lists: `pid, process_name`."""
    lines = [[field.strip() for field in line.split(",", 1)] for line in said.splitlines()]
    return tuple(
        Holder(pid=int(line[0]), what=f"{Path(line[1]).name} on a graphics card")
        for line in lines
        if len(line) == _CARD_FIELDS and line[0].isdigit() and Path(line[1]).name not in SERVERS
    )


def ask_cards() -> str:
    """What nvidia-smi lists of what computes on its cards; nothing where there is no such program or it fails.

    In a container it may list nothing, for it sees the machine's process ids (NOT VERIFIED on a card).
    """
    command = ("nvidia-smi", "--query-compute-apps=pid,process_name", "--format=csv,noheader")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def busy_trainers(processes: Callable[[], Sequence[Running]], pause: Callable[[float], None]) -> tuple[Holder, ...]:
    """Known trainers that use more than half a core, measured between two looks at the process table."""
    before = {process.pid: process.processor_seconds for process in processes() if trainer_of(process.words)}
    if not before:
        return ()
    pause(_SAMPLE_SECONDS)
    least = _BUSY_CORES * _SAMPLE_SECONDS
    return tuple(
        Holder(pid=process.pid, what=f"{trainer_of(process.words)}: {' '.join(process.words)[:_SHOWN]}")
        for process in processes()
        if process.pid in before and process.processor_seconds - before[process.pid] > least
    )


def trainer_of(words: Sequence[str]) -> str | None:
    """The known trainer that a command line starts, by itself or through Python; None for any other."""
    for place, word in enumerate(words[:3]):
        name = Path(word).name.removesuffix(".py").removesuffix("-cli").partition(".")[0]
        starts = place == 0 or words[place - 1] == "-m" or (place == 1 and "python" in Path(words[0]).name)
        if starts and name in TRAINERS:
            return name
    return None


def read_processes() -> tuple[Running, ...]:
    """The process table, as far as this user may read it."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                times, words = process.cpu_times(), tuple(process.cmdline())
        except psutil.Error:
            # It ended meanwhile, or it is not ours to look at.
            continue
        found.append(Running(pid=process.pid, words=words, processor_seconds=times.user + times.system))
    return tuple(found)


def _family() -> set[int]:
    """This process and what it started."""
    import psutil

    own = psutil.Process()
    return {own.pid, *(child.pid for child in own.children(recursive=True))}


def _of_projects(folder: Path | None) -> tuple[Holder, ...]:
    """The training of a project that holds the device by its lock, unless this process does."""
    from filelock import FileLock, Timeout

    place = _lock_file(folder)
    try:
        with FileLock(place).acquire(timeout=0):
            return ()
    except Timeout:
        holder = _lock_holder(place)
        return () if holder.pid == os.getpid() else (holder,)


def _in_cycles(folder: Path | None) -> tuple[Holder, ...]:
    """The cycles that are under way on this machine; what a killed one left is taken away."""
    holders = []
    for place in sorted(_place(folder, "cycle", "").parent.glob(f"cycle-{socket.gethostname()}-*.json")):
        said = _read(place)
        if said is None:
            continue  # it has just ended, or is none of ours
        if said[0].is_dead(socket.gethostname()):
            place.unlink(missing_ok=True)
        elif _lives(said[0]):
            holders.append(Holder(pid=said[0].pid, what=f"a cycle of {said[1]}"))
    return tuple(holders)


def _sweep_notes(folder: Path) -> None:
    """Take away what cycles left that were killed: on this machine at once, under any other name after a month.

    A container is a machine of another name each time.
    """
    host, long_ago = socket.gethostname(), time.time() - _FORGOTTEN_SECONDS
    for place in folder.glob("cycle-*.json"):
        said = _read(place)
        with suppress(OSError):
            if (said is not None and said[0].is_dead(host)) or place.stat().st_mtime < long_ago:
                place.unlink()


def _lock_holder(place: Path) -> Holder:
    said = _read(_note(place))
    if said is None:
        return Holder(pid=0, what="another project, which is just beginning")
    return Holder(pid=said[0].pid, what=f"the project {said[1]}")


def _say(place: Path, project: str) -> None:
    """Write down which process this is, and what it works on."""
    place.parent.mkdir(parents=True, exist_ok=True)
    publish_bytes(place, json.dumps(asdict(Identity.own()) | {"project": project}).encode())


def _read(place: Path) -> tuple[Identity, str] | None:
    """Who said so, and of which project; None where nothing readable stands there."""
    try:
        noted = json.loads(place.read_bytes())
        who = Identity(host=str(noted["host"]), pid=int(noted["pid"]), started=float(noted["started"]))
        return who, str(noted["project"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _lives(who: Identity) -> bool:
    """Whether it is a process of this machine that is still there."""
    here = socket.gethostname()
    return who.host == here and not who.is_dead(here)


def _lock_file(folder: Path | None) -> Path:
    """One lock for a machine and a user."""
    place = _place(folder, "training", ".lock")
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _place(folder: Path | None, what: str, ending: str) -> Path:
    """A file of this machine and user; not in the runtime directory, which a timer of cron does not have."""
    return (folder or default_home()) / f"{what}-{socket.gethostname()}{ending}"


def _note(place: Path) -> Path:
    return place.with_suffix(".json")

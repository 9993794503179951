"""What `selftune doctor` sees of the machine: Python, disk, memory, card, clock, ports, and Windows underneath."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from selftune.app.findings import Finding
from selftune.errors import SelftuneError
from selftune.loop.opened import HIDDEN
from selftune.platforms import is_wsl, own_cores, windows_host, windows_mount

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from selftune.loop.project import Project

_LEAST_PYTHON: Final = (3, 11)
_FIRST_UNTRIED_PYTHON: Final = (3, 14)
_LEAST_FREE_BYTES: Final = 1 << 30
_LEAST_MEMORY_BYTES: Final = 2 << 30
_CARD_SECONDS: Final = 5.0
_PORT_SECONDS: Final = 0.3
# A clock is read twice while a ledger entry is written; what lies further ahead was written by another clock.
_MOST_SKEW: Final = timedelta(minutes=1)
_LOOK_BACK: Final = 100
# No selftune is older: a clock that says so was never set.
_EARLIEST: Final = datetime(2026, 1, 1, tzinfo=UTC)
_STRICT: Final = "LANGGRAPH_STRICT_MSGPACK"
_SET_CLOCK: Final = "Set the clock, and let it be kept: on most Linux machines `timedatectl set-ntp true`."


def look_at_machine(folder: Path) -> Iterator[Finding]:
    """Everything that holds with or without a project in the folder."""
    from selftune.serving.processor import free_cores, require_avx2

    yield judge_python(sys.version_info[:2])
    yield Finding(level="ok", what=f"{free_cores()} free cores of {own_cores()}")
    yield _disk(folder)
    yield _memory()
    yield _card()
    try:
        require_avx2()
        yield Finding(level="ok", what="the processor can run llama.cpp (AVX2)")
    except SelftuneError as error:
        yield Finding(level="bad", what=error.message, mend=error.next_step)
    yield _sqlite()
    yield judge_clock(datetime.now(UTC), None)
    yield from _strictness(os.environ)
    if is_wsl():
        yield from look_at_windows(folder, windows_host())


def judge_python(version: tuple[int, ...]) -> Finding:
    """Whether selftune is tried on this Python."""
    told = f"Python {'.'.join(map(str, version))}"
    if _LEAST_PYTHON <= version < _FIRST_UNTRIED_PYTHON:
        return Finding(level="ok", what=told)
    return Finding(
        level="bad", what=f"{told} is not one that selftune was tried on", mend="Install it into Python 3.13."
    )


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder if folder.exists() else folder.resolve().parent).free
    if free >= _LEAST_FREE_BYTES:
        return Finding(level="ok", what=f"{free / 1e9:.1f} GB free on disk")
    return Finding(level="bad", what=f"{free / 1e9:.1f} GB free on disk", mend="Free some space before you train.")


def _memory() -> Finding:
    import psutil

    seen = psutil.virtual_memory()
    told = f"{seen.available / 1e9:.1f} of {seen.total / 1e9:.1f} GB memory free"
    if seen.available >= _LEAST_MEMORY_BYTES:
        return Finding(level="ok", what=told)
    return Finding(level="note", what=told, mend="Close what is not needed before you train, or choose a smaller base.")


def _card() -> Finding:
    """Cards by what NVIDIA's own program lists; without one everything runs on the processor."""
    command = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_CARD_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        mend = "Nothing needs mending. Where there is a card, install its driver: `nvidia-smi` must run."
        return Finding(level="note", what="no NVIDIA card: training and serving use the processor", mend=mend)
    if done.returncode != 0:
        mend = "Run `nvidia-smi` and put its driver right; until then the processor is used."
        return Finding(level="bad", what="nvidia-smi is here and fails", mend=mend)
    return Finding(level="ok", what=f"card: {'; '.join(done.stdout.split(chr(10))).strip('; ')}")


def _sqlite() -> Finding:
    from selftune.store.dialect import describe_sqlite, journal_mode, sqlite_module

    module = sqlite_module()
    if journal_mode(module) == "wal":
        return Finding(level="ok", what=describe_sqlite(module))
    # It can corrupt what two processes write (sqlite.org/wal.html, "WAL-reset"), and is held back from it.
    mend = "Run `pip install pysqlite3`, or use a Python whose SQLite is 3.51.3 or newer."
    return Finding(level="note", what=describe_sqlite(module), mend=mend)


def judge_clock(now: datetime, newest: datetime | None) -> Finding:
    """Whether the clock can be right, seen against the newest entry of the ledger where there is one.

    A clock that is ahead can't be told from one that is right.
    """
    if now < _EARLIEST:
        return Finding(level="bad", what=f"the clock says {now:%Y-%m-%d}: it was never set", mend=_SET_CLOCK)
    if newest is None:
        return Finding(level="ok", what=f"the clock says {now:%Y-%m-%d %H:%M} UTC")
    if newest - now > _MOST_SKEW:
        what = f"the clock is behind the ledger's newest entry, by {_told(newest - now)}"
        return Finding(
            level="bad", what=what, mend=f"{_SET_CLOCK} If it is right now, it was wrong when that was written."
        )
    return Finding(level="ok", what="the ledger's newest entry is not later than the clock")


def _told(span: timedelta) -> str:
    return f"{span.days} days" if span.days else f"{span.seconds // 60} minutes"


def _strictness(environment: Mapping[str, str]) -> Iterator[Finding]:
    """What the environment says of LangGraph's checkpoints; selftune itself always sets them to strict."""
    said = environment.get(_STRICT)
    if said is not None and said.lower() not in {"1", "true", "yes"}:
        mend = f"Unset {_STRICT}: other programs that open the dialogues would load any type that stands in them."
        yield Finding(
            level="note", what=f"{_STRICT} is {said!r}; selftune reads checkpoints strictly nevertheless", mend=mend
        )
    else:
        yield Finding(level="ok", what="checkpoints of dialogues are read strictly")


def look_at_windows(folder: Path, host: str | None) -> Iterator[Finding]:
    """What is different where this Linux runs inside Windows (NOT VERIFIED: nobody ran it there yet)."""
    yield Finding(
        level="note", what="this Linux runs inside Windows (WSL); NOT VERIFIED there", mend="Read docs/platforms.md."
    )
    mount = windows_mount(folder)
    if mount is not None:
        yield Finding(level="bad", what=drive_in_words(folder, mount), mend=DRIVE_MEND)
    if host is not None:
        yield Finding(
            level="note",
            what=f"Windows is at {host}; an Ollama there that listens to all is http://{host}:11434/v1",
            mend='Name it under [judge] or [teacher] with [egress] allow = ["'
            f'{host}"]; or set networkingMode=mirrored in .wslconfig, and 127.0.0.1 is Windows too.',
        )


DRIVE_MEND: Final = "Put the project into a folder of Linux's own, such as ~/project."


def drive_in_words(folder: Path, mount: str) -> str:
    """Why no project may lie on a drive of Windows that is mounted into Linux."""
    return f"{folder.resolve()} lies on a drive of Windows ({mount}), where locks and durable writes don't hold."


def look_at_ports(ports: Mapping[str, int], ours: Collection[int] = ()) -> Iterator[Finding]:
    """Whether what `selftune up` listens on is free; by the section of the config that names each port.

    Args:
        ports: Each port by its section.
        ours: The processes of this project's own gateway and dashboard, as they noted them.
    """
    for section, port in ports.items():
        if not _is_taken(port):
            yield Finding(level="ok", what=f"port {port} ({section}) is free")
            continue
        pid, holder = _holder_of(port)
        if pid in ours:
            yield Finding(level="ok", what=f"port {port} ({section}): this project's own {section} answers there")
        else:
            mend = f"Stop that program, or choose another port: [{section}] port = {port + 10} in selftune.toml."
            yield Finding(
                level="note",
                what=f"port {port} ({section}) is taken by {holder or 'a program of somebody else'}",
                mend=mend,
            )


def _is_taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PORT_SECONDS)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def noted_processes(folder: Path) -> tuple[int, ...]:
    """The processes of this project's gateway and dashboard, as they noted them; they may have ended since."""
    from selftune.app.dashboard.sessions import ADDRESS
    from selftune.app.dashboard.sessions import FOLDER as DASHBOARD
    from selftune.app.gateway.keys import FOLDER as GATEWAY
    from selftune.app.gateway.looking import NOTE

    found = list[int]()
    for place in (f"{GATEWAY}/{NOTE}", f"{DASHBOARD}/{ADDRESS}"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            found.append(int(json.loads((folder / HIDDEN / place).read_bytes())["pid"]))
    return tuple(found)


def _holder_of(port: int) -> tuple[int | None, str]:
    """The process that listens on a port and its command, as far as this user may see it."""
    import psutil

    try:
        pids = [
            one.pid
            for one in psutil.net_connections("tcp")
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid
        ]
        return (pids[0], " ".join(psutil.Process(pids[0]).cmdline())[:80]) if pids else (None, "")
    except psutil.Error:
        return None, ""


def look_at_ledger_clock(project: Project) -> Finding:
    """The clock against the newest entries of this project's ledger: a wrong clock may have written the very last."""
    last = project.store.last_entry()
    times = [datetime.fromisoformat(entry.at) for entry in project.store.history(max(0, last - _LOOK_BACK))]
    return judge_clock(datetime.now(UTC), max(times, default=None))

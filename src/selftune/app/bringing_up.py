"""`selftune up`: the model, the gateway, what takes in its log, and the pages, all in one tree of processes."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from selftune.app.dashboard import sessions
from selftune.app.gateway.keys import DEFAULT, FOLDER, make_key, read_keys
from selftune.app.gateway.looking import NOTE
from selftune.app.process_tree import Member, ProcessTree
from selftune.app.service_manager import take_service_manager
from selftune.app.watchdog import Door, Watchdog
from selftune.errors import DamagedFileError, DatabaseAwayError, LockedError
from selftune.loop.config import load_config
from selftune.loop.databases import store_database
from selftune.loop.opened import HIDDEN
from selftune.release.config import Target
from selftune.release.live import LiveServer
from selftune.release.note import keeper_process, read_note

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selftune.app.service_manager import ServiceManager
    from selftune.loop.config import ProjectConfig

log = logging.getLogger("selftune.up")

GATEWAY: Final = "selftune.app.gateway.serve"
INGEST: Final = "selftune.app.gateway.ingest"
DASHBOARD: Final = "selftune.app.dashboard.serve"
_LOOK_SECONDS: Final = 5.0


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is to be brought up.

    Attributes:
        port: Of the gateway, in place of the config's; 0 finds a free one.
        dashboard_port: The same for the pages.
        dashboard: Whether there are pages.
        model: Whether the champion is started where it does not serve.
    """

    port: int | None = None
    dashboard_port: int | None = None
    dashboard: bool = True
    model: bool = True


def bring_up(folder: Path, wishes: Wishes, told: Callable[[str], None]) -> int:
    """Bring everything up and keep it up until a signal comes; returns the exit code.

    Raises:
        MissingFileError: there is no project in the folder, or its records lie on a server and psycopg is missing.
        ConfigError: its config can't be read.
        LockedError: it is up already.
    """
    import filelock

    _see_records(load_config(folder), told)
    folder = folder.resolve()
    hidden = folder / HIDDEN
    (hidden / FOLDER).mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = filelock.FileLock(hidden / FOLDER / "up.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise LockedError(
            "this project is up already.", next_step="Look at it: selftune gateway status. Or stop that one first."
        ) from None
    try:
        return _keep_up(folder, wishes, told)
    finally:
        lock.release()


def _see_records(config: ProjectConfig, told: Callable[[str], None]) -> None:
    """Say where the server of the records is away: answers do not wait for it, and what comes in waits on this disk.

    Raises:
        ConfigError: its URL can't be read, or it must not be used.
        MissingFileError: psycopg is not installed, so that nothing would ever come in.
    """
    database = store_database(config)
    if database is None:
        return
    from selftune.databases import connect

    try:
        connect(database).close()
    except DatabaseAwayError as error:
        told(
            f"Records: {error.message} What comes in waits in .selftune/{FOLDER} until it does. See that the server "
            "runs and lets you in (`psql` with the same URL)."
        )


def first_key(hidden: Path) -> str | None:
    """The owner's first key, where none was ever made here; it is shown once."""
    return None if read_keys(hidden) else make_key(hidden, DEFAULT)[1]


def _keep_up(folder: Path, wishes: Wishes, told: Callable[[str], None]) -> int:
    manager = take_service_manager(os.environ)
    manager.tell("STATUS=the model is put into service")
    ours = _start_model(folder, told) if wishes.model else False
    members = _members(folder, wishes, told)
    try:
        return asyncio.run(_run(folder, members, manager, watch=wishes.model))
    finally:
        manager.tell("STOPPING=1")
        if ours:
            # What was started here ends here; a server that ran before goes on.
            LiveServer(Target(folder=str(folder), project="", base="")).stop()


async def _run(folder: Path, members: tuple[Member, ...], manager: ServiceManager, *, watch: bool) -> int:
    hidden = folder / HIDDEN
    tree = ProcessTree(members, logs=hidden / "logs", cwd=hidden)
    watching = [asyncio.create_task(Watchdog(tree, _doors(hidden, members), manager).run())]
    if watch:
        watching.append(asyncio.create_task(_watch_model(folder)))
    try:
        return await tree.run()
    finally:
        for task in watching:
            task.cancel()


def _doors(hidden: Path, members: tuple[Member, ...]) -> tuple[Door, ...]:
    """Where these members say whether they are well; what takes in the log has no door, and is known by living."""
    doors = (
        Door(member="gateway", note=hidden / FOLDER / NOTE, path="/health"),
        Door(member="dashboard", note=hidden / sessions.FOLDER / sessions.ADDRESS, path="/healthz"),
    )
    names = {member.name for member in members}
    return tuple(door for door in doors if door.member in names)


def _members(folder: Path, wishes: Wishes, told: Callable[[str], None]) -> tuple[Member, ...]:
    where = str(folder)
    found = [
        Member(
            name="gateway",
            module=GATEWAY,
            arguments=(where, *_port(wishes.port)),
            told=lambda line: _tell_gateway(line, folder / HIDDEN, told),
            needed=True,
        )
    ]
    if find_spec(INGEST) is not None:
        found.append(Member(name="ingest", module=INGEST, arguments=(where,), told=told))
    if wishes.dashboard:
        found.append(
            Member(name="dashboard", module=DASHBOARD, arguments=(where, *_port(wishes.dashboard_port)), told=told)
        )
    return tuple(found)


def _port(port: int | None) -> tuple[str, ...]:
    return () if port is None else ("--port", str(port))


def _tell_gateway(line: str, hidden: Path, told: Callable[[str], None]) -> None:
    """What the gateway says when it is up, as the lines that a person pastes into a client; the first key once."""
    try:
        said = json.loads(line)
    except ValueError:
        told(line)
        return
    if "up" not in said:
        told(f"The gateway can't start: {said.get('message')} {said.get('next_step')}")
        return
    told(f"Gateway: {said['up']}/v1 (OpenAI), {said['up']} (Ollama); the model is called champion")
    # Made only now: a key from before a start that failed would have been shown to nobody.
    key = first_key(hidden)
    if key is not None:
        told(f"Your key, shown this once: {key}")
        told(f"For a client: OPENAI_BASE_URL={said['up']}/v1 OPENAI_API_KEY={key}")


def _start_model(folder: Path, told: Callable[[str], None]) -> bool:
    """Start the champion where it does not serve; True where it was started here.

    By the command of its own, so that what stays running is light.
    """
    live = LiveServer(Target(folder=str(folder), project="", base=""))
    status = live.status()
    if status is not None and status.resting is not None:
        # Whoever sent it to rest needs the device; it comes back by itself.
        told(f"Model: it rests ({status.resting})")
        return False
    if status is not None and status.version is not None:
        told(f"Model: {status.version} serves already")
        return False
    done = _start(folder)
    if done.returncode:
        told(f"The model does not serve: {done.stderr.strip() or 'look at .selftune/logs/keeper.log'}")
        return False
    told(f"Model: {done.stdout.strip()}")
    return status is None


def _start(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "selftune", "start", "--project", str(folder)]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=folder / HIDDEN
    )


async def _watch_model(folder: Path) -> None:
    """Start the champion again where its keeper was killed; one that was stopped took its note along, and rests."""
    pause = _LOOK_SECONDS
    while True:
        await asyncio.sleep(pause)
        if not _was_killed(folder / HIDDEN):
            pause = _LOOK_SECONDS
            continue
        done = await asyncio.to_thread(_start, folder)
        log.warning("the model's keeper was gone; %s", done.stdout.strip() or done.stderr.strip())
        pause = min(2 * pause, 60.0) if done.returncode else _LOOK_SECONDS


def _was_killed(hidden: Path) -> bool:
    try:
        note = read_note(hidden)
    except DamagedFileError:
        return False
    return note is not None and keeper_process(note) is None

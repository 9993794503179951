"""A light parent that keeps programs running: started again with growing pauses, and ended with it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.attended import END_SECONDS

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Sequence
    from pathlib import Path

log = logging.getLogger("selftune.up")

_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 30.0
_STEADY_SECONDS: Final = 30.0
_LOG_BYTES: Final = 1 << 20
_FAILED: Final = 1
_HOPELESS: Final = frozenset({2})
"""Exit codes after which another start would end the same way: what is wrong stands in the config or the arguments."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One program of the tree.

    Attributes:
        module: What is run, as `python -m` names it.
        told: Hears each line of its standard output.
        needed: Whether the tree ends with it where it can't be started at all.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    told: Callable[[str], None]
    needed: bool = False


class ProcessTree:
    """Keeps its members running until it is stopped; made and run inside one event loop."""

    def __init__(self, members: Sequence[Member], *, logs: Path, cwd: Path) -> None:
        self._members = members
        self._logs = logs
        self._cwd = cwd
        self._stop = asyncio.Event()
        self._code = 0
        self._running: dict[str, Process] = {}
        self._given_up: set[str] = set()

    def pid_of(self, name: str) -> int | None:
        """The process that this member is now; None between two lives."""
        process = self._running.get(name)
        return None if process is None else process.pid

    def is_given_up(self, name: str) -> bool:
        """Whether this member is not started any more: another start would end the same way."""
        return name in self._given_up

    async def renew(self, name: str) -> None:
        """End a member that hangs, by force where it does not hear; it is started again as one that ended."""
        process = self._running.get(name)
        if process is not None:
            await _end(process)

    def stop(self, code: int = 0) -> None:
        """Have `run` end soon, with this exit code."""
        self._code = self._code or code
        self._stop.set()

    async def run(self) -> int:
        """Keep all members running until a signal or `stop` comes; returns the exit code."""
        hear_signals(self.stop)
        tasks = [asyncio.create_task(self._attend(member)) for member in self._members]
        await self._stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return self._code

    async def _attend(self, member: Member) -> None:
        """One member's lives."""
        pause = _FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            born = loop.time()
            try:
                code = await self._live(member)
                why = f"ended with code {code}"
            except (OSError, ValueError) as error:  # no process or no disk left just now, or a line without an end
                code, why = _FAILED, f"can't be kept running: {error}"
            if code in _HOPELESS:
                log.error("%s can't be started; look at %s", member.name, self._log_of(member))
                self._given_up.add(member.name)
                if member.needed:
                    self.stop(code)
                return
            if loop.time() - born > _STEADY_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            log.warning("%s %s; it is started again in %.1f s", member.name, why, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _live(self, member: Member) -> int:
        """Start it and hear it out; when this is cancelled it is ended."""
        self._logs.mkdir(parents=True, exist_ok=True)
        path = self._log_of(member)
        if path.exists() and path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_suffix(".1.log"))
        with path.open("ab") as stream:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "selftune.app.attended", member.module, *member.arguments),
                stdin=PIPE,
                stdout=PIPE,
                stderr=stream,
                # Not the project folder: a `json.py` in it would be imported.
                cwd=self._cwd,
                # Ctrl-C at the terminal is the parent's to pass on, once.
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        self._running[member.name] = process
        try:
            return await _hear_out(process, member.told)
        finally:
            await _end(process)
            del self._running[member.name]

    def _log_of(self, member: Member) -> Path:
        return self._logs / f"{member.name}.log"


async def _hear_out(process: Process, told: Callable[[str], None]) -> int:
    if process.stdout is None:  # pragma: no cover - it was asked for
        return await process.wait()
    while line := await process.stdout.readline():
        told(line.decode(errors="replace").rstrip())
    return await process.wait()


async def _end(process: Process) -> None:
    """End a program that runs: asked first, by force where it does not hear."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(asyncio.shield(process.wait()), END_SECONDS)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def hear_signals(stop: Callable[[], None]) -> None:
    """Stop by SIGTERM and SIGINT, also where a shell started us with SIGINT ignored."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        if os.name == "posix":
            loop.add_signal_handler(number, stop)
        else:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))

"""The look of `selftune up` at its own programs: whether each answers at its health route, not only whether it lives.

What answered before and is silent now is ended, and its tree starts it again. What this comes to, systemd is told: that
all is up, and then as often as it wants to hear it that nothing is silent. Should the one who looks hang as well, that
word stays out, and systemd starts all of it anew.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from selftune.app.service_manager import ServiceManager

log = logging.getLogger("selftune.up")

HOST: Final = "127.0.0.1"
LOOKS: Final = 6
"""So many silent looks in a row, a minute of them, and a program hangs."""
_BEAT_SECONDS: Final = 10.0
_BEGINNING_SECONDS: Final = 0.5
_ANSWER_SECONDS: Final = 5.0
_OK: Final = b"200"


class Tree(Protocol):
    """What keeps the programs running."""

    def pid_of(self, name: str) -> int | None:
        """The process that it is now; None between two lives."""
        ...

    def is_given_up(self, name: str) -> bool:
        """Whether it is not started any more."""
        ...

    async def renew(self, name: str) -> None:
        """End it, so that it is started again."""
        ...


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where a program is asked whether it answers.

    Attributes:
        member: Its name in the tree.
        note: The file in which it says its port.
        path: Its health route.
    """

    member: str
    note: Path
    path: str


class Answer(Enum):
    """What came of asking: its word, a refusal because too many others ask, or nothing."""

    WELL = "answers"
    BUSY = "is busy"
    NONE = "does not answer"


class Watchdog:
    """Looks at each door in turn until it is cancelled."""

    def __init__(self, tree: Tree, doors: Sequence[Door], manager: ServiceManager) -> None:
        self._tree = tree
        self._doors = doors
        self._manager = manager
        self._ready = False
        self._told = ""
        self._heard: dict[str, tuple[int, int]] = {}

    async def run(self) -> None:
        """Look again and again: often until all is up, then three times as often as systemd asks for."""
        beat = min(_BEAT_SECONDS, (self._manager.watchdog_seconds or 3 * _BEAT_SECONDS) / 3)
        while True:
            await self.look()
            await asyncio.sleep(beat if self._ready else _BEGINNING_SECONDS)

    async def look(self) -> None:
        """Ask each program once, tell what came of it, and have ended what has been silent for too long.

        One that can't be started at all is not waited for: what else serves goes on without it.
        """
        doors = [door for door in self._doors if not self._tree.is_given_up(door.member)]
        answers = await asyncio.gather(*(ask(door) for door in doors))
        found = dict(zip((door.member for door in doors), answers, strict=True))
        self._tell(found)
        for name, answer in found.items():
            await self._count(name, answer)

    def _tell(self, found: dict[str, Answer]) -> None:
        status = f"STATUS={', '.join(f'{name} {answer.value}' for name, answer in found.items())}"
        words = [] if status == self._told else [status]
        ready = self._ready or all(answer is Answer.WELL for answer in found.values())
        if ready and not self._ready:
            words.append("READY=1")
        if ready and Answer.NONE not in found.values():
            words.append("WATCHDOG=1")
        # What could not be said is said with the next look.
        if words and self._manager.tell(*words):
            self._ready, self._told = ready, status

    async def _count(self, name: str, answer: Answer) -> None:
        """Silence counts of a process that has answered before: one that only begins may take its time."""
        pid = self._tree.pid_of(name)
        if pid is None:
            return
        if answer is not Answer.NONE:
            self._heard[name] = (pid, 0)
            return
        heard, silent = self._heard.get(name, (None, 0))
        if heard != pid:
            return
        self._heard[name] = (pid, silent + 1)
        if silent + 1 >= LOOKS:
            log.warning("%s has not answered %d times in a row; it is ended and started again", name, LOOKS)
            await self._tree.renew(name)


async def ask(door: Door) -> Answer:
    """Whether a program answers at its health route, within five seconds."""
    try:
        port = int(json.loads(door.note.read_bytes())["port"])
        async with asyncio.timeout(_ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(f"GET {door.path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n".encode())
                line = await _first_line(reader)
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError, KeyError, TypeError, OverflowError):  # no port yet, or nobody at it
        return Answer.NONE
    return Answer.WELL if line.split()[1:2] == [_OK] else Answer.BUSY


async def _first_line(reader: asyncio.StreamReader) -> bytes:
    """The status line; nothing where it was closed at once, as a door does that has too many before it."""
    try:
        return await reader.readline()
    except ConnectionError:
        return b""

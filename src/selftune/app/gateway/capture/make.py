"""The gateway's end of capture: it hands exchanges to a writer beside it and says when they are on the disk.

Nothing here takes longer than copying the bytes into a pipe: reading, redacting and the disk are the writer's. Should
it die it is started again, and gets once more what it had not answered for.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from selftune.app.gateway.capture.bodies import SHAPES
from selftune.app.gateway.capture.frames import framed, read_frames
from selftune.app.gateway.capture.talk import Asked, Done, Verdict
from selftune.app.gateway.exchange import OPTED_OUT, Ended

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from selftune.app.gateway.capture.words import Word
    from selftune.app.gateway.exchange import Exchange
    from selftune.loop.fronting import GatewaySection

log = logging.getLogger("selftune.gateway.capture")

WRITER: Final = "selftune.app.gateway.capture.writer"
_MOST_WAITING: Final = 8192
_MOST_BYTES: Final = 128 << 20
_PAUSES: Final = (0.1, 0.5, 2.0, 5.0)
_SHOUT_SECONDS: Final = 10.0
_CHUNK: Final = 1 << 16
_END_SECONDS: Final = 10.0
_MOST_SAID: Final = 1 << 20
_DONE: Final = msgspec.msgpack.Decoder(list[Done])


class _Nonsense(Exception):  # noqa: N818 - it marks a writer
    """The writer says what no writer of ours says."""


@dataclass(frozen=True, kw_only=True)
class CaptureState:
    """How capture stands, for whoever watches.

    Attributes:
        kept: Exchanges that are on the disk.
        lost: Exchanges that are not, by the reason.
        opted_out: Exchanges that were not to be kept.
        waiting: Exchanges and words that are on their way to the disk.
        up: Whether the writer runs.
        restarts: How often a writer ended that was not told to, or said what nobody understands, and was replaced.
    """

    kept: int
    lost: Mapping[str, int]
    opted_out: int
    waiting: int
    up: bool
    restarts: int


@dataclass(kw_only=True)
class _Waiting:
    """What was handed over and not answered for."""

    frame: bytes
    tell: Callable[[Verdict], None]
    is_word: bool


@dataclass(kw_only=True)
class _Line:
    """What is on its way to the disk, by number."""

    entries: dict[int, _Waiting] = field(default_factory=dict)
    size: int = 0
    last: int = 0

    def add(self, asked: _Waiting) -> None:
        self.entries[self.last] = asked
        self.size += len(asked.frame)

    def take(self, number: int) -> _Waiting | None:
        found = self.entries.pop(number, None)
        self.size -= 0 if found is None else len(found.frame)
        return found


class SpoolCapture:
    """Keeps exchanges in the project's spool, by a writer of its own."""

    def __init__(self, folder: Path, *, command: tuple[str, ...] = ()) -> None:
        """Make it; the writer is started by the first exchange, or by `start`."""
        self._command = command or (sys.executable, "-P", "-m", WRITER, str(folder))
        self._encode = msgspec.msgpack.Encoder().encode
        self._line = _Line()
        self._kept = self._opted_out = 0
        self._lost: Counter[str] = Counter()
        self._shouted: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None
        self._writer: asyncio.subprocess.Process | None = None
        # Frames for the writer, handed over once in a round of the loop: each by itself would wake it by itself.
        self._outgoing: list[bytes] = []
        self._up = self._closing = False
        self._failures = self._garbled = self._restarts = 0

    def start(self) -> None:
        """Start the writer, within a running loop; once is enough."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._supervise())

    def keep(self, exchange: Exchange) -> Future[bool]:
        """True once it is on the disk; False at once where it can't be kept, or was not to be."""
        answer: Future[bool] = asyncio.get_running_loop().create_future()
        if not is_wanted(exchange):
            self._opted_out += exchange.consent == OPTED_OUT
            answer.set_result(False)
            return answer

        def tell(verdict: Verdict) -> None:
            if not answer.done():
                answer.set_result(verdict is Verdict.KEPT)

        self._hand_over(Asked(number=self._line.last + 1, exchange=exchange), tell, is_word=False)
        return answer

    async def say(self, word: Word) -> Verdict:
        """Keep a later word on an answer; what became of it."""
        heard: Future[Verdict] = asyncio.get_running_loop().create_future()

        def tell(verdict: Verdict) -> None:
            if not heard.done():
                heard.set_result(verdict)

        self._hand_over(Asked(number=self._line.last + 1, word=word), tell, is_word=True)
        return await heard

    def state(self) -> CaptureState:
        """How capture stands."""
        return CaptureState(
            kept=self._kept,
            lost=dict(self._lost),
            opted_out=self._opted_out,
            waiting=len(self._line.entries),
            up=self._up,
            restarts=self._restarts,
        )

    async def close(self) -> None:
        """Have the writer write what waits, and end it."""
        self._closing = True
        self._send()
        if self._up and self._writer is not None and self._writer.stdin is not None:
            self._writer.stdin.close()
        if self._task is not None:
            try:
                await asyncio.wait_for(self._task, _END_SECONDS)
            except TimeoutError:
                log.warning("the writer did not end within %s seconds", _END_SECONDS)
                if self._writer is not None:
                    self._writer.kill()
        self._fail_all(Verdict.GONE)

    # --- On the way -------------------------------------------------------------------------------------------------

    def _hand_over(self, asked: Asked, tell: Callable[[Verdict], None], *, is_word: bool) -> None:
        """Send something to the writer, unless too much waits already; `tell` hears once what became of it."""
        self.start()
        frame = framed([self._encode(asked)])
        line = self._line
        full = len(line.entries) >= _MOST_WAITING or line.size + len(frame) > _MOST_BYTES
        if full or self._closing or self._failures >= len(_PAUSES):
            self._settle(tell, Verdict.CROWDED if full else Verdict.GONE, is_word=is_word)
            return
        line.last = asked.number
        line.add(_Waiting(frame=frame, tell=tell, is_word=is_word))
        if self._up:
            if not self._outgoing:
                asyncio.get_running_loop().call_soon(self._send)
            self._outgoing.append(frame)

    def _send(self) -> None:
        """Hand the writer what came in since the last time."""
        if self._outgoing and self._up and self._writer is not None and self._writer.stdin is not None:
            self._writer.stdin.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def _settle(self, tell: Callable[[Verdict], None], verdict: Verdict, *, is_word: bool) -> None:
        if verdict is Verdict.KEPT:
            self._kept += not is_word
        elif verdict is not Verdict.FOREIGN:
            self._lost[str(verdict)] += not is_word
            self._shout(verdict)
        tell(verdict)

    def _shout(self, verdict: Verdict) -> None:
        """Say aloud that something was not kept, and no more often than people can hear it."""
        now = asyncio.get_running_loop().time()
        if now - self._shouted.get(verdict, -_SHOUT_SECONDS) >= _SHOUT_SECONDS:
            self._shouted[verdict] = now
            log.error("NOT CAPTURED (%s); answers go on. Not captured so far: %s", verdict, dict(self._lost))

    def _fail_all(self, verdict: Verdict) -> None:
        for number in list(self._line.entries):
            one = self._line.take(number)
            if one is not None:
                self._settle(one.tell, verdict, is_word=one.is_word)

    # --- The writer -------------------------------------------------------------------------------------------------

    async def _supervise(self) -> None:
        """Keep a writer running until we close."""
        while not self._is_done():
            try:
                await self._attend()
            except OSError:  # no process, no memory or no file left just now
                log.exception("the writer of the capture can't be started")
            except _Nonsense as error:
                log.error("the writer of the capture says what nobody understands: %s", error)  # noqa: TRY400 - its words say it all
                self._garbled += 1
                await self._kill()
            self._up = False
            if self._is_done():
                return
            pause = _PAUSES[min(max(self._failures, self._garbled), len(_PAUSES) - 1)]
            self._failures += 1
            self._restarts += 1
            log.error("the writer of the capture ended; it is started again in %s seconds", pause)
            if self._failures >= len(_PAUSES):
                self._fail_all(Verdict.GONE)
            await asyncio.sleep(pause)

    def _is_done(self) -> bool:
        return self._closing and not self._line.entries

    async def _attend(self) -> None:
        """One writer's life: hand it what waits, and hear what became of it."""
        self._writer = await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE)
        assert self._writer.stdin is not None, "it was asked for"  # noqa: S101 - can't happen
        assert self._writer.stdout is not None, "it was asked for"  # noqa: S101 - can't happen
        data = b""
        while chunk := await self._writer.stdout.read(_CHUNK):
            data += chunk
            end = 0
            for frame in read_frames(data):
                end = frame.end
                self._hear(_understood(frame.payload), self._writer.stdin)
            data = data[end:]
            if len(data) > _MOST_SAID:
                raise _Nonsense("an answer without an end")
        with suppress(ConnectionError):
            self._writer.stdin.close()
        await self._writer.wait()

    async def _kill(self) -> None:
        """End a writer that can't be understood; the next one is handed all that it had not answered for."""
        if self._writer is not None:
            with suppress(ProcessLookupError):
                self._writer.kill()
            await self._writer.wait()

    def _hear(self, done: list[Done], stdin: asyncio.StreamWriter) -> None:
        for one in done:
            if one.number == 0:
                self._up, self._failures = True, 0
                self._outgoing.clear()  # they stand in the line, which a new writer is handed whole
                stdin.write(b"".join(waiting.frame for waiting in self._line.entries.values()))
                if self._closing:
                    stdin.close()
                continue
            self._garbled = 0
            waiting = self._line.take(one.number)
            if waiting is not None:
                self._settle(waiting.tell, one.verdict, is_word=waiting.is_word)


def _understood(payload: bytes | None) -> list[Done]:
    """What the writer says; `_Nonsense` where it is nothing that a writer of ours says."""
    try:
        if payload is not None:
            return _DONE.decode(payload)
    except msgspec.MsgspecError as error:
        raise _Nonsense(str(error)) from error
    raise _Nonsense("an answer that is not what was written")


def is_wanted(exchange: Exchange) -> bool:
    """Whether an exchange is one to keep: talk that a person saw, or tried to see, and did not ask to leave out."""
    return (
        exchange.consent != OPTED_OUT
        and not exchange.shadow
        and exchange.ended is not Ended.REFUSED
        and exchange.route in SHAPES
    )


def open_capture(folder: Path, settings: GatewaySection) -> SpoolCapture:  # noqa: ARG001 - the seam hands them over
    """The capture of a project; its writer starts with the first exchange, or with `start`."""
    return SpoolCapture(folder.resolve())

"""The keeper itself: keeps one model server alive for a project, and lets go of it cleanly.

It owns the public address. Behind it runs the server of the active release, started only after its files, its proof
and its health are right; a crashed one is started again with growing pauses; a new release is started beside the old
one and takes over only when it has proven itself. Asked to rest, it lets go of its model, and takes it back when it is
told to, when the time is up, or when whoever asked is gone. The server exits when the keeper's end of its stdin closes,
so that even a killed keeper leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from selftune.errors import IntegrityError, ServingError
from selftune.release.base import Switched
from selftune.release.config import LARGEST_PORT
from selftune.release.control import add_control
from selftune.release.door import make_door
from selftune.release.health import check_health
from selftune.release.manifest import Pointer, model_files, pointer_to, read_pointer, read_trusted, write_pointer
from selftune.release.note import NOTE, Note, note_idle, place_of, remove_note, write_note
from selftune.release.patience import START_SECONDS, answering_within
from selftune.release.publish import publish_bytes
from selftune.release.resting import lives, passing_seconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from selftune.records import HealthCheck
    from selftune.release.manifest import Manifest
    from selftune.release.resting import Rest
    from selftune.serving.base import Relayed

log = logging.getLogger("selftune.keeper")

LAST_PORT: Final = "serving.port"
_DRAIN_SECONDS: Final = 30.0
_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 30.0
_STEADY_SECONDS: Final = 60.0
_CRASHES_BEFORE_BACK: Final = 3
_AFTER_A_REST: Final = {"Retry-After": "60"}


class StartServer(Protocol):
    """Starts the server of a release whose files lie where `files` says, by digest."""

    def __call__(self, manifest: Manifest, files: Mapping[str, Path], *, logs: Path) -> AbstractContextManager[Relayed]:
        """The server, up and proven; stopped on leaving. `ServingError` when it can't."""
        ...


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How a keeper behaves; times in seconds.

    Attributes:
        idle: It stops after so long without a request; None for never.
        beat: Pause between two looks at the server.
        probe: How long it may take to answer a look.
        looks: So many looks without an answer in a row, and the server hangs.
        patience: How long a request waits while no model serves.
        within: How long the first start of a release may take; a later one as whoever asks for it says.
        fits: Whether a second model fits in memory beside the one that serves.
    """

    port: int = 0
    idle: float | None = None
    beat: float = 2.0
    probe: float = 5.0
    looks: int = 3
    patience: float = 30.0
    within: float = START_SECONDS
    fits: Callable[[Manifest], bool]

    @property
    def notices_within(self) -> float:
        """Seconds until a server that hangs is known to hang, at most."""
        return self.beat + self.looks * self.probe


@dataclass(kw_only=True, eq=False)
class Child:
    """A running server of a release, and how many requests are with it."""

    manifest: Manifest
    served: Relayed
    health: tuple[HealthCheck, ...]
    closing: ExitStack
    born: float
    in_flight: int = 0
    quiet: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def address(self) -> str:
        """Its own address, behind the door."""
        return self.served.address

    @property
    def fields(self) -> Mapping[str, Any]:
        """What its server must be told in every request."""
        return self.served.fields


class Keeper:
    """Keeps one server for a project folder; made and run inside one event loop."""

    def __init__(self, hidden: Path, *, start: StartServer, terms: Terms) -> None:
        self._hidden = hidden
        self._start = start
        self._terms = terms
        self._child: Child | None = None
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()
        self._changing = asyncio.Lock()
        self._last_request = time.monotonic()
        self._crashes = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._note: Note | None = None
        self._rest: Rest | None = None
        self._rests_until: float | None = None
        self.token = secrets.token_hex(32)

    def stop(self) -> None:
        """Let go of everything; `run` returns soon."""
        self._stop.set()

    async def run(self, announce: Callable[[IntegrityError | None], None]) -> None:
        """Serve until told to stop; `announce` is called once the address is open.

        It is told why no release could be served, if none could; the address stays open for a switch to another one.

        Raises:
            ServingError: the port is taken.
        """
        door = make_door(self)
        add_control(door, self)
        # A client that goes away frees its slot; a switch, once begun, is finished all the same.
        runner = web.AppRunner(door, access_log=None, handler_cancellation=True, shutdown_timeout=_DRAIN_SECONDS)
        await runner.setup()
        try:
            port = await self._open_port(runner)
            with suppress(OSError):  # on a full disk the address may be another one next time
                publish_bytes(self._hidden / LAST_PORT, str(port).encode())
            self._note = _new_note(port, self.token, self._hidden)
            announce(await self._begin(self._terms.within))
            await self._watch()
        finally:
            await runner.cleanup()
            await self._let_go()
            remove_note(self._hidden)

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[Child]:
        """The model that serves now; it is not stopped before the block ends.

        Raises:
            HTTPServiceUnavailable: there is none, and none came in time; at once where it rests.
        """
        if self._rest is not None and not self._rest_is_over(self._rest):
            raise web.HTTPServiceUnavailable(text=f"no model serves now: {self._rest.why}", headers=_AFTER_A_REST)
        try:
            async with asyncio.timeout(self._terms.patience):
                child = await self._wait_for_child()
        except TimeoutError:
            raise web.HTTPServiceUnavailable(text="no model serves now", headers={"Retry-After": "5"}) from None
        child.in_flight += 1
        child.quiet.clear()
        try:
            yield child
        finally:
            self._last_request = time.monotonic()
            child.in_flight -= 1
            if child.in_flight == 0:
                child.quiet.set()

    async def _wait_for_child(self) -> Child:
        """The model that serves as soon as one does.

        Between "there is one" and the turn of whoever waited for it, it may have died: then there is another to come.
        """
        while (child := self._child) is None or not self._ready.is_set():
            await self._ready.wait()
        return child

    async def report_gone(self, behind: object) -> None:
        """Start the server again, unless it turns out to live or another one serves by now."""
        # One that takes too long to say is looked at again, by `_watch`.
        with suppress(TimeoutError):
            if behind is not self._child or not isinstance(behind, Child) or await self._lives(behind):
                return
            # `_watch` may have found it gone in the meantime: one death counted twice takes a good release back.
            if behind is self._child:
                self._restart(behind)

    async def rest(self, rest: Rest) -> None:
        """Let go of the model until `wake`, the end of the rest, or that of the process that asked for it."""
        await asyncio.shield(self._lie_down(rest))

    async def _lie_down(self, rest: Rest) -> None:
        async with self._changing:
            child, self._child, self._rest = self._child, None, rest
            self._rests_until = None if rest.seconds is None else passing_seconds() + rest.seconds
            self._ready.clear()
            self._write_note(None)
            log.info("rests: %s", rest.why)
            if child is not None:
                await _retire(child)

    async def wake(self) -> None:
        """Serve again what is active; nothing to do where it does.

        Raises:
            IntegrityError: neither it nor the release before it can be served.
        """
        await asyncio.shield(self._get_up())

    async def _get_up(self) -> None:
        async with self._changing:
            if self._rest is None:
                return
            within, self._rest, self._last_request = self._rest.within, None, time.monotonic()
            problem = await self._begin(within)
            if problem is not None:
                raise problem

    async def _wake_when_over(self) -> None:
        """Wake by itself where nobody would: the time is up, or who asked was killed."""
        if self._rest is None or not self._rest_is_over(self._rest):
            return
        log.warning("wakes by itself: the time is up, or process %d, which asked for the rest, is gone", self._rest.pid)
        # Why it could not is on its note; the address stays open for a switch to another release.
        with suppress(IntegrityError):
            await self.wake()

    def _rest_is_over(self, rest: Rest) -> bool:
        return (self._rests_until is not None and passing_seconds() >= self._rests_until) or not lives(rest)

    async def switch(self, name: str, placed: str | None = None, *, within: float = START_SECONDS) -> Switched:
        """Serve another release; the pointer changes only when the new server has proven itself.

        `placed` is the digest of its manifest, from who has just placed it; `within` the seconds that its start may
        take.

        Raises:
            IntegrityError: the new one can't serve; the old one does.
        """
        return await asyncio.shield(self._switch(name, placed, within))

    async def _switch(self, name: str, placed: str | None, within: float) -> Switched:
        async with self._changing:
            old, manifest = self._child, read_trusted(name, self._hidden, placed)
            if old is not None and old.manifest == manifest:
                await self._take_over(old)
                return Switched(proof=old.served.proof, health=old.health, gap_seconds=0.0)
            if old is not None and not self._terms.fits(manifest):
                return await self._switch_in_turn(manifest, old, within)
            new = await asyncio.to_thread(self._open, manifest, within)
            await self._take_over(new)
            if old is not None:
                self._keep(asyncio.create_task(_retire(old)))
            return Switched(proof=new.served.proof, health=new.health, gap_seconds=0.0)

    async def _switch_in_turn(self, manifest: Manifest, old: Child, within: float) -> Switched:
        """Old out, new in, for models of which only one fits in memory; requests wait meanwhile."""
        self._ready.clear()
        began = time.monotonic()
        await _retire(old)
        try:
            new = await asyncio.to_thread(self._open, manifest, within)
            await self._take_over(new)
        except IntegrityError:
            log.exception("%s failed; %s comes back", manifest.version, old.manifest.version)
            self._set_child(await asyncio.to_thread(self._open, old.manifest, within, server_may_differ=True))
            raise
        return Switched(proof=new.served.proof, health=new.health, gap_seconds=time.monotonic() - began)

    async def _take_over(self, new: Child) -> None:
        """The release itself: the pointer on disk first, then the door, with nothing in between that can fail."""
        try:
            write_pointer(pointer_to(new.manifest, self._hidden), self._hidden)
        except OSError as error:
            if new is not self._child:
                await asyncio.to_thread(new.closing.close)
            raise ServingError(
                f"the release can't be written to disk: {error.strerror}.",
                next_step="Free some disk space, then run the same command again; what served before still does.",
            ) from error
        self._crashes = 0
        self._set_child(new)
        log.info("%s serves", new.manifest.version)

    def _set_child(self, child: Child, problem: str | None = None) -> None:
        self._child, self._rest = child, None
        self._ready.set()
        self._write_note(problem)

    async def _begin(self, within: float = START_SECONDS) -> IntegrityError | None:
        """Start what the pointer names or, when that can't be served, the release before it; else say why neither."""
        try:
            pointer = read_pointer(self._hidden)
            opened = None if pointer is None else await asyncio.to_thread(self._open_best, pointer, within)
            child, problem = opened or (None, None)
        except IntegrityError as error:
            log.exception("nothing can be served")
            self._write_note(error.message)
            return error
        if child is None or pointer is None:
            self._write_note(None)
        else:
            self._set_child(child, problem or pointer.why)
        return None

    def _open_best(self, pointer: Pointer, within: float) -> tuple[Child, str | None]:
        try:
            return self._open(read_trusted(pointer.active, self._hidden), within, server_may_differ=True), None
        except IntegrityError as error:
            if pointer.fallback is None:
                raise type(error)(
                    error.message,
                    next_step=f"Restore {self._hidden / 'models' / pointer.active}.* from a backup: "
                    "there is no earlier release to go back to.",
                ) from error
            log.exception("%s can't be served; trying %s", pointer.active, pointer.fallback)
            before = read_trusted(pointer.fallback, self._hidden)
            return self._open(before, within, server_may_differ=True), error.message

    def _open(self, manifest: Manifest, within: float, *, server_may_differ: bool = False) -> Child:
        """A server for the release, started, proven and healthy in so many seconds (blocks; run in a thread)."""
        files = model_files(manifest, self._hidden)
        with ExitStack() as stack, answering_within(within, manifest.version):
            served = stack.enter_context(self._start(manifest, files, logs=self._hidden / "logs" / "live"))
            health = check_health(served, manifest, server_may_differ=server_may_differ)
            return Child(
                manifest=manifest, served=served, health=health, closing=stack.pop_all(), born=time.monotonic()
            )

    def _restart(self, gone: Child, *, hangs: bool = False) -> None:
        self._ready.clear()
        self._child = None
        self._crashes = 0 if time.monotonic() - gone.born > _STEADY_SECONDS else self._crashes + 1
        log.error("the server of %s is gone (%d in a row)", gone.manifest.version, self._crashes)
        self._keep(asyncio.create_task(self._bring_back(gone, hangs=hangs)))

    async def _bring_back(self, gone: Child, *, hangs: bool) -> None:
        """Start again until it holds, each pause twice as long as the last, up to half a minute.

        What hangs, or dies again and again, is taken back: the release before it serves.
        """
        closing = asyncio.create_task(asyncio.to_thread(gone.closing.close))
        # What hangs may take long to end, and its successor need not wait for more than its memory.
        if hangs and self._terms.fits(gone.manifest):
            self._keep(closing)
        else:
            await closing
        while not self._stop.is_set():
            await self._pause(pause_before(self._crashes))
            async with self._changing:
                if self._child is not None or self._rest is not None:
                    return
                if hangs or self._crashes >= _CRASHES_BEFORE_BACK:
                    self._take_back(gone.manifest, "does not answer" if hangs else f"died {self._crashes} times")
                if await self._begin() is None:
                    return
                self._crashes += 1

    def _take_back(self, sick: Manifest, what: str) -> None:
        """Point at the release before, where there is one; the next command puts it on record."""
        try:
            pointer = read_pointer(self._hidden)
            if pointer is None or pointer.active != sick.name or pointer.fallback is None:
                return
            why = f"{sick.version} {what}; the release before it serves by itself."
            log.error("%s", why)
            back = replace(pointer, active=pointer.fallback, fallback=None, left=sick.name, why=why)
            write_pointer(back, self._hidden)
        except (OSError, IntegrityError):
            log.exception("%s could not be taken back", sick.version)
            return
        self._crashes = 0

    async def _watch(self) -> None:
        """Look after the server until told to stop, idle for too long, or the project folder is gone."""
        missed = 0
        while not self._stop.is_set():
            # What gave no answer is looked at again at once: half a minute is all that going back may take.
            await self._pause(0.0 if missed else self._terms.beat)
            # Without its note nobody can find a keeper: the project was deleted, or someone wants it gone.
            if not (self._hidden / NOTE).exists():
                log.info("nobody needs the server any more")
                return
            if self._is_idle():
                log.info("nobody asked for %s seconds", self._terms.idle)
                note_idle(self._hidden)
                return
            await self._wake_when_over()
            child = self._child
            if child is None:
                continue
            try:
                alive = await self._lives(child)
                missed = 0
            except TimeoutError:
                alive, missed = True, missed + 1
            hangs = missed >= self._terms.looks
            if (hangs or not alive) and child is self._child and not self._changing.locked():
                missed = 0
                self._restart(child, hangs=hangs)

    async def _lives(self, child: Child) -> bool:
        """Whether the server answers its health route; `TimeoutError` when it takes too long to say."""
        url = f"{child.address.removesuffix('/v1')}/health"
        try:
            timeout = ClientTimeout(total=self._terms.probe)
            async with ClientSession(trust_env=False, timeout=timeout) as session, session.get(url) as response:
                return response.status < web.HTTPInternalServerError.status_code
        except TimeoutError:
            raise
        except ClientError:
            return False

    def _is_idle(self) -> bool:
        if self._terms.idle is None or self._rest is not None or (self._child is not None and self._child.in_flight):
            return False
        return time.monotonic() - self._last_request > self._terms.idle

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return

    async def _open_port(self, runner: web.AppRunner) -> int:
        """The configured port or, without one, the port of last time if it is free."""
        for port in (self._terms.port,) if self._terms.port else (_last_port(self._hidden), 0):
            try:
                site = web.TCPSite(runner, "127.0.0.1", port)
                await site.start()
            except OSError as error:
                log.warning("port %d: %s", port, error)
                continue
            return int(runner.addresses[0][1])
        raise ServingError(
            f"port {self._terms.port} is taken by another program.",
            next_step="Stop that program, or set another [serving] port (0 finds a free one).",
        )

    def _write_note(self, problem: str | None) -> None:
        assert self._note is not None, "the port is open before anything serves"  # noqa: S101 - what cannot happen
        child = self._child
        self._note = replace(
            self._note,
            name=child.manifest.name if child else None,
            version=child.manifest.version if child else None,
            build_digest=child.manifest.build.digest if child else None,
            proof=child.served.proof if child else None,
            problem=problem,
            resting=None if self._rest is None else self._rest.why,
        )
        try:
            write_note(self._note, self._hidden)
        except OSError as error:
            log.exception("the note can't be written")
            # Without any nobody finds a keeper; what an older one says wrongly harms less than that nothing serves.
            if not (self._hidden / NOTE).exists():
                raise ServingError(
                    f"{NOTE} can't be written: {error.strerror}.",
                    next_step="Free some disk space, then run the same command again.",
                ) from error

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _let_go(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._child is not None:
            await asyncio.to_thread(self._child.closing.close)


def pause_before(crashes: int) -> float:
    """Seconds to wait before the next start after so many crashes in a row: none after the first, then doubling."""
    return 0.0 if crashes <= 1 else min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (crashes - 2))


async def _retire(child: Child) -> None:
    """Stop a server when its last request is answered, or when that takes too long."""
    if child.in_flight:
        try:
            await asyncio.wait_for(child.quiet.wait(), _DRAIN_SECONDS)
        except TimeoutError:
            log.warning("%s: %d requests were cut off", child.manifest.version, child.in_flight)
    await asyncio.to_thread(child.closing.close)


def _new_note(port: int, token: str, hidden: Path) -> Note:
    import psutil

    return Note(
        pid=os.getpid(),
        start_time=psutil.Process().create_time(),
        port=port,
        address=f"http://127.0.0.1:{port}/v1",
        token=token,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        place=place_of(hidden),
    )


def _last_port(hidden: Path) -> int:
    """The port of last time, so that the address stays; 0, which is any, where that can't be known."""
    try:
        port = int((hidden / LAST_PORT).read_text())
    except (FileNotFoundError, ValueError):
        return 0
    return port if 0 <= port <= LARGEST_PORT else 0

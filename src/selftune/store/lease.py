"""Who may run: one holder of a name at a time, a dead one does not block, a live one is not robbed.

An operating-system lock on a file settles it on one machine. A row with a growing token settles it between machines,
and fences: a holder whose token is no longer the row's can't write any more.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from filelock import FileLock, Timeout
from sqlalchemy import insert, select, update

from selftune.errors import LockedError
from selftune.store.dialect import reading, writing
from selftune.store.tables import LEASES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection, Engine, Row, Update


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A process as other processes can recognise it: a pid alone is used again after a while."""

    host: str
    pid: int
    started: float

    @classmethod
    def own(cls) -> Self:
        """This process."""
        import psutil

        pid = os.getpid()
        return cls(host=socket.gethostname(), pid=pid, started=psutil.Process(pid).create_time())

    def is_dead(self, here: str) -> bool:
        """Whether this process is known to be gone; one of another host is never known to be.

        One that ended and that nobody has cleared away yet is gone too: in a container nobody may ever do so.
        """
        import psutil

        if self.host != here:
            return False
        try:
            process = psutil.Process(self.pid)
            return process.status() == psutil.STATUS_ZOMBIE or abs(process.create_time() - self.started) > 1.0
        except psutil.NoSuchProcess:
            return True


class Lease:
    """A name that is held until `release`; a context manager.

    Attributes:
        name: What is held.
        token: The fencing token; each holder's is greater than those before.
    """

    def __init__(
        self,
        *,
        name: str,
        token: int,
        ttl_seconds: float,
        engine: Engine,
        lock: FileLock,
        on_release: Callable[[], object],
        wall: Callable[[], float],
    ) -> None:
        self.name = name
        self.token = token
        self._ttl_seconds = ttl_seconds
        self._engine = engine
        self._lock = lock
        self._on_release = on_release
        self._wall = wall

    def heartbeat(self) -> None:
        """Say that the holder lives, for another `ttl_seconds`.

        Raises:
            LockedError: someone else has taken the lease over.
        """
        with writing(self._engine) as connection:
            self.check(connection)
            connection.execute(self._own_row().values(expires_at=self._wall() + self._ttl_seconds))

    def check(self, connection: Connection) -> None:
        """Refuse to go on when the lease is no longer ours.

        Raises:
            LockedError: someone else has taken it over.
        """
        token = connection.execute(select(LEASES.c.token).where(LEASES.c.name == self.name)).scalar()
        if token != self.token:
            raise LockedError(
                f"the lease {self.name!r} was taken over while this process slept.",
                next_step="Let the other run end; then start this one again.",
            )

    def release(self) -> None:
        """Let go; a lease that was taken over is let go of without touching the new holder's."""
        self._on_release()
        try:
            with writing(self._engine) as connection:
                connection.execute(self._own_row().values(owner=None, host=None, pid=None, expires_at=None))
        finally:
            self._lock.release()

    def _own_row(self) -> Update:
        return update(LEASES).where(LEASES.c.name == self.name, LEASES.c.token == self.token)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def acquire(
    engine: Engine,
    folder: Path,
    name: str,
    *,
    owner: str,
    ttl_seconds: float,
    since: str,
    identity: Identity,
    on_release: Callable[[], object],
    wall: Callable[[], float] = time.time,
) -> Lease:
    """The lease of this name, if nobody alive holds it.

    A holder on this machine counts as dead when its process is gone; one on another machine, when its last heartbeat
    is `ttl_seconds` old by its own promise.

    Raises:
        LockedError: it is held; the message says by whom and since when.
    """
    lock = FileLock(folder / f"{name}.lock", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        with reading(engine) as connection:
            raise _refusal(name, _row(connection, name)) from error
    try:
        with writing(engine) as connection:
            token = _take(connection, name, owner=owner, since=since, identity=identity, now=wall(), ttl=ttl_seconds)
    except BaseException:
        lock.release()
        raise
    return Lease(
        name=name,
        token=token,
        ttl_seconds=ttl_seconds,
        engine=engine,
        lock=lock,
        on_release=on_release,
        wall=wall,
    )


def _take(
    connection: Connection, name: str, *, owner: str, since: str, identity: Identity, now: float, ttl: float
) -> int:
    """Write the new holder into the row; returns its token."""
    row = _row(connection, name)
    if row is not None and row.owner is not None and not _is_free(row, identity, now):
        raise _refusal(name, row)
    token: int = 1 if row is None else row.token + 1
    facts = {
        "token": token,
        "owner": owner,
        "host": identity.host,
        "pid": identity.pid,
        "process_started": identity.started,
        "since": since,
        "expires_at": now + ttl,
    }
    if row is None:
        connection.execute(insert(LEASES).values(name=name, **facts))
    else:
        connection.execute(update(LEASES).where(LEASES.c.name == name).values(**facts))
    return token


def _row(connection: Connection, name: str) -> Row[tuple[object, ...]] | None:
    return connection.execute(select(LEASES).where(LEASES.c.name == name)).first()


def _is_free(row: Row[tuple[object, ...]], identity: Identity, now: float) -> bool:
    holder = Identity(host=row.host, pid=row.pid, started=row.process_started)
    if holder.host == identity.host:
        # A holder in this very process would still hold the file lock, unless locks fail on this file system.
        return holder.is_dead(identity.host)
    return bool(row.expires_at < now)


def _refusal(name: str, row: Row[tuple[object, ...]] | None) -> LockedError:
    if row is None or row.owner is None:
        return LockedError(f"another process is just taking the lease {name!r}.", next_step="Try again in a second.")
    return LockedError(
        f"{row.owner} (process {row.pid} on {row.host}) has held {name!r} since {row.since}.",
        next_step="Wait until it has ended, or stop that process; then run the same command again.",
    )

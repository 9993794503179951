"""A PostgreSQL server of the tests' own: started in a second, on a socket in a short folder, thrown away at the end.

It is the real one, of the machine's packages; only `fsync` is off. Its databases sort as people do (ICU, English), as
most servers' do: what relies on the order of bytes must say so itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

USER = "app"
# The socket's path may have some 107 bytes; pytest's own folders are longer, and closed to other users.
SHORT = "/tmp"
_COUNTED = count(1)


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server."""

    folder: Path
    programs: Path

    def url(self, name: str, user: str = USER) -> str:
        """The URL of a database on it."""
        return f"postgresql://{user}@/{name}?host={self.folder}"

    def new_database(self, like: str = "template1") -> str:
        """The URL of a fresh database: an empty one, or one that begins as the one of this name is."""
        name = f"d{os.getpid()}_{next(_COUNTED)}"
        with self._connected() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Throw a database away, whoever is connected."""
        name = name_in(url)
        with self._connected() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def stop(self) -> None:
        """Stop it as a crash would."""
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        """Start it, again or for the first time."""
        settings = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c max_connections=40"
        self._control("-w", "-l", f"{self.folder}/log", "-o", settings, "start")

    def _control(self, *words: str) -> None:
        run_as_owner([self.programs / "pg_ctl", "-D", self.folder / "d", *words])

    def _connected(self):
        import psycopg

        return psycopg.connect(self.url("postgres"), autocommit=True)


def name_in(url: str) -> str:
    """The name of the database that a URL ends with."""
    return url.partition("?")[0].rpartition("/")[2]


@contextmanager
def running_server(programs: Path) -> Iterator[Server]:
    """A server of the programs in this folder, which ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="stpg", dir=SHORT))
    if os.geteuid() == 0:
        import pwd

        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
    server = Server(folder=folder, programs=programs)
    people = ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]
    try:
        run_as_owner([programs / "initdb", "-D", folder / "d", "-A", "trust", "-U", USER, "--no-sync", *people])
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_as_owner(command: list[object]) -> None:
    """Run one of PostgreSQL's programs, none of which will be root."""
    as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*as_owner, *map(str, command)], cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, done.stdout.decode()

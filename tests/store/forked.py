"""Programs of the store's tests as processes of their own, forked from one that has imported what they need.

Each can be killed and has opened nothing before it begins; it only spends no second on the imports.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

from warm_cli import type_in

HERE = Path(__file__).parent
_FORKS = f"""
import sys
sys.path[:0] = [{str(HERE)!r}, {str(HERE.parent)!r}]
import warm_cli
warm_cli.ROOMS = ()
warm_cli.HEAVY = (
    "kept_records", "psycopg", "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg",
    "selftune.store.dialect.postgresql", "selftune.store.migrate", "alembic.command", "selftune.store.moving",
    "msgspec.json", "pysqlite3", "selftune.release.publish",
)
warm_cli.main(sys.argv[1])
"""


class Child:
    """One such process, told apart from `subprocess.Popen` by nothing that the tests use."""

    def __init__(self, address: str, script: str, arguments: tuple[str, ...]) -> None:
        (stdin, typed), (told, stdout) = os.pipe(), os.pipe()
        self.stdin, self.stdout = os.fdopen(typed, "w"), os.fdopen(told)
        self.returncode: int | None = None
        named = f"import os\nprint(os.getpid(), flush=True)\n{script}"
        asked = {"words": ["-c", *arguments], "code": named, "environment": dict(os.environ), "folder": str(Path.cwd())}
        self._end = threading.Thread(target=self._run, args=(address, asked, stdin, stdout), daemon=True)
        self._end.start()
        self.pid = int(self.stdout.readline())

    def kill(self) -> None:
        """Kill it, as `kill -9` does."""
        os.kill(self.pid, 9)

    def communicate(self, typed: str = "") -> tuple[str, None]:
        """Type this and no more; what it says from here on, once it has ended."""
        with self.stdin:
            self.stdin.write(typed)
        with self.stdout:
            said = self.stdout.read()
        self._end.join()
        return said, None

    def _run(self, address: str, asked: dict[str, object], stdin: int, stdout: int) -> None:
        self.returncode = type_in(address, asked, (stdin, stdout, 2))
        # Open until then: what it says would have nowhere to go.
        os.close(stdin)
        os.close(stdout)


@contextmanager
def forking():
    """Starts such programs, until the block ends; by an interpreter of its own each where nothing can be forked."""
    if not hasattr(os, "fork"):
        yield start_anew
        return
    with tempfile.TemporaryDirectory() as folder:
        address = str(Path(folder) / "asked")
        command = [sys.executable, "-c", _FORKS, address]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        try:
            assert process.stdout.readline() == b"ready\n"
            yield lambda script, *arguments: Child(address, script, tuple(map(str, arguments)))
        finally:
            process.stdin.close()
            process.wait()
            process.stdout.close()


def start_anew(script: str, *arguments: object) -> subprocess.Popen[str]:
    """The same by an interpreter of its own."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

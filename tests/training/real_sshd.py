"""A real sshd on loopback with keys of its own, and a link to it that can be cut, frozen and counted."""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Sshd:
    """One that runs, with the files that a client needs."""

    port: int
    folder: Path

    def client(self, port: int = 0, known: Path | None = None) -> tuple[str, ...]:
        """The `ssh` that trusts it alone, or the keys in a file, by whichever port it is reached."""
        options = ("IdentitiesOnly=yes", f"UserKnownHostsFile={known or self.folder / 'known'}", "HostKeyAlias=far")
        told = [word for option in options for word in ("-o", option)]
        return ("ssh", "-F", "none", "-p", str(port or self.port), "-i", str(self.folder / "user"), *told)


def make_key(path: Path) -> None:
    """A new pair of keys."""
    path.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)


@contextmanager
def running_sshd(folder: Path, environment: dict[str, str], inside: tuple[str, ...] = ()) -> Iterator[Sshd]:
    """One that takes the key `user` and gives each command this environment; `inside` is a command to start it by."""
    folder.mkdir(mode=0o700)
    for name in ("host", "user"):
        make_key(folder / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "user.pub",
        "PasswordAuthentication": "no",
        "StrictModes": "no",
        "MaxStartups": "100",
        "PidFile": folder / "pid",
        "SetEnv": " ".join(f"{key}={value}" for key, value in environment.items()),
    }
    (folder / "config").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    kind, key, *_ = (folder / "host.pub").read_text().split()
    (folder / "known").write_text(f"far {kind} {key}\n")
    program = shutil.which("sshd", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    log = folder / "log"
    with subprocess.Popen([*inside, program, "-D", "-E", str(log), "-f", str(folder / "config")]) as process:
        for _ in range(200):
            if log.exists() and "Server listening" in log.read_text():
                break
            threading.Event().wait(0.05)
        else:
            pytest.fail(f"sshd did not start: {log.read_text() if log.exists() else 'no word'}")
        yield Sshd(port=port, folder=folder)
        process.terminate()


class Link:
    """Passes bytes on between who connects and a port; cut, both see an end; frozen, both see nothing any more.

    Attributes:
        cut_at: Number of the connection to cut, the first being 1, and after how many bytes either way.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.connections = 0
        self.cut_at: tuple[int, int] | None = None
        self._cut = threading.Event()
        self.frozen = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def cut(self) -> None:
        """End the connection that is open now."""
        self._cut.set()

    def mend(self) -> None:
        """Let the next connections through, counted from 1 again."""
        self._cut.clear()
        self.frozen.clear()
        self.cut_at, self.connections = None, 0

    def close(self) -> None:
        """End every connection and take no more."""
        self.frozen.clear()
        self.cut()
        self._listening.close()

    def _listen(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._pass_on, args=(near, self.connections), daemon=True).start()

    def _pass_on(self, near: socket.socket, number: int) -> None:
        passed, cut_at = 0, self.cut_at
        with near, socket.create_connection(("127.0.0.1", self._target)) as far:
            other = {near: far, far: near}
            while not self._cut.is_set() and not (cut_at and cut_at[0] == number and passed >= cut_at[1]):
                if self.frozen.is_set():
                    self.frozen.wait(0.05)
                    threading.Event().wait(0.05)
                    continue
                for ready in select.select([near, far], [], [], 0.05)[0]:
                    try:
                        data = ready.recv(1 << 14)
                        if not data:
                            return
                        other[ready].sendall(data)
                    except OSError:
                        return
                    passed += len(data)

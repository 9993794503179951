"""Typing at a command as a person does: a real pseudo-terminal, with a real process at its other end."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

PATIENCE_SECONDS = 90.0
# The app alone, as the command `selftune` runs it.
_MAIN = "from selftune.app.cli.main import main; main()"


class Typing:
    """A process at a terminal of its own; `seen` is all that it has shown so far."""

    def __init__(self, process, master):
        self.process, self.seen, self._master, self._answered = process, "", master, 0

    def wait_for(self, words):
        """Read until these words were shown."""
        until = time.monotonic() + PATIENCE_SECONDS
        while words not in self.seen:
            assert time.monotonic() < until, self.seen
            self._read()

    def type(self, words):
        """Press these keys."""
        os.write(self._master, words.encode())

    def answer(self, prompt, words):
        """Wait until this is asked, after all that was answered already, and type a line."""
        until = time.monotonic() + PATIENCE_SECONDS
        while (found := self.seen.find(prompt, self._answered)) < 0:
            assert time.monotonic() < until, self.seen
            assert self.process.poll() is None, self.seen
            self._read()
        self._answered = found + len(prompt)
        self.type(f"{words}\n")

    def end(self):
        """Wait until the process has ended; returns its exit code."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < until, self.seen
            self._read()
        self._read()
        return self.process.returncode

    def kill(self):
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def _read(self):
        ready, _, _ = select.select([self._master], [], [], 0.2)
        if ready:
            try:
                self.seen += os.read(self._master, 65536).decode(errors="replace")
            except OSError:  # its other end is closed
                self.process.wait()


@contextmanager
def at_a_terminal(*words, ignores_ctrl_c=False, **environment):
    """`selftune WORDS` at a terminal; with Ctrl-C ignored from birth, as in what a script started in the background."""
    program = [sys.executable, "-c", _MAIN, *map(str, words)]
    with sitting_at(program, os.environ | environment, ignores_ctrl_c=ignores_ctrl_c) as typing:
        yield typing


@contextmanager
def sitting_at(program, environment, *, folder=None, ignores_ctrl_c=False):
    """Any program at a terminal of its own."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        program, cwd=folder,
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=environment,
        preexec_fn=lambda: _begin(ignores_ctrl_c),  # noqa: PLW1509 - one thread, and it is short
    )  # fmt: skip
    os.close(slave)
    try:
        yield Typing(process, master)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)


def _begin(ignores_ctrl_c):
    import fcntl
    import signal
    import termios

    # Whatever the tests themselves were started by: a runner in the background ignores it.
    signal.signal(signal.SIGINT, signal.SIG_IGN if ignores_ctrl_c else signal.SIG_DFL)
    os.set_blocking(0, True)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

"""Other machines over the program `ssh`: which names it is given, how a call is bounded, and what its silence means.

Nothing is decided here by what a machine says of itself; what comes from there is held against what was sent.
"""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from selftune.errors import BudgetError, IntegrityError, NotYet, SelftuneError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

SSH: Final = ("ssh",)
SILENCE_SECONDS: Final = 45
"""So long may nothing come before a connection is asked for a last time, and then counts as lost."""
CONNECT_SECONDS: Final = 10
REACH_SECONDS: Final = 3
ASK_SECONDS: Final = 60.0
_TRIES: Final = 3
_HOST: Final = re.compile(r"(?:[A-Za-z0-9_][\w.-]*@)?[A-Za-z0-9_][\w.:-]*")
_SSH_FAILED: Final = 255
_MARK: Final = "selftune-node:"
_CHANGED: Final = "REMOTE HOST IDENTIFICATION HAS CHANGED"
_UNKNOWN_KEY: Final = re.compile(r"No \S+ host key is known for|Host key verification failed")
_FULL: Final = "No space left on device"


class NodeAwayError(NotYet):
    """Another machine can't be reached, or went away in the middle; nothing of it was taken half."""

    exit_code: ClassVar[int] = 1


class HostKeyError(IntegrityError):
    """A machine shows another key than the one that was trusted under its name."""


class NodeFullError(BudgetError):
    """The disk of another machine has no room for what is sent there."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command there ended with."""

    code: int
    errors: str


class Ssh:
    """The program `ssh` with what bounds it: no questions, no unknown key, no waiting for a dead link."""

    def __init__(
        self,
        program: Sequence[str] = SSH,
        *,
        connect_seconds: int = CONNECT_SECONDS,
        silence_seconds: int = SILENCE_SECONDS,
    ) -> None:
        options = (
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            f"ConnectTimeout={connect_seconds}",
            f"ServerAliveInterval={max(1, silence_seconds // _TRIES)}",
            f"ServerAliveCountMax={_TRIES}",
        )
        self._program = (*program, *(word for option in options for word in ("-o", option)))

    def command(self, host: str, command: str) -> list[str]:
        """What to start so that `command` runs there.

        Raises:
            UsageError: the name is none that is handed to a program.
        """
        check_host(host)
        return [*self._program, "--", host, command]

    def ask(self, host: str, command: str, *, seconds: float = ASK_SECONDS) -> str:
        """What a short command there says.

        Raises:
            NodeAwayError: it can't be reached, or the command did not end in time.
            HostKeyError: its key is another one than before.
            RuntimeError: the command failed there; the text is its last line.
        """
        try:
            done = subprocess.run(
                self.command(host, command),
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired as error:
            raise away(host, f"no answer within {seconds:g} s") from error
        if done.returncode:
            raise trouble(host, Said(code=done.returncode, errors=done.stderr))
        return done.stdout


def check_host(host: str) -> None:
    """Refuse what is no plain `host` or `user@host`: an option, a command, white space.

    Raises:
        UsageError: it is empty, or any of these.
    """
    if not host:
        raise UsageError("no other machine is named.", next_step='Write ssh = "user@host" under [machine].')
    if not _HOST.fullmatch(host):
        raise UsageError(
            f"{host!r} is no name of a machine.",
            next_step='Write ssh = "user@host" under [machine]; what else ssh must know belongs into ~/.ssh/config.',
        )


def trouble(host: str, said: Said) -> SelftuneError | RuntimeError:
    """What went wrong: the key, the way there, the disk there, or else the command itself, by its own last line."""
    if said.code == _SSH_FAILED and _CHANGED in said.errors:
        return HostKeyError(
            f"{host} shows another key than the one that was trusted: it is another machine, or somebody is between.",
            next_step=f"Find out why. If it was set up anew: `ssh-keygen -R {host.partition('@')[2] or host}`, then "
            f"`ssh {host}` once by hand.",
        )
    if said.code == _SSH_FAILED and _UNKNOWN_KEY.search(said.errors):
        return NodeAwayError(
            f"{host} was never connected to: its key is not known.",
            next_step=f"Run `ssh {host}` once by hand and compare the key that it shows.",
        )
    if _FULL in said.errors:
        return NodeFullError(
            f"the disk of {host} is full.",
            next_step="Make room there; bases of earlier jobs lie in ~/.cache/selftune/bases.",
        )
    if said.code == _SSH_FAILED or said.code < 0:
        return away(host, last_line(said.errors))
    return RuntimeError(f"{host}: {last_line(said.errors)}")


def away(host: str, why: str) -> NodeAwayError:
    """The error for a machine that is not there now."""
    return NodeAwayError(
        f"{host} can't be reached: {why.rstrip('.')}.",
        next_step="Switch it on or look at the way there; what is finished is not done again.",
    )


def milliseconds_to(host: str, ssh: Ssh | None = None) -> float | None:
    """How long a machine took to answer; None where it did not answer within a few seconds.

    Raises:
        UsageError: it is no name of a machine.
        HostKeyError: what answers has another key.
    """
    began = time.monotonic()
    chosen = ssh or Ssh(connect_seconds=REACH_SECONDS)
    try:
        # Its arithmetic shows that a shell answered, and no greeting or echo of what was asked.
        answer = chosen.ask(host, f"echo {_MARK} $((6 * 7))", seconds=REACH_SECONDS * 3)
    except (NodeAwayError, RuntimeError):
        return None
    return (time.monotonic() - began) * 1000 if f"{_MARK} 42" in answer.splitlines() else None


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")

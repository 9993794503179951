"""Calling a function in the sandbox, and nowhere else: one process for a list of calls, and what came out of each."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from selftune.toolforge.allowed import BUILTINS, MODULES
from selftune.toolforge.sandbox.base import EndedBy, Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.toolforge.sandbox.base import Ran, Sandbox

MOST_LETTERS: Final = 20_000
_REFUSES: Final = "ValueError"
_ERROR: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,60}")
_MEBIBYTE: Final = 1 << 20
_WALL_FACTOR: Final = 5
_WALL_BESIDE: Final = 5.0
_ENDED: Final = {
    EndedBy.WALL: "it took too long",
    EndedBy.CPU: "it took too long",
    EndedBy.MEMORY: "it took too much memory",
    EndedBy.FILES: "it made too many files",
    EndedBy.OUTPUT: "it printed too much",
    EndedBy.SIGNAL: "it was ended by a signal",
    EndedBy.EXIT: "it ended the process",
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one call came to: a result, or an error in words, never both.

    Attributes:
        result: JSON text; None where there is none.
        error: What was raised, as `ValueError: no such month`, or how the process ended.
    """

    result: str | None = None
    error: str = ""

    @property
    def kind(self) -> str:
        """The kind of the error without its words, or how the process ended; empty where there is none."""
        kind = self.error.partition(":")[0]
        return kind if not kind or kind in _ENDED.values() or _ERROR.fullmatch(kind) else "an error"

    @property
    def has_no_answer(self) -> bool:
        """Whether the function says that these arguments have no answer; every other error is a fault."""
        return self.kind == _REFUSES


@dataclass(frozen=True, kw_only=True)
class Called:
    """What a list of calls came to, in order.

    Attributes:
        seconds: Start of the sandbox and of the interpreter included.
        memory_bytes: The most that the process held, as it says itself; 0 where it did not come to say.
        posture: What the sandbox was.
    """

    outcomes: tuple[Outcome, ...]
    seconds: float
    memory_bytes: int
    posture: str


def limits_for(calls: int, *, call_seconds: float, memory_mb: int) -> Limits:
    """What so many calls in one process may take; a tool needs no file and no second process."""
    cpu = call_seconds * min(max(calls, 1), 10)
    return Limits(
        wall_seconds=cpu * _WALL_FACTOR + _WALL_BESIDE,
        cpu_seconds=math.ceil(cpu),
        memory_bytes=memory_mb * _MEBIBYTE,
        file_bytes=_MEBIBYTE,
        files=16,
        processes=8,
        open_files=32,
        output_bytes=_MEBIBYTE,
    )


def call_each(sandbox: Sandbox, source: str, name: str, calls: Sequence[Any], limits: Limits) -> Called:
    """Call a function with each of the arguments, one after the other, in one fresh process in the sandbox.

    Raises:
        SandboxError: the box could not be built; nothing ran.
    """
    task = {
        "source": source,
        "name": name,
        "calls": list(calls),
        "most_letters": MOST_LETTERS,
        "builtins": sorted(BUILTINS),
        "modules": sorted(MODULES),
    }
    ran = sandbox.run(_program(), stdin=json.dumps(task).encode(), limits=limits)
    outcomes, memory = _read(ran, len(calls))
    return Called(outcomes=outcomes, seconds=ran.seconds, memory_bytes=memory, posture=ran.posture)


@cache
def _program() -> str:
    return (resources.files("selftune.toolforge") / "inside.py").read_text(encoding="utf-8")


def _read(ran: Ran, count: int) -> tuple[tuple[Outcome, ...], int]:
    """What the process told, believed no further than its form: a call without a sound line has failed."""
    lines = [_line(line) for line in ran.stdout.splitlines()[: count + 1]]
    found = [outcome for outcome in map(_outcome, lines[:count]) if outcome is not None]
    told = lines[count] if len(lines) > count else None
    memory = told.get("memory_bytes", 0) if isinstance(told, dict) else 0
    if len(found) < count:
        why = Outcome(error=_ENDED[ran.ended_by])
        found += [why] * (count - len(found))
    return tuple(found), memory if isinstance(memory, int) and memory > 0 else 0


def _line(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _outcome(told: Any) -> Outcome | None:
    if not isinstance(told, dict):
        return None
    result, error = told.get("result"), told.get("error")
    if isinstance(error, str) and error:
        # Half of a character is kept nowhere, and an error goes on record.
        return Outcome(error=error.encode("utf-8", "replace").decode("utf-8"))
    return Outcome(result=result) if isinstance(result, str) and len(result) <= MOST_LETTERS else None

"""Every short attempt in one box: what `doctor` can afford to look at."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import SandboxError
from selftune.toolforge.sandbox.attempts.base import MARK, Facts, known_calls, with_prelude
from selftune.toolforge.sandbox.attempts.usage import LITTLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selftune.toolforge.sandbox.attempts.base import Attempt
    from selftune.toolforge.sandbox.base import Sandbox

# Each in a process of its own, which may die of it; what it says is kept apart in a file.
BATTERY: Final = """
found = []
for number, (name, program) in enumerate(facts["battery"]):
    out = os.path.join(os.getcwd(), "out%d" % number)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT), 1)
        os.dup2(1, 2)
        try:
            exec(program)
        finally:
            sys.stdout.flush()
            os._exit(0)
    os.waitpid(child, 0)
    said = b""
    with contextlib.suppress(OSError), open(out, "rb") as file:
        said = file.read(30_000)
    found.append([name, said.decode("latin-1")])
print(json.dumps(found))
"""


@dataclass(frozen=True, kw_only=True)
class Battery:
    """How many attempts were made, and the names of those that got out."""

    tried: int
    got_out: tuple[str, ...]


def battery_program(attempts: Iterable[Attempt]) -> str:
    """What is run, in the box and, as a control, out of it."""
    return with_prelude(BATTERY, uses=BATTERY + "".join(attempt.program for attempt in attempts))


def battery_input(attempts: Iterable[Attempt], facts: Facts) -> bytes:
    """What it reads from stdin."""
    told = json.loads(facts.told())
    told["battery"] = [[attempt.name, attempt.program] for attempt in attempts]
    return json.dumps(told).encode()


def run_battery(sandbox: Sandbox, attempts: Iterable[Attempt]) -> Battery:
    """Make the short attempts among these in one box.

    Raises:
        SandboxError: the box came to no end of its own, so nothing is known.
    """
    short = [attempt for attempt in attempts if attempt.short]
    facts = Facts(calls=known_calls())
    ran = sandbox.run(battery_program(short), stdin=battery_input(short, facts), limits=LITTLE)
    try:
        said = read_battery(ran.stdout)
    except ValueError:
        heard = ran.stderr.decode(errors="replace").strip()[-200:]
        raise SandboxError(
            f"the attempts to break out were not made to the end ({ran.ended_by}): {heard}",
            next_step="Run `selftune doctor` again on a quiet machine.",
        ) from None
    return Battery(tried=len(short), got_out=tuple(name for name, words in said.items() if MARK in words))


def read_battery(stdout: bytes) -> dict[str, bytes]:
    """What each attempt said, by its name.

    Raises:
        ValueError: that is not what a battery prints.
    """
    return {name: words.encode("latin-1") for name, words in json.loads(stdout)}

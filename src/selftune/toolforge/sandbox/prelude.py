"""What runs in the box before the program: the first process, which waits, and its child, which becomes the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM: Final = "/program.py"
STANDS: Final = b"+"

# The first process takes all others with it when it ends. It is ours and not bubblewrap's, for a program may write
# into its memory: so it is held by the same limits, has nothing to lose, and waits.
_WAIT: Final = """
import os, signal, sys
child = os.fork()
if child:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ended = 0
    while ended != child:
        ended, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)
"""

# Nothing of the prelude is left in the program's way.
_BECOME: Final = f"""
main = type(sys)("__main__")
main.__file__ = sys.argv[0] = "{PROGRAM}"
sys.modules["__main__"] = main
exec(compile(open("{PROGRAM}", "rb").read(), "{PROGRAM}", "exec"), main.__dict__)
"""


def prelude(mouth: int | None) -> str:
    """Python source that runs the program, once it has said that the box stands.

    Args:
        mouth: Where it says so; None where only stdout reaches us, whose first byte it then is.
    """
    if mouth is None:
        return f"{_WAIT}os.write(1, {STANDS!r}){_BECOME}"
    return f"{_WAIT}os.write({mouth}, {STANDS!r})\nos.close({mouth}){_BECOME}"


def python_words(program: Path) -> list[str]:
    """The command that runs source of ours: no variable, no installed package and no written byte code counts."""
    return [str(program), "-I", "-S", "-B", "-X", "utf8", "-c"]

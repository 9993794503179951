"""Places where a test may make the program die, fail or fill the disk: `SELFTUNE_FAILPOINTS=name=kill,other=raise`.

A failpoint costs one dictionary look-up when none is set. Actions: `kill` (SIGKILL to ourselves), `raise` (a failed
step), `enospc` and `eio` (what a full or broken disk says).
"""

from __future__ import annotations

import errno
import os
from typing import Final

from selftune.errors import SelftuneError
from selftune.platforms import kill_this_process

VARIABLE: Final = "SELFTUNE_FAILPOINTS"
_ERRORS: Final = {"enospc": errno.ENOSPC, "eio": errno.EIO}


def reach(name: str) -> None:
    """Do what the environment asks for at this failpoint; nothing, if it asks for nothing.

    Raises:
        OSError: the action is `enospc` or `eio`.
        SelftuneError: the action is `raise`, or is unknown.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return
    action = dict(part.split("=", 1) for part in text.split(",") if "=" in part).get(name)
    if action is None:
        return
    if action == "kill":
        kill_this_process()
    if action in _ERRORS:
        raise OSError(_ERRORS[action], os.strerror(_ERRORS[action]), name)
    raise SelftuneError(f"failpoint {name!r} said {action!r}.", next_step=f"Unset {VARIABLE}.")

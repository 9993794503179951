"""Finding a sandbox that holds, once a process, or saying why there is none."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

from selftune.errors import SandboxError

if TYPE_CHECKING:
    from selftune.toolforge.sandbox.base import Sandbox


@cache
def find_sandbox(*, unfiltered: bool = False) -> Sandbox:
    """The strongest sandbox that works here, seen from inside before it is handed out.

    Args:
        unfiltered: Whether a machine whose system calls can't be filtered will do; it is said in the posture.

    Raises:
        SandboxError: none holds; the message names what to install. A weaker one is never taken instead.
    """
    if sys.platform != "linux":
        raise SandboxError(f"no sandbox is known for {sys.platform}.", next_step="Run the forge on Linux.")
    from selftune.toolforge.sandbox.bubblewrap import open_bubblewrap

    return open_bubblewrap(unfiltered=unfiltered)

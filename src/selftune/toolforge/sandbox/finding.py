"""Finding a sandbox that holds, once a process, or saying why there is none."""

from __future__ import annotations

import shutil
import sys
from functools import cache
from typing import TYPE_CHECKING

from selftune.errors import SandboxError

if TYPE_CHECKING:
    from selftune.toolforge.sandbox.base import Sandbox


@cache
def find_sandbox() -> Sandbox:
    """A sandbox that works here, seen from inside before it is handed out: bubblewrap, else gVisor.

    Raises:
        SandboxError: none holds; the message names what to install. A weaker one is never taken instead.
    """
    if sys.platform != "linux":
        raise SandboxError(f"no sandbox is known for {sys.platform}.", next_step="Run the forge on Linux.")
    from selftune.toolforge.sandbox.bubblewrap import open_bubblewrap
    from selftune.toolforge.sandbox.gvisor import NAME, open_gvisor

    try:
        return open_bubblewrap()
    except SandboxError as error:
        if shutil.which(NAME) is None:
            raise
        first = error
    try:
        return open_gvisor()
    except SandboxError as second:
        raise SandboxError(f"{first.message} {second.message}", next_step=first.next_step) from second

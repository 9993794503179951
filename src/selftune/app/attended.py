"""Run a module as a program that ends when whoever started it is gone, however that ended.

    python -P -m selftune.app.attended MODULE [ARGUMENTS]

Its standard input is the cord: when the other end closes, it asks itself to end, and is ended where it does not hear.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from typing import Final

END_SECONDS: Final = 12.0
"""What a program may take to end once it was asked to; then it is ended by force."""
_BY_FORCE: Final = 137


def main() -> None:
    """Run the module that the first argument names, with the arguments behind it."""
    module, *arguments = sys.argv[1:]
    threading.Thread(target=_await_end, daemon=True, name="cord").start()
    # What the module reads of its input and its arguments must be its own.
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _await_end() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(END_SECONDS)
    # It hangs: its port would be taken for whoever is started in its place.
    os._exit(_BY_FORCE)


if __name__ == "__main__":
    main()

"""Ctrl-C waits for a short piece of work that must not be torn.

Python raises `KeyboardInterrupt` between any two instructions. A library that is just then giving a connection back
can't tell it from a fault of its own, and prints a stack trace where a person should read one sentence.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextmanager
def held_back() -> Iterator[None]:
    """Hold Ctrl-C until the block is left, then let it through; for blocks of milliseconds.

    Does nothing in a thread, which is never interrupted, and where Ctrl-C is ignored or ends the process at once.
    """
    answer = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(answer):
        yield
        return
    came: list[FrameType | None] = []
    signal.signal(signal.SIGINT, lambda _, frame: came.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, answer)
        if came:
            answer(signal.SIGINT, came[-1])

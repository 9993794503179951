"""Ctrl-C waits for a short piece of work that must not be torn, and a long one ends at its next safe place.

Python raises `KeyboardInterrupt` between any two instructions. A library that is just then giving a connection back
can't tell it from a fault of its own, and prints a stack trace where a person should read one sentence.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_WISHES: Final[ContextVar[tuple[Callable[[], bool], ...]]] = ContextVar("selftune_wishes_to_stop", default=())


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


@contextmanager
def heard_at_a_terminal() -> Iterator[None]:
    """Let Ctrl-C through while a person types, also where it was ignored when this process began.

    A shell without job control starts what runs in its background with SIGINT ignored, and everything below inherits
    that; a terminal opened there would have a Ctrl-C key that does nothing. In a thread this does nothing.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def stopped_by(wish: Callable[[], bool]) -> Iterator[None]:
    """Let `asked_to_stop` inside the block also hear this wish, such as a deadline or a person who came back.

    It is called between two steps, so it must be cheap, and must stay true once it was.
    """
    token = _WISHES.set((*_WISHES.get(), wish))
    try:
        yield
    finally:
        _WISHES.reset(token)


@contextmanager
def acting_at_once() -> Iterator[None]:
    """Inside `asked_to_stop`: Ctrl-C raises `KeyboardInterrupt` in this block, a long wait that tears nothing.

    It is then told by that alone. In a thread, and where Ctrl-C is ignored, this does nothing.
    """
    answer = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(answer):
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, answer)


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Tells whether Ctrl-C or SIGTERM came since the block began, for work that looks between its steps and then stops.

    A second one acts at once, and one that the work had no step left to look at acts when the block is left. In a
    thread, and for a signal that is ignored, no signal is ever heard. Whoever called `stopped_by` around it is heard
    everywhere, and nothing acts by itself on such a wish.
    """
    wishes = _WISHES.get()

    def wished() -> bool:
        return any(wish() for wish in wishes)

    if threading.current_thread() is not threading.main_thread():
        yield wished
        return
    came: list[int] = []

    def hear(number: int, _: FrameType | None) -> None:
        came.append(number)
        if len(came) > 1:
            signal.signal(number, answers[signal.Signals(number)])
            signal.raise_signal(number)

    heard = (number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN)
    answers = {number: signal.signal(number, hear) for number in heard}
    try:
        yield lambda: bool(came) or wished()
    finally:
        for number, answer in answers.items():
            signal.signal(number, answer)
    if came:
        signal.raise_signal(came[0])

"""Many requests, several at a time, answered in the order in which they came."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from selftune.context import Answer, ChatRequest

# Handed out ahead of the answer that is read next, for each place: enough to keep every place busy.
_AHEAD: Final = 4


def ask_in_order(
    ask: Callable[[ChatRequest], Answer], requests: Iterable[ChatRequest], at_once: int
) -> Iterator[Answer]:
    """The answers in order; an error ends it, and what was not yet asked is dropped."""
    waiting: deque[Future[Answer]] = deque()
    with ThreadPoolExecutor(at_once, "ask") as pool:
        try:
            for request in requests:
                waiting.append(pool.submit(ask, request))
                if len(waiting) >= at_once * _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

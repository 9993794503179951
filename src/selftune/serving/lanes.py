"""Which slot of a server is asked what: requests that begin alike go to one slot, which keeps what it has read.

Reading a prompt costs most of a short answer. A slot that still holds the beginning of the next prompt reads on from
there; the weights are the same, so what it holds is what it would read again. Which slot takes a request follows from
the requests alone, never from which answer came first: every arm of a comparison is asked in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.context import ChatRequest
    from selftune.records import Message

# A longer common beginning counts from so many characters on: less is not worth a slot that stands idle.
_WORTH: Final = 64
# How many requests a slot may have taken more than the one with the fewest.
_LEAD: Final = 4


class Lanes:
    """Hands requests out to so many lanes, one for each slot of a server."""

    def __init__(self, count: int) -> None:
        self._taken = [0] * count
        self._last: list[tuple[Message, ...]] = [()] * count

    def choose(self, request: ChatRequest) -> int:
        """The lane that takes this request, after all that were handed out before it."""
        fewest = min(self._taken)
        ready = [lane for lane, taken in enumerate(self._taken) if taken < fewest + _LEAD]
        chosen = max(
            ready, key=lambda lane: (shared_start(self._last[lane], request.messages) // _WORTH, -self._taken[lane])
        )
        self._taken[chosen] += 1
        self._last[chosen] = request.messages
        return chosen


def shared_start(one: Sequence[Message], other: Sequence[Message]) -> int:
    """With how many equal characters two conversations begin."""
    shared = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine.role != theirs.role:
            return shared
        alike = _alike(mine.content, theirs.content)
        shared += alike
        if alike < max(len(mine.content), len(theirs.content)):
            return shared
    return shared


def _alike(one: str, other: str) -> int:
    """The length of the common beginning, found by halves: comparing slices is quick, walking characters is not."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low

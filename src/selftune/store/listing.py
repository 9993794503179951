"""Ids that nobody holds all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Listing(Sequence[str]):
    """Ids in their order, read from the store a page at a time whenever they are walked.

    Asked for by place it reads what comes before as well; whoever needs many by place makes a tuple of it.
    """

    def __init__(self, walk: Callable[[], Iterator[str]], count: int) -> None:
        self._walk = walk
        self._count = count

    def __iter__(self) -> Iterator[str]:
        return self._walk()

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...
    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        return tuple(self)[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(other) == len(self) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

"""What a server must do: start for one build, prove that it is that build, answer, and be gone afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from selftune.context import Served
    from selftune.records import Build


class Server(Protocol):
    """Starts servers; registered in the group `selftune.servers`, made with `(find, logs)`.

    `find` says where the file with a digest lies; `logs` is a folder for the server's own words.
    """

    def __call__(self, build: Build, *, slots: int = 1, context_tokens: int = 0) -> AbstractContextManager[Served]:
        """A server that has proved itself, until the block ends; `ServingError` when it can't start or prove itself."""
        ...

"""What a server must do: start for one build, prove that it is that build, answer, and be gone afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from selftune.context import Served

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from selftune.records import Build


class Relayed(Served, Protocol):
    """A build that answers, and that a relay may ask in the build's own way."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """What every OpenAI request to `address` must carry, whatever a client wants, to be answered as evaluated."""
        ...


class Server(Protocol):
    """Starts servers; registered in the group `selftune.servers`, made with `(find, logs)`.

    `find` says where the file with a digest lies; `logs` is a folder for the server's own words.
    """

    def __call__(
        self, build: Build, *, slots: int = 1, context_tokens: int = 0, name: str = ""
    ) -> AbstractContextManager[Relayed]:
        """A server that has proved itself, until the block ends.

        `name` is the release's own, which a server that keeps models by name keeps it under; without one what was
        made for this block goes with it.

        Raises:
            ServingError: it can't start or prove itself.
        """
        ...

"""What passes between the gateway's parts: one exchange, and who keeps it, picks its model and counts it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable

CHAMPION = "champion"
CANDIDATE = "candidate"
SHADOW = "shadow"
OPTED_OUT = "none"
"""The consent of who wants nothing kept."""
CLIENT_ERRORS = range(400, 500)
"""Statuses of an answer that say the request was none."""
RESERVED = frozenset({CHAMPION, CANDIDATE, SHADOW})
"""Names of models that no `[[gateway.upstreams]]` may take."""


class Ended(StrEnum):
    """How an exchange came to its end; only a complete one may ever be learnt from."""

    COMPLETE = "complete"
    CLIENT_GONE = "client gone"
    UPSTREAM_DIED = "upstream died"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request of a client and what it was answered, as bytes; whoever keeps it reads them later.

    Attributes:
        completion_id: The id under which the client may give feedback: the answer's own where it has a usable one, else
            one of the gateway's. The client reads it in the header `X-Selftune-Completion-Id` too.
        route: The path that was asked, such as `/v1/chat/completions` or `/api/chat`: it says how to read both bodies.
        alias: The model's name as the client wrote it; what it means, where the client named none.
        build_digest: Digest of the Build that answered, by the word of what serves it; None where that has no Build.
        upstream: Who answered: `champion`, `candidate` or the name of a `[[gateway.upstreams]]`.
        key_id: The known key that asked; None where there was none: that is kept and never trained on.
        consent: `none`, `keep`, `train` or `send`: the stricter of the key's policy and the request's header. `none`
            is not to be captured at all.
        user: Whom the client says that it asks for; not yet a pseudonym.
        conversation: The client's own name of the conversation, by its headers; None where it has none.
        message_id: The client's own name of the answer, by its headers.
        request: The client's body, as it came.
        response: The body that the client was sent, in the shape of its route, as far as it came.
        streamed: Whether the answer was a stream: server-sent events, or lines of JSON on Ollama's routes.
        status: The answer's HTTP status.
        happened_at: When the request came, UTC, ISO 8601.
        first_byte_seconds: From the request to the first byte of the answer; None where none came.
        seconds: From the request to the end of the answer.
        shadow: It was asked beside an answer, and no person ever saw it.
    """

    completion_id: str
    route: str
    alias: str
    build_digest: str | None
    upstream: str
    key_id: str | None
    consent: str
    user: str | None
    conversation: str | None
    message_id: str | None
    request: bytes = field(repr=False)
    response: bytes = field(repr=False)
    streamed: bool
    status: int
    ended: Ended
    happened_at: str
    first_byte_seconds: float | None
    seconds: float
    shadow: bool = False


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where one request goes.

    Attributes:
        upstream: Who answers: `champion`, `candidate` or the name of a `[[gateway.upstreams]]`.
        address: Its OpenAI-compatible base URL, which ends in `/v1`.
        model: The name that it is told in place of the client's; None leaves the field out.
        authorization: What it is sent as `Authorization`; None for nothing.
        build_digest: What it is known to serve; its own word in `X-Selftune-Build` comes before.
        redacts: Kinds of secrets that are taken out of what it is sent, because it lies beyond this machine; None where
            it lies on it.
        fallback: Who is asked in its place where it fails before the first byte of the answer.
        shadow: Who is asked the same once the client was answered; nobody is shown what it says.
    """

    upstream: str
    address: str
    model: str | None = None
    authorization: str | None = field(default=None, repr=False)
    build_digest: str | None = None
    redacts: tuple[str, ...] | None = None
    fallback: Route | None = None
    shadow: Route | None = None


def sticky_of(user: str | None, key_id: str | None, conversation: str | None) -> str:
    """Whom a request counts for: the user whom the client names, else the key, else the conversation."""
    return user or key_id or conversation or ""


class Capture(Protocol):
    """Keeps exchanges; awaited once for each, before the last bytes of its answer leave."""

    def keep(self, exchange: Exchange) -> Awaitable[bool]:
        """True once it is on the disk; False at once where it can't be kept, which it counts and shouts about."""
        ...

    async def close(self) -> None:
        """Write what waits and let go."""
        ...


class Routing(Protocol):
    """Says which model a name means, and learns how its answers went."""

    def aliases(self) -> tuple[str, ...]:
        """The names that a client may ask for at this moment."""
        ...

    def pick(self, alias: str, sticky: str) -> Route:
        """Where a request under this name goes; `sticky` is one and the same for all requests of one user.

        Raises:
            UnknownNameError: no model has this name.
            ServingError: the model that has it does not serve now.
        """
        ...

    def observe(self, exchange: Exchange) -> None:
        """An exchange ended, one in the shadow included; quick, as it stands in the way of the next."""
        ...


class Meters(Protocol):
    """Counts for whoever watches; quick, and never of anybody's words."""

    def ended(self, exchange: Exchange, *, captured: bool | None) -> None:
        """An exchange ended; `captured` is None where nothing was to be kept, and told once it is known."""
        ...

    def refused(self, route: str, status: int) -> None:
        """A request was refused before any model was asked."""
        ...

"""What is known of an exchange while it goes on."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from selftune.app.gateway.asking import BrokenOff
from selftune.app.gateway.exchange import Ended, Exchange
from selftune.app.gateway.shapes.base import new_id

if TYPE_CHECKING:
    from selftune.app.gateway.callers import Caller
    from selftune.app.gateway.shapes.base import Asked, Teller

MOST_ANSWER_BYTES: Final = 64 << 20


@dataclass(kw_only=True)
class Passage:
    """An exchange that goes on: what was asked, and what came so far."""

    route: str
    caller: Caller
    body: bytes
    asked: Asked
    teller: Teller
    happened_at: str
    began: float
    upstream: str = ""
    build_digest: str | None = None
    status: int = 0
    first_byte: float | None = None
    spare: bool = False
    over: bool = False
    streamed: bool = False
    said: list[bytes] = field(default_factory=list)
    size: int = 0

    @property
    def user(self) -> str | None:
        """For whom it is asked: a header is its client's own word, a field of the body may be its user's."""
        return self.caller.user or self.asked.user

    def say(self, told: bytes) -> None:
        """Note what the client is sent; `BrokenOff` where that has no end."""
        self.said.append(told)
        self.size += len(told)
        if self.size > MOST_ANSWER_BYTES:
            raise BrokenOff(f"it is longer than {MOST_ANSWER_BYTES} bytes")

    def exchange(self, ended: Ended, *, shadow: bool = False) -> Exchange:
        """The exchange as it stands."""
        return Exchange(
            completion_id=self.teller.completion_id or new_id("cmpl"),
            route=self.route,
            alias=self.asked.alias,
            build_digest=self.build_digest,
            upstream=self.upstream,
            key_id=self.caller.key_id,
            consent=self.caller.consent,
            user=self.user,
            conversation=self.caller.conversation,
            message_id=self.caller.message_id,
            request=self.body,
            response=b"".join(self.said),
            streamed=self.streamed,
            status=self.status,
            ended=ended,
            happened_at=self.happened_at,
            first_byte_seconds=None if self.first_byte is None else self.first_byte - self.began,
            seconds=time.perf_counter() - self.began,
            shadow=shadow,
        )

"""`/v1/feedback`: what a client says of an answer later, on the disk before it hears that it was taken."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
from aiohttp import web

from selftune.app.gateway.capture.talk import Verdict
from selftune.app.gateway.capture.words import read_word
from selftune.app.gateway.keys import Scope
from selftune.app.gateway.refusals import Refusal
from selftune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from selftune.app.gateway.callers import Caller
    from selftune.app.gateway.capture.words import Word

PATH: Final = "/v1/feedback"
_WAIT_SECONDS: Final = 5.0
_NAME_BYTES: Final = 16


class Hears(Protocol):
    """Puts later words on the disk."""

    async def say(self, word: Word) -> Verdict:
        """What became of a word."""
        ...


class Answers(Protocol):
    """A gateway, as far as this needs one."""

    def add_route(
        self, method: str, path: str, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
    ) -> None:
        """Answer one more path."""
        ...

    def admit(self, request: web.BaseRequest, scope: Scope) -> Caller:
        """Who asks."""
        ...

    async def read_body(self, request: web.BaseRequest) -> bytes:
        """A request's body."""
        ...


def add_feedback(gateway: Answers, capture: Hears) -> None:
    """Have a gateway take later words: only with the key that made the completion they are about."""

    async def take(request: web.BaseRequest) -> web.StreamResponse:
        caller = gateway.admit(request, Scope.FEEDBACK)
        assert caller.key_id is not None, "this scope needs a key"  # noqa: S101 - can't happen
        body = await gateway.read_body(request)
        told = await take_word(capture, body, caller.key_id)
        return web.Response(body=json.dumps(told).encode(), content_type="application/json")

    gateway.add_route("POST", PATH, take)


async def take_word(capture: Hears, body: bytes, key_id: str) -> dict[str, Any]:
    """Put a word on the disk; what the client is told.

    Raises:
        Refusal: the body is none, the key made no such completion, or it can't be written down now.
    """
    said_at = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        word = read_word(_object(body), name=secrets.token_hex(_NAME_BYTES), key_id=key_id, said_at=said_at)
    except UsageError as error:
        raise Refusal(400, f"{error.message} {error.next_step}") from error
    try:
        async with asyncio.timeout(_WAIT_SECONDS):
            verdict = await capture.say(word)
    except TimeoutError:
        raise Refusal(503, "It could not be written down in time. Send it again.", retry_after=5) from None
    if verdict is Verdict.FOREIGN:
        raise Refusal(403, "This key made no completion of that id, or it was not kept.")
    if verdict is not Verdict.KEPT:
        raise Refusal(503, f"It could not be written down ({verdict}). Send it again.", retry_after=5)
    return {"id": f"fb-{word.id}", "object": "feedback", "completion_id": word.completion_id, "status": "kept"}


def _object(body: bytes) -> dict[str, Any]:
    try:
        # Stricter than json: half a character, which no file can hold, is refused here.
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Refusal(400, "The body is no JSON.") from error
    if not isinstance(value, dict):
        raise Refusal(400, "The body must be an object.")
    return value

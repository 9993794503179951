"""The address that stays while models change behind it: a loopback relay that makes every request one to the build.

A bare llama.cpp server takes any page's request, any adapter and any model name. The door lets in loopback callers
only, and sets what belongs to the build: its system prompt, its parameters where the caller names none, its adapter.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from selftune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from selftune.release.manifest import Manifest

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
MOST_REQUEST_BYTES: Final = 8 << 20
_TRIES: Final = 2
_BELOW: Final = "/v1"
CHAT: Final = "/chat/completions"
COMPLETIONS: Final = "/completions"
EMBEDDINGS: Final = "/embeddings"
VERSION: Final = "X-Selftune-Version"
BUILD: Final = "X-Selftune-Build"
"""Headers of an answer that say which release and which Build gave it."""
_DRAWN: Final = frozenset({
    "stream", "stream_options", "temperature", "top_p", "top_k", "max_tokens", "stop", "seed", "n", "logprobs",
    "presence_penalty", "frequency_penalty", "logit_bias",
})  # fmt: skip
PASSED: Final = {
    CHAT: _DRAWN | {
        "messages", "max_completion_tokens", "top_logprobs", "response_format", "tools", "tool_choice",
        "parallel_tool_calls",
    },
    COMPLETIONS: _DRAWN | {"prompt", "echo"},
    EMBEDDINGS: frozenset({"input", "encoding_format", "dimensions"}),
}  # fmt: skip
"""What a client may say, by path. All else is dropped: `lora` picks adapters, slot ids reach into the server."""


class Behind(Protocol):
    """The model behind the door at this moment."""

    @property
    def manifest(self) -> Manifest:
        """What it is."""
        ...

    @property
    def address(self) -> str:
        """Its own OpenAI-compatible base URL."""
        ...

    @property
    def fields(self) -> Mapping[str, Any]:
        """What its server must be told in every request."""
        ...


class House(Protocol):
    """What the door asks of the keeper."""

    def borrow(self) -> AbstractAsyncContextManager[Behind]:
        """The model that serves now, kept alive until the block ends; waits while there is none."""
        ...

    async def report_gone(self, behind: Behind) -> None:
        """This model does not answer; have it started again."""
        ...


def make_door(house: House) -> web.Application:
    """The relay's routes: health, models, chat, texts to go on with, embeddings."""
    door = web.Application(middlewares=[refuse_strangers], client_max_size=MOST_REQUEST_BYTES)

    async def open_session(_door: web.Application) -> Any:
        # A long answer may take minutes; a dead server is noticed at connect or read, not by a total.
        timeout = ClientTimeout(total=None, sock_connect=5, sock_read=600)
        async with ClientSession(trust_env=False, timeout=timeout) as session:
            door[_SESSION] = session
            yield

    async def health(_request: web.Request) -> web.Response:
        async with house.borrow() as behind:
            return web.json_response({"status": "ok", "version": behind.manifest.version})

    async def models(_request: web.Request) -> web.Response:
        async with house.borrow() as behind:
            entry = {"id": behind.manifest.alias, "object": "model", "version": behind.manifest.version}
            return web.json_response({"object": "list", "data": [entry]})

    async def relay(request: web.Request) -> web.StreamResponse:
        try:
            wanted = json.loads(await request.read())
        except (ValueError, RecursionError):
            return refuse("the body is not JSON.")
        return await _relay(house, request, wanted)

    door.cleanup_ctx.append(open_session)
    door.router.add_get("/health", health)
    door.router.add_get("/v1/models", models)
    for path in PASSED:
        door.router.add_post(f"{_BELOW}{path}", relay)
    return door


_SESSION: Final = web.AppKey("session", ClientSession)


@web.middleware
async def refuse_strangers(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Only callers that name this machine, and no page from elsewhere: against DNS rebinding and cross-site posts."""
    if is_stranger(request.host, request.headers.get("Origin")):
        return refuse("only programs on this machine may ask.", status=403)
    return await handler(request)


def is_stranger(host: str, origin: str | None) -> bool:
    """Whether a request names another machine, as one does that a page from elsewhere sends."""
    named = [f"//{host}"] if origin is None else [f"//{host}", origin]
    try:
        return any(urlsplit(name).hostname not in LOOPBACK for name in named)
    except ValueError:  # no address at all
        return True


def request_body(manifest: Manifest, wanted: object, fields: Mapping[str, Any], path: str = CHAT) -> dict[str, Any]:
    """The request that the server behind gets for what a client wanted.

    What the evaluation fixed is fixed here too, by the server's own fields, so that what answers is what was measured.
    A text to go on with has no turns, and so no system prompt of the build before it.

    Raises:
        UsageError: the client's body does not hold what is to be answered.
    """
    needed = {CHAT: "messages", COMPLETIONS: "prompt", EMBEDDINGS: "input"}[path]
    if not isinstance(wanted, dict) or wanted.get(needed) is None:
        raise UsageError(f"the body has no {needed}.", next_step=f"Send what OpenAI's {_BELOW}{path} takes.")
    if path == CHAT and not isinstance(wanted[needed], list):
        raise UsageError("the body has no messages.", next_step="Send an OpenAI chat completion request.")
    asked = {key: value for key, value in wanted.items() if key in PASSED[path]}
    named = {"model": f"{manifest.alias}-{manifest.version}"} | dict(fields)
    if path == EMBEDDINGS:
        return asked | named
    build = manifest.build
    drawn = build.generation
    own = {
        "temperature": drawn.temperature,
        "top_p": drawn.top_p,
        "top_k": drawn.top_k,
        "max_tokens": drawn.max_tokens,
        "stop": list(drawn.stop),
    }
    fixed = {"messages": _prompted(build.prompt, wanted["messages"])} if path == CHAT else {}
    return own | asked | fixed | named


def _prompted(system_prompt: str | None, messages: list[Any]) -> list[Any]:
    """One system message: the build's prompt, then what the conversation brings."""
    if system_prompt is None:
        return messages
    first = messages[0] if messages else None
    if isinstance(first, dict) and first.get("role") == "system":
        return [{**first, "content": f"{system_prompt}\n\n{first.get('content', '')}"}, *messages[1:]]
    return [{"role": "system", "content": system_prompt}, *messages]


async def _relay(house: House, request: web.Request, wanted: object) -> web.StreamResponse:
    """Ask the model behind; when it dies before its first byte, ask its successor once."""
    path = request.path.removeprefix(_BELOW)
    for _ in range(_TRIES):
        async with house.borrow() as behind:
            try:
                body = request_body(behind.manifest, wanted, behind.fields, path)
            except UsageError as error:
                return refuse(str(error))
            build = behind.manifest.build
            answer = web.StreamResponse(headers={VERSION: behind.manifest.version, BUILD: build.digest})
            try:
                return await _pass_on(request, answer, f"{behind.address}{path}", body)
            except (ClientError, TimeoutError):
                if answer.prepared:
                    # Bytes are out: the client must see a broken answer, never two halves of different ones.
                    raise
                await house.report_gone(behind)
    return refuse("the model does not answer; it is being started again.", status=503)


async def _pass_on(
    request: web.Request, answer: web.StreamResponse, url: str, body: dict[str, Any]
) -> web.StreamResponse:
    async with request.app[_SESSION].post(url, json=body) as upstream:
        answer.set_status(upstream.status)
        answer.content_type = upstream.content_type
        await answer.prepare(request)
        async for chunk in upstream.content.iter_any():
            await answer.write(chunk)
        await answer.write_eof()
        return answer


def refuse(message: str, *, status: int = 400) -> web.Response:
    """An error in the shape that OpenAI clients show to their users."""
    return web.json_response({"error": {"message": message, "type": "selftune"}}, status=status)

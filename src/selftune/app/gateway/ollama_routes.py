"""Ollama's routes that ask no model: which there are, what one is, and the version that clients look at first."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, Protocol

from aiohttp import web

from selftune.app.gateway.keys import Scope
from selftune.app.gateway.refusals import no_such_model
from selftune.app.gateway.shapes.base import JSON, split, value_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from selftune.app.gateway.callers import Caller
    from selftune.app.gateway.exchange import Routing

# The first that has what our routes have: schemas as formats, and calls of tools in streams.
VERSION: Final = "0.9.0"
_LATEST: Final = ":latest"
_ABILITIES: Final = ("completion", "tools")


class Doors(Protocol):
    """What the routes need of the gateway's server."""

    def add_route(
        self, method: str, path: str, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
    ) -> None:
        """Answer one more path."""
        ...

    def admit(self, request: web.BaseRequest, scope: Scope) -> Caller:
        """Who sends a request; `Refusal` where their key does not open it."""
        ...

    def refuse_strangers(self, request: web.BaseRequest) -> None:
        """Return where a request names this machine; `Refusal` otherwise."""
        ...

    async def read_body(self, request: web.BaseRequest) -> bytes:
        """A request's body; `Refusal` where it is not one to read."""
        ...


def add_ollama(gateway: Doors, routing: Routing) -> None:
    """Give the gateway Ollama's routes beside those by which a model is asked."""

    async def tags(request: web.BaseRequest) -> web.StreamResponse:
        gateway.admit(request, Scope.CHAT)
        return _json({"models": [_entry(alias) for alias in routing.aliases()]})

    async def show(request: web.BaseRequest) -> web.StreamResponse:
        gateway.admit(request, Scope.CHAT)
        fields = split(await gateway.read_body(request))
        alias = (value_of(fields, "model", str) or value_of(fields, "name", str) or "").removesuffix(_LATEST)
        if alias not in routing.aliases():
            raise no_such_model(routing.aliases())
        entry = _entry(alias)
        told = {"details": entry["details"], "modified_at": entry["modified_at"], "capabilities": list(_ABILITIES)}
        return _json(told | {"model_info": {}, "modelfile": "", "parameters": "", "template": "", "license": ""})

    async def version(request: web.BaseRequest) -> web.StreamResponse:
        gateway.refuse_strangers(request)
        return _json({"version": VERSION})

    gateway.add_route("GET", "/api/tags", tags)
    gateway.add_route("POST", "/api/show", show)
    gateway.add_route("GET", "/api/version", version)


def _entry(alias: str) -> dict[str, Any]:
    details = {"parent_model": "", "format": "gguf", "family": "", "families": [], "parameter_size": ""}
    return {
        "name": f"{alias}{_LATEST}",
        "model": f"{alias}{_LATEST}",
        "modified_at": "1970-01-01T00:00:00Z",
        "size": 0,
        "digest": hashlib.sha256(alias.encode()).hexdigest(),
        "details": details | {"quantization_level": ""},
    }


def _json(value: object) -> web.Response:
    return web.Response(body=json.dumps(value).encode(), content_type=JSON)

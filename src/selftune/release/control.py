"""How a command tells a running keeper to serve another release, to rest or to wake: one token, loopback only."""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any, Final, Protocol

from selftune.errors import DamagedFileError, IntegrityError, ServingError
from selftune.records import canonical_json
from selftune.release.base import Switched
from selftune.release.patience import START_SECONDS
from selftune.release.resting import Rest
from selftune.serving.addresses import take_addresses

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

SWITCH: Final = "/keeper/switch"
REST: Final = "/keeper/rest"
WAKE: Final = "/keeper/wake"
_ERRORS: Final[dict[str, type[IntegrityError]]] = {
    kind.__name__: kind for kind in (DamagedFileError, ServingError, IntegrityError)
}


class Switchable(Protocol):
    """What the routes act on."""

    token: str

    async def switch(self, name: str, placed: str | None = None, *, within: float = START_SECONDS) -> Switched:
        """Serve the release of this name, whose manifest has the digest `placed`, in so many seconds."""
        ...

    async def rest(self, rest: Rest) -> None:
        """Let go of the device; the address stays."""
        ...

    async def wake(self) -> None:
        """Serve again; `IntegrityError` when nothing can be served."""
        ...


def add_control(door: web.Application, keeper: Switchable) -> None:
    """Give the door its routes that change something."""
    from aiohttp import web

    async def switch(asked: dict[str, Any]) -> web.Response:
        take_addresses(asked.get("addresses", {}))
        done = await keeper.switch(asked["name"], asked.get("placed"), within=asked.get("within", START_SECONDS))
        return web.Response(text=canonical_json(done), content_type="application/json")

    async def rest(asked: dict[str, Any]) -> web.Response:
        await keeper.rest(read_rest(asked))
        return web.json_response({})

    async def wake(asked: dict[str, Any]) -> web.Response:
        take_addresses(asked.get("addresses", {}))
        await keeper.wake()
        return web.json_response({})

    def guarded(act: Callable[[dict[str, Any]], Awaitable[web.Response]]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            shown = request.headers.get("Authorization", "")
            if not hmac.compare_digest(shown.encode(), f"Bearer {keeper.token}".encode()):
                return web.json_response({"error": "the token is wrong"}, status=403)
            try:
                return await act(await request.json())
            except IntegrityError as error:
                return web.json_response(describe_error(error), status=409)

        return handle

    for path, act in ((SWITCH, switch), (REST, rest), (WAKE, wake)):
        door.router.add_post(path, guarded(act))


def control_headers(token: str) -> dict[str, str]:
    """What a request to a route must carry."""
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def describe_error(error: IntegrityError) -> dict[str, str]:
    """An error as it crosses from process to process."""
    return {"error": type(error).__name__, "message": error.message, "next_step": error.next_step}


def revive_error(body: dict[str, Any]) -> IntegrityError:
    """The error that the other process described."""
    kind = _ERRORS.get(str(body.get("error")), IntegrityError)
    return kind(str(body["message"]), next_step=str(body["next_step"]))


def read_switched(text: bytes) -> Switched:
    """The answer of the route that switches."""
    import msgspec

    return msgspec.convert(json.loads(text), type=Switched, strict=False)


def read_rest(body: dict[str, Any]) -> Rest:
    """What the route is asked to rest for."""
    import msgspec

    return msgspec.convert(body, type=Rest, strict=False)

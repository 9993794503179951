"""How a command tells a running keeper to serve another release: one route, one token, loopback only."""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any, Final, Protocol

from selftune.errors import DamagedFileError, IntegrityError, ServingError
from selftune.records import canonical_json
from selftune.release.base import Switched
from selftune.serving.addresses import take_addresses

if TYPE_CHECKING:
    from aiohttp import web

SWITCH: Final = "/keeper/switch"
_ERRORS: Final[dict[str, type[IntegrityError]]] = {
    kind.__name__: kind for kind in (DamagedFileError, ServingError, IntegrityError)
}


class Switchable(Protocol):
    """What the route acts on."""

    token: str

    async def switch(self, name: str, placed: str | None = None) -> Switched:
        """Serve the release of this name, whose manifest has the digest `placed`."""
        ...


def add_control(door: web.Application, keeper: Switchable) -> None:
    """Give the door its one route that changes something."""
    from aiohttp import web

    async def switch(request: web.Request) -> web.Response:
        shown = request.headers.get("Authorization", "")
        if not hmac.compare_digest(shown.encode(), f"Bearer {keeper.token}".encode()):
            return web.json_response({"error": "the token is wrong"}, status=403)
        asked = await request.json()
        take_addresses(asked.get("addresses", {}))
        try:
            done = await keeper.switch(asked["name"], asked.get("placed"))
        except IntegrityError as error:
            return web.json_response(describe_error(error), status=409)
        return web.Response(text=canonical_json(done), content_type="application/json")

    door.router.add_post(SWITCH, switch)


def control_headers(token: str) -> dict[str, str]:
    """What a request to the route must carry."""
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def describe_error(error: IntegrityError) -> dict[str, str]:
    """An error as it crosses from process to process."""
    return {"error": type(error).__name__, "message": error.message, "next_step": error.next_step}


def revive_error(body: dict[str, Any]) -> IntegrityError:
    """The error that the other process described."""
    kind = _ERRORS.get(str(body.get("error")), IntegrityError)
    return kind(str(body["message"]), next_step=str(body["next_step"]))


def read_switched(text: bytes) -> Switched:
    """The answer of the route."""
    import msgspec

    return msgspec.convert(json.loads(text), type=Switched, strict=False)

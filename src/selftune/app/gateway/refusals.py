"""What a client is told that is not served: in OpenAI's shape, or in Ollama's on its routes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_KINDS: Final = {
    401: ("authentication_error", "invalid_api_key"),
    403: ("permission_error", None),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}
_SERVERS: Final = 500


class Refusal(Exception):  # noqa: N818 - it is an answer, and no fault of ours
    """A request that is not served.

    Attributes:
        status: The HTTP status.
        retry_after: Seconds after which another try may help; None where it would not.
        closes: Whether the connection is closed behind it, because what the client still sends is not read.
        said: An upstream's own words in OpenAI's shape, which say more than ours.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        retry_after: int | None = None,
        closes: bool = False,
        said: bytes | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.retry_after = retry_after
        self.closes = closes
        self.said = said

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says beside its body."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return headers | {"WWW-Authenticate": "Bearer"} if self.status == 401 else headers  # noqa: PLR2004 - HTTP's own


def no_such_model(known: Iterable[str]) -> Refusal:
    """What whoever asks for a name that no model has is told: those that there are."""
    return Refusal(404, f"There is no model of this name. Known are: {', '.join(known)}.")


def openai_error(refusal: Refusal) -> bytes:
    """The body that OpenAI's clients read."""
    if refusal.said is not None:
        return refusal.said
    other = "server_error" if refusal.status >= _SERVERS else "invalid_request_error"
    kind, code = _KINDS.get(refusal.status, (other, None))
    told = {"message": refusal.message, "type": kind, "param": None, "code": refusal.code or code}
    return json.dumps({"error": told}).encode()


def ollama_error(refusal: Refusal) -> bytes:
    """The body that Ollama's clients read."""
    return json.dumps({"error": refusal.message}).encode()

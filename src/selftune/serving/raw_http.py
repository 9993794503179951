"""One request to a server on this machine whose answer need be no JSON, on a connection of its own, past any proxy."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from typing import IO, TYPE_CHECKING, Final

from selftune.errors import ServingError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS: Final = 3600.0  # a file of many gigabytes may be on its way


def send_raw(
    port: int, method: str, path: str, body: bytes | IO[bytes] | None, headers: Mapping[str, str], *, look: str
) -> tuple[int, bytes]:
    """Status and body of the answer; `look` says where to look when there is none.

    Raises:
        ServingError: nobody listens, or the connection broke off.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException) as error:
        raise ServingError(f"the server on port {port} broke off: {error!r}.", next_step=look) from error
    finally:
        connection.close()

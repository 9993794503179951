"""An OpenAI-compatible endpoint: whether it may be reached, with which key, and what it answers."""

from __future__ import annotations

import ipaddress
import json
import os
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from selftune.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientSession, StreamReader
    from yarl import URL

    from selftune.judges.base import Outlet
    from selftune.judges.config import Judging
    from selftune.records import Interaction

_MOST_BYTES: Final = 4 << 20
_TRANSIENT: Final = frozenset({408, 409, 425, 429})
_SERVER_FAULT: Final = 500
# A request that is refused for what it holds (400, 413, 422) was answered.
_OUTAGE: Final = re.compile(r"no connection|no answer in time|HTTP (?!400|413|422)\d{3}")
_NO_CONSENT: Final = "no consent to send its words beyond this machine"


class CallError(Exception):
    """A call failed; the text says how, without any secret.

    Attributes:
        transient: Whether another try may help.
        status: HTTP status, if there was one.
        wait_seconds: What the server asked us to wait.
        billed: False when the server did no work; None when nobody can know.
    """

    def __init__(
        self,
        reason: str,
        *,
        transient: bool,
        status: int | None = None,
        wait_seconds: float | None = None,
        billed: bool | None = False,
    ) -> None:
        super().__init__(reason)
        self.transient = transient
        self.status = status
        self.wait_seconds = wait_seconds
        self.billed = billed


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a judge listens; `local` when nothing leaves this machine."""

    url: str
    model: str
    local: bool
    api_key: str | None

    def __repr__(self) -> str:
        return f"Endpoint({self.url!r}, {self.model!r})"

    @cached_property
    def completions(self) -> URL:
        """Where chat completions are asked for, read once: it is needed for each call."""
        from yarl import URL

        return URL(f"{self.url}/chat/completions")


def objection_to_sending(interaction: Interaction, endpoint: Endpoint, outlet: Outlet | None) -> str | None:
    """Why these words may not be sent to where this endpoint listens; None when they may."""
    if endpoint.local:
        return None
    if not interaction.consent.send:
        return _NO_CONSENT
    return None if outlet is None else outlet.objection(interaction)


def appoint_endpoint(config: Judging, section: str = "judge") -> Endpoint:
    """The endpoint that the config names; `section` is what messages call the place where it is set.

    Raises:
        ConfigError: endpoint, model or key is missing, the host is beyond this machine and not in [egress], or a
            number makes no sense.
    """
    if not config.endpoint or not config.model:
        raise ConfigError(
            f"{section} {config.name!r} needs an endpoint and a model.",
            next_step=f'Add endpoint = "http://127.0.0.1:11434/v1" and model = "NAME" under [{section}] in '
            "selftune.toml.",
        )
    _refuse_odd_numbers(config, section)
    host = host_of(config.endpoint)
    if host is None:
        raise ConfigError(
            f"[{section}] endpoint is no plain http or https address.", next_step="Write it as http://HOST:PORT/v1."
        )
    local = is_loopback(host)
    if not local and host not in config.egress:
        raise ConfigError(
            f"[{section}] endpoint {host!r} lies beyond this machine, and [egress] does not allow it.",
            next_step=f'Add it in selftune.toml: [egress] allow = ["{host}"]. Words that may be sent then go there.',
        )
    key = _key(config.api_key_env, section)
    return Endpoint(url=config.endpoint.rstrip("/"), model=config.model, local=local, api_key=key)


def host_of(url: str) -> str | None:
    """The host of a plain http or https address; None where it is none, or holds a user, a password or a query."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError:
        return None
    odd = parts.scheme not in {"http", "https"} or parts.username or parts.password or parts.query
    return None if odd else parts.hostname


def _refuse_odd_numbers(config: Judging, section: str) -> None:
    prices = (config.prices.prompt, config.prices.completion, config.prices.cached or 0.0)
    faults = {
        "at_once must be 1 or more": config.at_once < 1,
        "timeout_seconds must be above 0": config.timeout_seconds <= 0,
        "a price is negative": min(prices) < 0,
        "budget_usd is negative": (config.budget_usd or 0.0) < 0,
        "budget_usd needs prices to be counted with": config.budget_usd is not None and max(prices) <= 0,
    }
    for fault, found in faults.items():
        if found:
            raise ConfigError(
                f"[{section}] {fault}.",
                next_step="Correct it there; prices are usd_per_million_input and usd_per_million_output.",
            )


def is_loopback(host: str) -> bool:
    """Whether the host is this machine: `localhost` or an address of the loopback net; names are not looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _key(variable: str | None, section: str) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()  # a file's last line end comes along where a key is read out of one
    if not key:
        raise ConfigError(
            f"[{section}] api_key_env names {variable}, and that variable is not set.",
            next_step=f"Set {variable} in the environment, not in a file.",
        )
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(
            f"[{section}] api_key_env names {variable}, and what it holds is no key: no header can hold it.",
            next_step=f"Set {variable} to the key alone, on one line.",
        )
    return key


@asynccontextmanager
async def connect(endpoint: Endpoint, *, at_once: int, timeout_seconds: float) -> AsyncIterator[ClientSession]:
    """One pool of connections to the endpoint, for as long as there is something to ask."""
    import aiohttp

    headers = {"Content-Type": "application/json"}
    if endpoint.api_key:
        headers["Authorization"] = f"Bearer {endpoint.api_key}"
    async with aiohttp.ClientSession(
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=timeout_seconds),
        # Not trust_env: it also reads ~/.netrc for each call, and would send the endpoint what stands there.
        proxy=_proxy_to(endpoint),
        connector=aiohttp.TCPConnector(limit=at_once),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield session


def _proxy_to(endpoint: Endpoint) -> str | None:
    """The proxy that the environment names for the way out; this machine is reached directly."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(endpoint.url)
    if endpoint.local or proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)


async def call(session: ClientSession, endpoint: Endpoint, body: bytes) -> dict[str, Any]:
    """The endpoint's answer to a chat completion request, its body being JSON; no redirect is followed.

    Raises:
        CallError: no connection, no answer in time, an HTTP error, or an answer that is no JSON object.
    """
    import aiohttp

    try:
        async with session.post(endpoint.completions, data=body, allow_redirects=False) as response:
            if response.status != 200:  # noqa: PLR2004 - HTTP OK
                raise _http_error(response.status, response.headers.get("Retry-After"))
            return _as_object(await _limited(response.content))
    except TimeoutError as error:
        raise CallError("no answer in time", transient=True, billed=None) from error
    except aiohttp.ClientConnectorError as error:
        raise CallError(f"no connection ({type(error).__name__})", transient=True) from error
    except aiohttp.ClientError as error:
        raise CallError(f"no connection ({type(error).__name__})", transient=True, billed=None) from error


async def _limited(content: StreamReader) -> bytes:
    parts, size = [], 0
    async for part in content.iter_any():
        size += len(part)
        if size > _MOST_BYTES:
            raise CallError(f"an answer of more than {_MOST_BYTES >> 20} MiB", transient=False, billed=None)
        parts.append(part)
    return b"".join(parts)


def _as_object(data: bytes) -> dict[str, Any]:
    try:
        value = _decoded(data)
    except (ValueError, RecursionError) as error:
        raise CallError("an answer that is no JSON", transient=True, billed=None) from error
    if not isinstance(value, dict):
        raise CallError("an answer that is no JSON object", transient=True, billed=None)
    return value


def _decoded(data: bytes) -> Any:
    import msgspec

    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        # Slower and more lenient: it reads half of a surrogate pair, which a cut answer may end with.
        return json.loads(data)


def _http_error(status: int, retry_after: str | None) -> CallError:
    wait = None if retry_after is None else seconds_to_wait(retry_after, datetime.now(UTC))
    transient = status in _TRANSIENT or status >= _SERVER_FAULT
    return CallError(f"HTTP {status}", transient=transient, status=status, wait_seconds=wait)


def tells_of_outage(reason: str | None) -> bool:
    """Whether the reason for a missing verdict is that nobody answered, and not what was answered."""
    return reason is not None and _OUTAGE.search(reason) is not None


def seconds_to_wait(retry_after: str, now: datetime) -> float | None:
    """What a `Retry-After` header asks for, as seconds or as a date (RFC 9110, 10.2.3); None when it is neither."""
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", retry_after, re.ASCII):
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return None if until.tzinfo is None else max(0.0, (until - now).total_seconds())

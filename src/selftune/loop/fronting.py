"""Sections of `selftune.toml` for the front doors: where clients and browsers come in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class GatewayUpstream:
    """[[gateway.upstreams]]: a model of others under a `name` of your own: any OpenAI-compatible endpoint.

    `endpoint` is its base URL (`http://127.0.0.1:11434/v1`), `model` what it is called there, `api_key_env` the
    environment variable that holds its key.
    """

    name: str
    endpoint: str
    model: str = ""
    api_key_env: str = ""


@dataclass(frozen=True, kw_only=True)
class GatewaySection:
    """[gateway]: the address for clients, on this machine only, and how much one may ask of it.

    A body may have `most_megabytes`. A key may ask `requests_per_minute` times (0: as often as it likes), and so may
    all who show none together. With `require_key = true` nobody is served without one. The last bytes of an answer wait
    at most `capture_wait_ms` for what was said to be on the disk. A head must come within `head_seconds`, a body within
    `body_seconds`, and an upstream must say something within `upstream_seconds`. At most `connections` are open at a
    time.
    """

    port: int = 8377
    require_key: bool = False
    most_megabytes: float = 8.0
    requests_per_minute: int = 0
    capture_wait_ms: float = 250.0
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    upstream_seconds: float = 600.0
    connections: int = 2048
    upstreams: tuple[GatewayUpstream, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StoreSection:
    """[store]: where records are kept: in `.selftune/store.db`, unless `url` names a PostgreSQL database.

    It is written `postgresql://USER@HOST:PORT/NAME`, without a password, which comes from `PGPASSWORD` or `~/.pgpass`.
    `SELFTUNE_STORE_URL` in the environment comes before it. A host beyond this machine must stand under [egress]: what
    people said goes there. One database is for one project.
    """

    url: str = ""


@dataclass(frozen=True, kw_only=True)
class DashboardSection:
    """[dashboard]: the pages in a browser, on this machine only, and how long a browser that came in stays in.

    `hosts` names the hosts of a reverse proxy of yours that brings TLS to others.
    """

    port: int = 8378
    session_hours: float = 168.0
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CanarySection:
    """[canary]: a candidate beside the champion on real requests, by `selftune canary`.

    `share` of the users are answered by it. What is tolerated of it: so many `more_errors`, `more_refusals` and
    `more_thumbs_down` than of the champion, as shares of the answers, and that it is slower by `slower_times` in
    `more_slow` of them. Harm beyond that is shown at `alpha`, for all four together and however often one looks.
    """

    share: float = 0.1
    alpha: float = 0.05
    more_errors: float = 0.02
    more_refusals: float = 0.05
    more_thumbs_down: float = 0.1
    more_slow: float = 0.2
    slower_times: float = 1.5


@dataclass(frozen=True, kw_only=True)
class OtelSection:
    """[otel]: a span for each exchange of the gateway, sent to an OpenTelemetry collector at `endpoint`.

    Empty: none is made. Beyond this machine the endpoint's host must stand under [egress]. With `content = true` spans
    hold what was asked and answered too, with the secrets taken out that [capture] names.
    """

    endpoint: str = ""
    content: bool = False


class NoticeEvent(StrEnum):
    """What a person may be told of wherever they are."""

    MORNING = "morning"
    HOLD = "hold"
    APPROVAL = "approval"
    FAILURE = "failure"
    CANARY = "canary"


@dataclass(frozen=True, kw_only=True)
class NotifySection:
    """[notify]: who is told, by Apprise, of what happened while nobody looked.

    `urls_env` names environment variables that hold Apprise URLs, such as `mailto://...` or `ntfy://...`: the URLs hold
    secrets, so they stand in no file of ours. `events` are `morning` (a night came to its end), `hold`, `approval` (all
    that waits for a person), `failure` and `canary` (a candidate was sent back). No notice quotes what anybody said.
    What a service reaches beyond this machine must stand under [egress]. Telling takes `seconds` at most.
    """

    urls_env: tuple[str, ...] = ()
    events: tuple[NoticeEvent, ...] = tuple(NoticeEvent)
    seconds: float = 20.0

"""`/metrics`: what the gateway counts, in the Prometheus format, for who holds a key that may read.

Counting is plain addition; the library that writes the format is woken by whoever asks. No label holds anybody's words:
routes, models and upstreams are names of ours or of the config, since a model that nobody knows is refused before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from aiohttp import web

from selftune.app.gateway.counting import Counts
from selftune.app.gateway.keys import Scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from prometheus_client.core import Metric

    from selftune.app.gateway.exchange import Exchange

PATH: Final = "/metrics"
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds up to which an answer is counted, one after the other; what took longer stands in a last one."""

_CAPTURED: Final = {True: "kept", False: "not kept", None: "not asked for"}


@dataclass
class _Times:
    """How many seconds something took, by bucket."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds

    def so_far(self) -> list[tuple[str, float]]:
        """Each bucket with all that took no longer, as Prometheus has them."""
        seen, found = 0, []
        for limit, count in zip((*map(str, BUCKETS), "+Inf"), self.counts, strict=True):
            seen += count
            found.append((limit, float(seen)))
        return found


@dataclass(kw_only=True)
class Metrics(Counts):
    """The gateway's counts with what Prometheus is told beside them.

    Attributes:
        gauges: Asked at each look: what waits or is being tried now, by name, numbers alone.
        watch: Told of each exchange too, where somebody makes spans of them.
    """

    requests: Counter[tuple[str, str, str, str, str]] = field(default_factory=Counter)
    turned_away: Counter[tuple[str, str]] = field(default_factory=Counter)
    first_bytes: dict[str, _Times] = field(default_factory=dict)
    wholes: dict[str, _Times] = field(default_factory=dict)
    gauges: Callable[[], Mapping[str, float]] = dict
    watch: Callable[[Exchange], None] | None = None

    def ended(self, exchange: Exchange, *, captured: bool | None) -> None:
        """An exchange ended; `captured` is None where nothing was to be kept, or it is not known yet."""
        super().ended(exchange, captured=captured)
        upstream = exchange.upstream
        self.requests[exchange.route, exchange.alias, upstream, str(exchange.status), exchange.ended.value] += 1
        self.wholes.setdefault(upstream, _Times()).add(exchange.seconds)
        if exchange.first_byte_seconds is not None:
            self.first_bytes.setdefault(upstream, _Times()).add(exchange.first_byte_seconds)
        if self.watch is not None:
            self.watch(exchange)

    def refused(self, route: str, status: int) -> None:
        """A request was refused before any model was asked."""
        super().refused(route, status)
        self.turned_away[route, str(status)] += 1

    def collect(self) -> Iterable[Metric]:
        """Everything, as the Prometheus library takes it."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        labels = ("route", "model", "upstream", "status", "ended")
        asked = CounterMetricFamily("selftune_gateway_requests", "Requests that a model was asked for.", labels=labels)
        for names, count in self.requests.items():
            asked.add_metric(names, count)
        yield asked
        away = CounterMetricFamily(
            "selftune_gateway_refused", "Requests refused before any model was asked.", labels=("route", "status")
        )
        for place, count in self.turned_away.items():
            away.add_metric(place, count)
        yield away
        kept = CounterMetricFamily("selftune_gateway_captures", "What became of exchanges.", labels=("what",))
        for what in _CAPTURED.values():
            kept.add_metric((what,), self.captures[what])
        yield kept
        for name, told, times in (
            ("first_byte_seconds", "From the request to the first byte of the answer.", self.first_bytes),
            ("seconds", "From the request to the end of the answer.", self.wholes),
        ):
            family = HistogramMetricFamily(f"selftune_gateway_{name}", told, labels=("upstream",))
            for upstream, one in times.items():
                family.add_metric((upstream,), one.so_far(), one.total)
            yield family
        for name, value in sorted(self.gauges().items()):
            yield GaugeMetricFamily(f"selftune_gateway_{name}", _told(name), value=value)


class Answers(Protocol):
    """A gateway, as far as this needs one."""

    def add_route(
        self, method: str, path: str, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
    ) -> None:
        """Answer one more path."""
        ...

    def admit(self, request: web.BaseRequest, scope: Scope) -> object:
        """Who asks."""
        ...


def add_metrics(gateway: Answers, metrics: Metrics) -> None:
    """Have a gateway tell what it counts to who may read."""

    async def tell(request: web.BaseRequest) -> web.StreamResponse:
        gateway.admit(request, Scope.READ)
        text, content_type = written(metrics)
        return web.Response(body=text, headers={"Content-Type": content_type})

    gateway.add_route("GET", PATH, tell)


class _Look:
    """One look at the counts; a registry wants what it can tell from others, and counts are what they hold."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics.collect()


def written(metrics: Metrics) -> tuple[bytes, str]:
    """The counts in the Prometheus format, and what that format is called."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(_Look(metrics))
    return generate_latest(registry), CONTENT_TYPE_LATEST


def numbers_in(told: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of a state that somebody tells, by name, those further down under both names; nothing else of it."""
    for name, value in told.items():
        own = "_".join(filter(None, (prefix, *name.split())))
        if isinstance(value, bool | int | float):
            yield own, float(value)
        elif isinstance(value, dict):
            yield from numbers_in(value, own)


def _told(name: str) -> str:
    return f"{name.replace('_', ' ').capitalize()}, now."

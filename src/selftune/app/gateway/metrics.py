"""`/metrics`: what the gateway counts, in the Prometheus format, for who holds a key that may read.

Counting is plain addition; the library that writes the format is woken by whoever asks. No label holds anybody's words:
routes, models and upstreams are names of ours or of the config, since a model that nobody knows is refused before.

Names as Prometheus has them: a prefix, base units, `_total` behind what only grows, labels for what differs
(https://prometheus.io/docs/practices/naming/). The limits of the buckets are those that OpenTelemetry's conventions for
generative AI advise for `gen_ai.server.request.duration` and `gen_ai.server.time_to_first_token`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from aiohttp import web

from selftune import __version__
from selftune.app.gateway.counting import Counts
from selftune.app.gateway.keys import Scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from prometheus_client.core import Metric

    from selftune.app.gateway.exchange import Exchange

PATH: Final = "/metrics"
_OURS: Final = "selftune_gateway_"
WHOLE: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Seconds up to which a whole answer is counted, one after the other; what took longer stands in a last bucket."""
FIRST: Final = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The same of an answer's first byte."""

_CAPTURED: Final = {True: "kept", False: "not kept", None: "not asked for"}


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One thing that somebody else counts or knows, told at each look.

    Attributes:
        name: Behind `selftune_gateway_`, with its unit; without `_total`.
        told: What it is, in a sentence.
        values: The numbers, by the value of the label; under an empty one where there is no label.
        label: What they differ in; empty for one number alone.
        grows: Whether it only grows while the gateway runs.
    """

    name: str
    told: str
    values: Mapping[str, float]
    label: str = ""
    grows: bool = False


class _Times:
    """How many seconds something took, by bucket."""

    def __init__(self, limits: tuple[float, ...]) -> None:
        self._limits = limits
        self._counts = [0] * (len(limits) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(self._limits, seconds)] += 1
        self.total += seconds

    def so_far(self) -> list[tuple[str, float]]:
        """Each bucket with all that took no longer, as Prometheus has them."""
        seen, found = 0, []
        for limit, count in zip((*map(str, self._limits), "+Inf"), self._counts, strict=True):
            seen += count
            found.append((limit, float(seen)))
        return found


@dataclass(kw_only=True)
class Metrics(Counts):
    """The gateway's counts with what Prometheus is told beside them.

    Attributes:
        more: Asked at each look: what waits, or is being tried now.
        watch: Told of each exchange too, where somebody makes spans of them.
    """

    requests: Counter[tuple[str, str, str, str, str]] = field(default_factory=Counter)
    turned_away: Counter[tuple[str, str]] = field(default_factory=Counter)
    first_bytes: dict[str, _Times] = field(default_factory=dict)
    wholes: dict[str, _Times] = field(default_factory=dict)
    more: Callable[[], Iterable[Measure]] = tuple
    watch: Callable[[Exchange], None] | None = None

    def ended(self, exchange: Exchange, *, captured: bool | None) -> None:
        """An exchange ended; `captured` is None where nothing was to be kept, or it is not known yet."""
        super().ended(exchange, captured=captured)
        upstream = exchange.upstream
        self.requests[exchange.route, exchange.alias, upstream, str(exchange.status), exchange.ended.value] += 1
        self.wholes.setdefault(upstream, _Times(WHOLE)).add(exchange.seconds)
        if exchange.first_byte_seconds is not None:
            self.first_bytes.setdefault(upstream, _Times(FIRST)).add(exchange.first_byte_seconds)
        if self.watch is not None:
            self.watch(exchange)

    def refused(self, route: str, status: int) -> None:
        """A request was refused before any model was asked."""
        super().refused(route, status)
        self.turned_away[route, str(status)] += 1

    def collect(self) -> Iterable[Metric]:
        """Everything, as the Prometheus library takes it."""
        from prometheus_client.core import CounterMetricFamily, InfoMetricFamily

        yield InfoMetricFamily("selftune_build", "Which selftune the gateway is of.", value={"version": __version__})
        labels = ("route", "model", "upstream", "status", "ended")
        asked = CounterMetricFamily(f"{_OURS}requests", "Requests that a model was asked for.", labels=labels)
        for names, count in self.requests.items():
            asked.add_metric(names, count)
        yield asked
        away = CounterMetricFamily(
            f"{_OURS}refused_requests", "Requests refused before any model was asked.", labels=("route", "status")
        )
        for place, count in self.turned_away.items():
            away.add_metric(place, count)
        yield away
        yield from self._times()
        kept = {what: self.captures[what] for what in _CAPTURED.values()}
        for measure in (
            Measure(name="captures", told="What became of exchanges.", values=kept, label="what", grows=True),
            *self.more(),
        ):
            yield _family_of(measure)

    def _times(self) -> Iterator[Metric]:
        from prometheus_client.core import HistogramMetricFamily

        for name, told, times in (
            ("time_to_first_byte_seconds", "From the request to the first byte of the answer.", self.first_bytes),
            ("request_duration_seconds", "From the request to the end of the answer.", self.wholes),
        ):
            family = HistogramMetricFamily(f"{_OURS}{name}", told, labels=("upstream",))
            for upstream, one in times.items():
                family.add_metric((upstream,), one.so_far(), one.total)
            yield family


def _family_of(measure: Measure) -> Metric:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    kind = CounterMetricFamily if measure.grows else GaugeMetricFamily
    labels = (measure.label,) if measure.label else ()
    family: CounterMetricFamily | GaugeMetricFamily = kind(f"{_OURS}{measure.name}", measure.told, labels=labels)
    for value, number in sorted(measure.values.items()):
        family.add_metric((value,) if labels else (), number)
    return family


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
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Look(metrics))
    return generate_latest(registry), CONTENT_TYPE_LATEST

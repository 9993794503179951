"""OpenTelemetry spans of what the gateway answers: off unless [otel] names a collector, and without words by default.

A span says which model was asked, which Build answered, how it ended and how long it took. What people wrote stands in
it only with `content = true`, with the secrets taken out that the door takes out of a capture. It is made after the
answer is out, and sent in batches by a thread of the library.
"""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from selftune.app.gateway import span_names as names
from selftune.app.gateway.capture.bodies import read_talk
from selftune.app.gateway.exchange import Ended
from selftune.app.gateway.span_facts import facts_of
from selftune.errors import ConfigError, UsageError
from selftune.interactions.privacy.consent import ConsentLevel, read_level
from selftune.judges.endpoint import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

    from selftune.app.gateway.exchange import Exchange
    from selftune.loop.fronting import OtelSection

log = logging.getLogger("selftune.gateway")

_OPTED_OUT: Final = "none"
_MOST_WAITING: Final = 512
_EXPORTER: Final = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
_NANOSECONDS: Final = 1_000_000_000
_PACKAGES: Final = "'selftune[otel]'"


class Spans:
    """Makes a span of each exchange.

    Args:
        provider: Where spans go.
        clean: Takes the secrets out of a text before it stands in a span; None: no words stand in any.
        far: Whether they leave this machine: words then go along only where their consent includes that.
    """

    def __init__(
        self, provider: TracerProvider, clean: Callable[[str], str] | None = None, *, far: bool = False
    ) -> None:
        self._provider = provider
        self._tracer: Tracer = provider.get_tracer(names.SCOPE)
        self._clean = clean
        self._far = far
        # To take secrets out of a long text takes milliseconds, which no other answer is to wait for.
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spans")
        self._waiting = 0

    def ended(self, exchange: Exchange) -> None:
        """An exchange ended: its span is made beside the answers that follow; none where too many wait already."""
        if self._waiting < _MOST_WAITING:
            self._waiting += 1
            self._beside.submit(self._make, exchange)

    def _make(self, exchange: Exchange) -> None:
        self._waiting -= 1
        try:
            self._span(exchange)
        except Exception:
            log.exception("no span was made of an exchange")

    def _span(self, exchange: Exchange) -> None:
        """One span, from the request to the end of its answer."""
        from opentelemetry.trace import SpanKind, Status, StatusCode

        began = int(datetime.fromisoformat(exchange.happened_at).timestamp() * _NANOSECONDS)
        operation = names.OPERATIONS.get(exchange.route, "chat")
        span = self._tracer.start_span(
            f"{operation} {exchange.alias}",
            kind=SpanKind.CLIENT,  # as the conventions have it: a model in another process was asked
            start_time=began,
            attributes=attributes_of(exchange) | self._words(exchange),
        )
        if exchange.ended is not Ended.COMPLETE:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end_time=began + int(exchange.seconds * _NANOSECONDS))

    def close(self) -> None:
        """Send what waits, and let go."""
        self._beside.shutdown()
        self._provider.shutdown()

    def _words(self, exchange: Exchange) -> dict[str, str]:
        """What was asked and answered, cleaned; nothing where no words are wanted, or they can't be read."""
        if self._clean is None or not self._may_tell(exchange):
            return {}
        try:
            talk = read_talk(exchange.route, exchange.request, exchange.response, streamed=exchange.streamed)
        except ValueError:
            return {}
        asked = [self._message(str(one.get("role")), one) for one in talk.asked]
        told = [] if talk.answer is None else [self._message("assistant", talk.answer)]
        return {names.INPUT_MESSAGES: json.dumps(asked), names.OUTPUT_MESSAGES: json.dumps(told)}

    def _may_tell(self, exchange: Exchange) -> bool:
        level = read_level(exchange.consent) if exchange.consent != _OPTED_OUT else None
        return level is ConsentLevel.SEND or (level is not None and not self._far)

    def _message(self, role: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """A message in the shape of the conventions: a role, and the parts of what it says."""
        return {"role": role, "parts": [{"type": "text", "content": self._text(said.get("content"))}]}

    def _text(self, content: object) -> str:
        assert self._clean is not None, "words are wanted"  # noqa: S101 - what cannot happen
        return self._clean(content if isinstance(content, str) else json.dumps(content))


def attributes_of(exchange: Exchange) -> dict[str, Any]:
    """What a span says of an exchange: names, numbers, times and ends, nobody's words."""
    whole = exchange.ended is Ended.COMPLETE
    known = {
        names.OPERATION_NAME: names.OPERATIONS.get(exchange.route, "chat"),
        names.PROVIDER_NAME: names.PROVIDER,
        names.REQUEST_MODEL: exchange.alias,
        names.REQUEST_STREAM: True if exchange.streamed else None,
        names.RESPONSE_ID: exchange.completion_id,
        names.RESPONSE_MODEL: exchange.upstream,
        names.TIME_TO_FIRST: exchange.first_byte_seconds if exchange.streamed else None,
        names.STATUS_CODE: exchange.status,
        names.BUILD: exchange.build_digest,
        names.UPSTREAM: exchange.upstream,
        names.ENDED: exchange.ended.value,
        names.ERROR_TYPE: None if whole else _error_of(exchange),
        **facts_of(exchange.route, exchange.request, exchange.response, streamed=exchange.streamed),
    }
    return {name: value for name, value in known.items() if value is not None}


def _error_of(exchange: Exchange) -> str:
    """Which kind of failure it was: the status of who refused, else how it ended."""
    return str(exchange.status) if exchange.ended is Ended.REFUSED else exchange.ended.value.replace(" ", "_")


def open_spans(section: OtelSection, egress: Sequence[str], clean: Callable[[str], str] | None) -> Spans | None:
    """Spans to the collector that the config names; None where it names none.

    Raises:
        ConfigError: the endpoint is no address, or lies beyond this machine without standing under [egress].
        UsageError: OpenTelemetry is not installed.
    """
    if not section.endpoint:
        return None
    host = urlsplit(section.endpoint).hostname
    if urlsplit(section.endpoint).scheme not in {"http", "https"} or host is None:
        raise ConfigError(
            f"[otel] endpoint {section.endpoint!r} is no address.",
            next_step="Write it as http://127.0.0.1:4318/v1/traces.",
        )
    if not is_loopback(host) and host not in egress:
        raise ConfigError(
            f"[otel] endpoint lies on {host}, beyond this machine.",
            next_step=f'Add "{host}" under [egress] allow if spans may go there.',
        )
    clean = clean if section.content else None
    return spans_to(_exporter(section.endpoint), clean=clean, far=not is_loopback(host))


def spans_to(exporter: SpanExporter, *, clean: Callable[[str], str] | None = None, far: bool = False) -> Spans:
    """Spans that go to this exporter in batches; nothing of the environment says what else stands in them."""
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource({SERVICE_NAME: names.SCOPE}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Spans(provider, clean, far=far)


def _exporter(endpoint: str) -> SpanExporter:
    try:
        exporter: SpanExporter = import_module(_EXPORTER).OTLPSpanExporter(endpoint=endpoint)
    except ImportError as missing:
        raise UsageError(
            f"[otel] endpoint is set, and {missing.name} is not installed.",
            next_step=f"Run `pip install {_PACKAGES}`, or take the endpoint out.",
        ) from missing
    return exporter

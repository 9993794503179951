"""Spans of what the gateway answers: names and times by default, words where they were wanted, never a secret."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.trace import SpanKind

sys.path.insert(0, str(Path(__file__).parent))

from canary_house import died, exchange

from selftune.app.gateway import span_names
from selftune.app.gateway.exchange import CHAMPION, Ended
from selftune.app.gateway.metrics import Metrics
from selftune.app.gateway.spans import open_spans, spans_to
from selftune.errors import ConfigError, UsageError
from selftune.interactions.config import REDACTED
from selftune.interactions.privacy.redaction import Redactor
from selftune.loop.fronting import OtelSection

SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ"
CLEAN = Redactor(REDACTED).redact


def made(*exchanges, clean=None, far=False):
    """The spans that were sent of these exchanges, to an exporter of the library that keeps them in memory."""
    kept = InMemorySpanExporter()
    spans = spans_to(kept, clean=clean, far=far)
    for one in exchanges:
        spans.ended(one)
    spans.close()
    return kept.get_finished_spans()


def test_a_span_says_who_answered_and_how_long_it_took_and_holds_no_words():
    (span,) = made(exchange(CHAMPION, "The secret is Turin.", user="ada@example.org", conversation="c-77"))
    assert span.name == "chat champion"
    assert (span.end_time - span.start_time) / 1e9 == pytest.approx(0.2)
    assert span.attributes["gen_ai.request.model"] == "champion"
    assert span.attributes["selftune.build.digest"] == "sha256:champion"
    assert span.status.is_ok or span.status.is_unset
    text = span.to_json()
    for word in ("Turin", "2 + 2", "example.org", "c-77", "key-1"):
        assert word not in text


def body(**fields):
    return json.dumps(fields).encode()


def events(*pieces):
    return b"".join(b"data: " + body(**piece) + b"\n\n" for piece in pieces) + b"data: [DONE]\n\n"


USED = {"gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 7}
SHAPES = {
    "chat": ("/v1/chat/completions", False, body(
        model="Q4.gguf", choices=[{"index": 0, "finish_reason": "length"}, {"index": 1, "finish_reason": "stop"}],
        usage={"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19},
    )),
    "stream": ("/v1/chat/completions", True, events(
        {"model": "Q4.gguf", "choices": [{"index": 1, "delta": {"content": "Turin"}}]},
        {"model": "Q4.gguf", "choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}]},
        {"model": "Q4.gguf", "choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]},
        {"model": "Q4.gguf", "choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 7}},
    )),
    "responses": ("/v1/responses", False, body(
        model="Q4.gguf", status="incomplete", incomplete_details={"reason": "max_output_tokens"}, output=[],
        usage={"input_tokens": 12, "output_tokens": 7},
    )),
    "ollama": ("/api/chat", True, b"\n".join((
        body(model="Q4.gguf", message={"content": "Turin"}, done=False),
        body(model="Q4.gguf", done=True, done_reason="length", prompt_eval_count=12, eval_count=7), b"",
    ))),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_span_says_which_model_answered_why_it_ended_and_the_tokens_by_its_own_word(shape):
    route, streamed, response = SHAPES[shape]
    (span,) = made(exchange(CHAMPION, route=route, streamed=streamed, response=response))
    reasons = ["length", "stop"] if shape in {"chat", "stream"} else ["length"]
    assert {name: span.attributes[name] for name in USED} == USED
    assert span.attributes["gen_ai.request.model"] == "champion"
    assert span.attributes["gen_ai.response.model"] == "Q4.gguf"
    assert list(span.attributes["gen_ai.response.finish_reasons"]) == reasons
    assert ("gen_ai.response.time_to_first_chunk" in span.attributes) is streamed
    assert "Turin" not in span.to_json()


@pytest.mark.parametrize("response", [b"", b"[7]", b'{"usage": {"prompt_tokens": "Turin"}, "choices": 7}', b"{" * 9999])
def test_tokens_that_nobody_counted_are_not_made_up(response):
    (span,) = made(exchange(CHAMPION, response=response))
    assert not [name for name in span.attributes if name.startswith("gen_ai.usage")]
    assert span.attributes["gen_ai.response.model"] == "champion"
    assert "Turin" not in span.to_json()


def test_numbers_of_the_request_stand_in_it_and_its_words_do_not():
    request = body(
        messages=[],
        temperature=0.5,
        max_tokens=64,
        seed=7,
        n=2,
        stop=["Turin"],
        response_format={"type": "json_object"},
    )
    odd = body(choices=[{"index": 0, "finish_reason": "Turin"}])
    (span,) = made(exchange(CHAMPION, request=request, response=odd))
    found = {name.removeprefix("gen_ai."): value for name, value in span.attributes.items()}
    assert (found["request.temperature"], found["request.max_tokens"], found["request.seed"]) == (0.5, 64, 7)
    assert (found["request.choice.count"], found["output.type"]) == (2, "json")
    assert list(found["response.finish_reasons"]) == ["other"]
    assert "Turin" not in span.to_json()


def test_a_span_is_a_client_s_as_the_conventions_say():
    (span,) = made(exchange(CHAMPION))
    assert span.kind is SpanKind.CLIENT
    assert "gen_ai.request.stream" not in span.attributes


def test_who_refused_is_named_by_their_status():
    (span,) = made(exchange(CHAMPION, ended=Ended.REFUSED, status=429))
    assert (span.status.is_ok, span.attributes["error.type"]) == (False, "429")


def test_what_broke_off_is_an_error():
    (span,) = made(died(CHAMPION))
    assert not span.status.is_ok
    assert span.attributes["error.type"] == "upstream_died"


def test_wanted_words_stand_in_it_without_their_secrets():
    (span,) = made(exchange(CHAMPION, f"Your key is {SECRET}."), clean=CLEAN)
    asked, told = (json.loads(span.attributes[name]) for name in ("gen_ai.input.messages", "gen_ai.output.messages"))
    assert asked == [{"role": "user", "parts": [{"type": "text", "content": "2 + 2?"}]}]
    assert told[0]["parts"][0]["content"].startswith("Your key is")
    assert SECRET not in span.to_json()


@pytest.mark.parametrize(
    ("consent", "far", "there"),
    [("none", False, False), ("keep", False, True), ("train", True, False), ("send", True, True)],
)
def test_words_go_only_as_far_as_their_consent(consent, far, there):
    (span,) = made(exchange(CHAMPION, consent=consent), clean=CLEAN, far=far)
    assert ("gen_ai.output.messages" in span.attributes) is there


def test_a_body_that_can_t_be_read_makes_a_span_without_words():
    (span,) = made(exchange(CHAMPION, request=b"{", response=b"\xff"), clean=CLEAN)
    assert "gen_ai.input.messages" not in span.attributes


def test_nothing_is_made_where_no_collector_is_named():
    assert open_spans(OtelSection(), (), CLEAN) is None


@pytest.mark.parametrize("endpoint", ["collector", "ftp://127.0.0.1/", "http://"])
def test_what_is_no_address_is_refused(endpoint):
    with pytest.raises(ConfigError, match="no address"):
        open_spans(OtelSection(endpoint=endpoint), (), CLEAN)


def test_nothing_leaves_this_machine_unless_the_config_lets_it():
    with pytest.raises(ConfigError, match="beyond this machine") as refused:
        open_spans(OtelSection(endpoint="https://otel.example.org/v1/traces"), ("example.org",), CLEAN)
    assert "[egress]" in refused.value.next_step


def test_without_the_exporter_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(UsageError, match="not installed") as refused:
        open_spans(OtelSection(endpoint="http://127.0.0.1:4318/v1/traces"), (), CLEAN)
    assert "pip install" in refused.value.next_step


def test_the_names_are_those_of_the_conventions():
    ours = {value for name, value in vars(span_names).items() if name.isupper() and str(value).startswith("gen_ai.")}
    assert ours <= {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}


def test_whoever_counts_tells_who_makes_spans():
    told = []
    metrics = Metrics(watch=told.append)
    one = exchange(CHAMPION)
    metrics.ended(one, captured=True)
    metrics.ended(replace(one, shadow=False), captured=None)
    assert len(told) == 2

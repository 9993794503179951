"""What the gateway tells Prometheus: counts by names of ours, readable by a key that may read, and nobody's words."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

sys.path.insert(0, str(Path(__file__).parent))

from aiohttp import ClientSession
from canary_house import died, exchange
from gateway_house import FakeCapture, FakeRouting

from selftune.app.gateway.canary.routing import TrialState
from selftune.app.gateway.capture.make import CaptureState
from selftune.app.gateway.exchange import CANDIDATE, CHAMPION
from selftune.app.gateway.keys import KeyRing, Scope, make_key
from selftune.app.gateway.looking import status_lines
from selftune.app.gateway.measures import measures_of
from selftune.app.gateway.metrics import Metrics, add_metrics, written
from selftune.app.gateway.server import serving
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.loop.fronting import GatewaySection

CAPTURE = CaptureState(kept=9, lost={"disk full": 2}, opted_out=1, waiting=4, up=True, restarts=0)
TRIAL = TrialState(share=0.1, shadow=False, answers={CHAMPION: 5, CANDIDATE: 3}, lines_lost=0)
PROCESS = {
    "process_virtual_memory_bytes", "process_resident_memory_bytes", "process_start_time_seconds",
    "process_cpu_seconds", "process_open_fds", "process_max_fds",
}  # fmt: skip


def samples(metrics) -> dict[str, float]:
    """Every sample as it reads back, by name and the values of its labels."""
    text, _ = written(metrics)
    return {
        "/".join([one.name, *(value for _, value in sorted(one.labels.items()))]): one.value
        for family in text_string_to_metric_families(text.decode())
        for one in family.samples
    }


def test_each_request_is_counted_once_under_what_became_of_it():
    metrics = Metrics()
    metrics.ended(exchange(CHAMPION), captured=True)
    metrics.ended(exchange(CHAMPION, seconds=0.2), captured=False)
    metrics.ended(died(CANDIDATE), captured=None)
    metrics.refused("/v1/chat/completions", 401)
    found = samples(metrics)
    route = "/v1/chat/completions"
    assert found[f"selftune_gateway_requests_total/complete/champion/{route}/200/champion"] == 2
    assert found[f"selftune_gateway_requests_total/upstream died/champion/{route}/502/candidate"] == 1
    assert found[f"selftune_gateway_refused_requests_total/{route}/401"] == 1
    assert [found[f"selftune_gateway_captures_total/{what}"] for what in ("kept", "not kept", "not asked for")] == [
        1
    ] * 3
    assert metrics.told()["captured"] == {"kept": 1, "not kept": 1, "not asked for": 1}


def test_what_was_lost_is_told_with_the_reason():
    metrics = Metrics(lost=lambda: {"disk full": 2, "queue full": 1})
    lines = status_lines({"address": "http://127.0.0.1:1/v1"} | metrics.told())
    assert [line.split(maxsplit=1) for line in lines if "full" in line] == [["lost", "disk full 2, queue full 1"]]


def test_times_add_up_in_their_buckets():
    metrics = Metrics()
    for seconds in (0.001, 0.005, 0.3, 100.0):
        metrics.ended(exchange(CHAMPION, seconds=seconds), captured=True)
    found = samples(metrics)
    name = "selftune_gateway_request_duration_seconds"
    limits = ("0.01", "0.16", "0.32", "81.92", "+Inf")
    assert [found[f"{name}_bucket/{limit}/champion"] for limit in limits] == [2, 2, 3, 3, 4]
    assert found[f"{name}_sum/champion"] == pytest.approx(100.306)
    assert found["selftune_gateway_time_to_first_byte_seconds_bucket/0.1/champion"] == 4


def test_names_units_and_helps_are_as_prometheus_wants_them():
    """One prefix, a unit behind what has one, `_total` behind what grows, a sentence that tells of each."""
    metrics = Metrics(more=lambda: measures_of(CAPTURE, TRIAL))
    metrics.ended(exchange(CHAMPION), captured=True)
    families = list(text_string_to_metric_families(written(metrics)[0].decode()))
    ours = [one for one in families if one.name.startswith("selftune_")]
    for one in ours:
        assert one.documentation.endswith("."), one.name
        assert all(sample.name.endswith("_total") for sample in one.samples) or one.type != "counter", one.name
        assert one.type != "histogram" or one.name.endswith("_seconds"), one.name
    assert {one.name for one in families} - {one.name for one in ours} <= PROCESS
    assert {one.type for one in ours} == {"counter", "gauge", "histogram"}


def test_what_others_tell_is_counted_or_measured_under_its_label():
    found = samples(Metrics(more=lambda: measures_of(CAPTURE, TRIAL)))
    assert found["selftune_gateway_capture_lost_total/disk full"] == 2
    assert (found["selftune_gateway_capture_waiting"], found["selftune_gateway_capture_up"]) == (4, 1)
    assert found["selftune_gateway_canary_answers_total/candidate"] == 3
    assert found["selftune_gateway_canary_share_ratio"] == 0.1
    none = samples(Metrics(more=lambda: measures_of(CAPTURE, None)))
    assert none["selftune_gateway_canary_running"] == 0
    assert "selftune_gateway_canary_share_ratio" not in none


def test_no_word_of_anybody_stands_in_it():
    metrics = Metrics(more=lambda: measures_of(CAPTURE, TRIAL))
    metrics.ended(
        exchange(CHAMPION, "The secret is Turin.", user="ada@example.org", conversation="c-77"), captured=True
    )
    text = written(metrics)[0].decode()
    for word in ("Turin", "example.org", "c-77", "build:", "key-1"):
        assert word not in text


def test_only_a_key_that_may_read_sees_it(tmp_path):
    async def scene():
        metrics = Metrics()
        keys = [make_key(tmp_path, scope.value, scopes=(scope,))[1] for scope in (Scope.CHAT, Scope.READ)]
        async with (
            serving(
                GatewaySection(port=0),
                keys=KeyRing(tmp_path),
                consent=ConsentLevel.TRAIN,
                routing=FakeRouting({}),
                capture=FakeCapture(),
                counts=metrics,
                add=lambda gateway: add_metrics(gateway, metrics),
            ) as port,
            ClientSession() as client,
        ):
            url = f"http://127.0.0.1:{port}/metrics"
            answers = []
            for key in ("", *keys):
                headers = {"Authorization": f"Bearer {key}"} if key else {}
                async with client.get(url, headers=headers) as answer:
                    answers.append(SimpleNamespace(status=answer.status, text=await answer.text()))
        return answers

    nobody, chatting, reading = asyncio.run(scene())
    assert (nobody.status, chatting.status, reading.status) == (401, 403, 200)
    assert "selftune_gateway_captures_total" in reading.text
    assert "selftune_gateway" not in nobody.text + chatting.text

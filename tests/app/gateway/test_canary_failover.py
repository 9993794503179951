"""A candidate that fails before its first byte: the champion answers the same request, and the client sees nothing."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp import ClientSession, web

sys.path.insert(0, str(Path(__file__).parent))

from canary_house import NOTE
from fake_upstream import BUILD, fake_upstream
from gateway_house import FakeCapture, FakeRouting

from selftune.app.gateway.canary.routing import CanaryRouting
from selftune.app.gateway.counting import Counts
from selftune.app.gateway.exchange import CANDIDATE, CHAMPION, Ended, Route
from selftune.app.gateway.keys import KeyRing
from selftune.app.gateway.server import serving
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.loop.canary.guards import Guard
from selftune.loop.canary.journal import replay
from selftune.loop.canary.note import TrialEnd, read_canary, write_canary
from selftune.loop.fronting import GatewaySection

ALL = 0.999999
CROWD = web.AppKey("crowd", object)


async def _sick(request):
    """A fake candidate that fails as the address says."""
    await request.read()
    how = request.match_info["how"]
    if how == "crowd":
        return await _waited(request.app[CROWD])
    if how in {"status", "fault"}:
        status = 503 if how == "status" else 500
        return web.json_response({"error": {"message": "the fake candidate is sick"}}, status=status)
    reply = web.StreamResponse(headers={"Content-Type": how.replace("-", "/", 1)})
    if how.startswith("application"):
        reply.content_length = 1000
    await reply.prepare(request)
    request.transport.abort()
    return reply


async def _waited(crowd):
    """A fake candidate that answers once it is told to, and counts how many wait for it."""
    crowd.waiting += 1
    crowd.came.set()
    await crowd.go_on.wait()
    message = {"role": "assistant", "content": "I am the fake candidate."}
    return web.json_response({"id": "of-the-fake", "choices": [{"index": 0, "message": message}]})


@asynccontextmanager
async def trial(hidden, how, *, shadow=False, crowd=None):
    """A gateway before a fake champion, that tries a fake candidate; yields what asks it, and what it kept."""
    app = web.Application()
    app[CROWD] = crowd
    app.router.add_post("/{how}/v1/chat/completions", _sick)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with fake_upstream() as fake, ClientSession() as client:
        sick = f"http://127.0.0.1:{runner.addresses[0][1]}/{how}/v1"
        address = {"gone": "http://127.0.0.1:9/v1", "well": fake.address}.get(how, sick)
        note = replace(NOTE, address=address, champion_digest=BUILD, share=0.0 if shadow else ALL, shadow=shadow)
        write_canary(note, hidden)
        inner = FakeRouting({CHAMPION: Route(upstream=CHAMPION, address=fake.address)})
        routing, capture = CanaryRouting(inner, hidden, settle=lambda: None), FakeCapture()
        async with serving(
            GatewaySection(port=0),
            keys=KeyRing(hidden),
            consent=ConsentLevel.TRAIN,
            routing=routing,
            capture=capture,
            counts=Counts(),
        ) as port:

            async def ask(**fields):
                body = {"model": CHAMPION, "messages": [{"role": "user", "content": "Hello."}]} | fields
                url = f"http://127.0.0.1:{port}/v1/chat/completions"
                async with client.post(url, json=body) as answer:
                    return answer.status, answer.headers.get("X-Selftune-Upstream"), await answer.text()

            yield ask, inner, capture
        routing.close()
    await runner.cleanup()


@pytest.mark.parametrize(
    ("how", "stream"),
    [
        ("gone", False),
        ("gone", True),
        ("status", False),
        ("status", True),
        ("application-json", False),
        ("text-event-stream", True),
    ],
)
def test_the_champion_answers_the_same_request(tmp_path, how, stream):
    async def scene():
        async with trial(tmp_path, how) as (ask, inner, capture):
            status, upstream, text = await ask(stream=stream)
        assert (status, upstream) == (200, CHAMPION)
        assert "upstream." in text
        assert not stream or text.rstrip().endswith("[DONE]")
        assert [(one.upstream, one.ended) for one in inner.seen] == [
            (CANDIDATE, Ended.UPSTREAM_DIED),
            (CHAMPION, Ended.COMPLETE),
        ]
        assert [one.upstream for one in capture.kept] == [CHAMPION]

    asyncio.run(scene())


@pytest.mark.parametrize("how", ["gone", "status", "fault"])
def test_three_such_requests_end_the_trial_and_the_fourth_is_the_champion_s_alone(tmp_path, how):
    async def scene():
        async with trial(tmp_path, how) as (ask, inner, _):
            for _ in range(4):
                assert (await ask())[:2] == (200, CHAMPION)
        asked = [one.upstream for one in inner.seen]
        assert asked.count(CANDIDATE) == 3
        assert asked[-1] == CHAMPION
        assert read_canary(tmp_path).end is TrialEnd.RETURNED

    asyncio.run(scene())


def test_a_candidate_that_is_well_answers_and_is_kept_as_what_it_is(tmp_path):
    async def scene():
        async with trial(tmp_path, "well") as (ask, _, capture):
            assert (await ask())[:2] == (200, CANDIDATE)
        assert [one.upstream for one in capture.kept] == [CANDIDATE]
        assert replay(NOTE, tmp_path)[0].answers == {False: 0, True: 1}

    asyncio.run(scene())


def test_an_answer_in_the_shadow_is_compared_and_never_kept(tmp_path):
    async def scene():
        async with trial(tmp_path, "well", shadow=True) as (ask, _, capture):
            assert (await ask())[:2] == (200, CHAMPION)
        # Leaving the gateway waits for what is under way beside the answers.
        assert [(one.upstream, one.shadow) for one in capture.kept] == [(CHAMPION, False)]
        guards, compared = replay(NOTE, tmp_path)
        assert guards.answers == {False: 1, True: 1}
        assert [one.identical for one in compared] == [True]

    asyncio.run(scene())


def test_what_the_champion_finds_no_request_in_is_not_asked_in_the_shadow(tmp_path):
    async def scene():
        async with trial(tmp_path, "well", shadow=True) as (ask, inner, _):
            assert (await ask(messages=[{"role": "user", "content": "refuse"}]))[0] == 400
        assert [one.shadow for one in inner.seen] == [False]

    asyncio.run(scene())


def test_a_burst_asks_the_shadow_four_times_at_once_and_each_answer_stands_beside_its_own(tmp_path):
    async def scene():
        crowd = SimpleNamespace(waiting=0, came=asyncio.Event(), go_on=asyncio.Event())
        async with trial(tmp_path, "crowd", shadow=True, crowd=crowd) as (ask, inner, _):
            answered = await asyncio.gather(*(ask() for _ in range(12)))
            await crowd.came.wait()
            crowd.go_on.set()
        assert [upstream for _, upstream, _ in answered] == [CHAMPION] * 12
        asked = [one.completion_id for one in inner.seen if one.shadow]
        given = [one.completion_id for one in inner.seen if not one.shadow]
        assert len(asked) == len(set(asked)) == crowd.waiting == 4
        assert set(asked) < set(given)
        guards, compared = replay(read_canary(tmp_path), tmp_path)
        assert guards.answers == {False: 12, True: 4}
        assert guards.seen(Guard.ERRORS).n == len(compared) == 4

    asyncio.run(scene())

"""The real keeper as a gateway's champion, over a fake model server."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from aiohttp import ClientSession

from selftune.app.gateway.counting import Counts
from selftune.app.gateway.keys import KeyRing
from selftune.app.gateway.server import serving
from selftune.app.gateway.upstreams import Upstreams
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.loop.fronting import GatewaySection
from selftune.release.stage import put_into_service


class FakeCapture:
    """Keeps what it is given in memory."""

    def __init__(self) -> None:
        self.kept = []

    async def keep(self, exchange):
        self.kept.append(exchange)
        return True

    async def close(self):
        pass


def test_the_champion_answers_through_a_release_a_stop_and_a_start(house):
    first = put_into_service(house.base(), house.target, house.context(), live=house.live)
    capture, seen = FakeCapture(), []

    async def run():
        async with ClientSession() as client:

            async def ask(words="Who are you?"):
                body = {"model": "champion", "messages": [{"role": "user", "content": words}]}
                async with client.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body) as told:
                    answer = await told.json()
                    said = answer["choices"][0]["message"]["content"] if told.status == 200 else answer["error"]
                    seen.append((told.status, said, told.headers.get("X-Selftune-Build")))

            settings = replace(GatewaySection(), port=0)
            async with serving(
                settings,
                keys=KeyRing(house.target.hidden),
                consent=ConsentLevel.TRAIN,
                routing=Upstreams(house.folder, (), ()),
                capture=capture,
                counts=Counts(),
            ) as port:
                await ask()
                promotion = house.promotion("better", first)
                second = await asyncio.to_thread(
                    put_into_service, promotion, house.target, house.context(), live=house.live
                )
                await ask()
                await asyncio.to_thread(house.live.stop)
                await ask()
                await asyncio.to_thread(house.live.start)
                await ask()
                return second

    second = asyncio.run(run())
    (before, after, stopped, again) = seen
    assert before == (200, "I am base.", first.build_digest)
    assert after == again == (200, "I am better.", second.build_digest)
    assert stopped[0] == 503
    assert "selftune start" in stopped[1]["message"]
    assert [exchange.build_digest for exchange in capture.kept] == [before[2], after[2], again[2]]

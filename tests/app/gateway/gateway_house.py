"""A gateway in process before a fake upstream, with a fake capture that remembers what it was given."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from aiohttp import ClientSession
from fake_upstream import fake_upstream

from selftune.app.gateway.counting import Counts
from selftune.app.gateway.exchange import CHAMPION, Route
from selftune.app.gateway.keys import KeyRing
from selftune.app.gateway.server import serving
from selftune.errors import UnknownNameError
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.loop.fronting import GatewaySection

PATIENCE = 60
"""Seconds that a test waits for what must come: a busy machine is no failure."""


async def until(is_so):
    """Return as soon as this is so."""
    async with asyncio.timeout(PATIENCE):
        while not is_so():  # noqa: ASYNC110 - nobody tells when it is
            await asyncio.sleep(0.01)


class FakeCapture:
    """Keeps exchanges in memory; `answers` says what it says, `wait` what it waits for."""

    def __init__(self) -> None:
        self.kept = []
        self.answers = True
        self.wait = None
        self.came = asyncio.Event()

    async def keep(self, exchange):
        if self.wait is not None:
            await self.wait.wait()
        if isinstance(self.answers, Exception):
            raise self.answers
        self.kept.append(exchange)
        self.came.set()
        return self.answers

    async def close(self):
        pass

    async def next(self):
        """The next one, as soon as it is there."""
        async with asyncio.timeout(PATIENCE):
            await self.came.wait()
        self.came.clear()
        return self.kept[-1]


class FakeRouting:
    """The names that a test gives routes."""

    def __init__(self, routes) -> None:
        self.routes = routes
        self.seen = []
        self.sticky = []

    def aliases(self):
        return tuple(self.routes)

    def pick(self, alias, sticky):
        self.sticky.append(sticky)
        route = self.routes.get(alias)
        if route is None:
            raise UnknownNameError("model", alias, self.routes)
        if isinstance(route, list):  # one after the other; the last one stays
            route = route.pop(0) if len(route) > 1 else route[0]
        if isinstance(route, Exception):
            raise route
        return route

    def observe(self, exchange):
        self.seen.append(exchange)


@dataclass(kw_only=True)
class House:
    """All that a test asks of."""

    url: str
    port: int
    fake: object
    capture: FakeCapture
    routing: FakeRouting
    counts: Counts
    client: ClientSession
    hidden: object
    extra: dict = field(default_factory=dict)

    async def chat(self, words="Hello.", *, headers=None, path="/v1/chat/completions", **fields):
        body = {"model": CHAMPION, "messages": [{"role": "user", "content": words}]} | fields
        return await self.client.post(f"{self.url}{path}", json=body, headers=headers)


@asynccontextmanager
async def gateway(hidden, *, settings=None, consent=ConsentLevel.TRAIN, routes=None):
    """A gateway whose champion is a fake upstream."""
    settings = replace(settings or GatewaySection(), port=0)
    async with fake_upstream() as fake, ClientSession() as client:
        champion = Route(upstream=CHAMPION, address=fake.address)
        routing = FakeRouting({CHAMPION: champion} | (routes(fake) if routes else {}))
        capture, counts = FakeCapture(), Counts()
        async with serving(
            settings, keys=KeyRing(hidden), consent=consent, routing=routing, capture=capture, counts=counts
        ) as port:
            yield House(
                url=f"http://127.0.0.1:{port}",
                port=port,
                fake=fake,
                capture=capture,
                routing=routing,
                counts=counts,
                client=client,
                hidden=hidden,
            )

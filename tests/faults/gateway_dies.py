"""A gateway before a fake upstream, in a process of its own that a failpoint may kill: it says its port, and serves.

python gateway_dies.py PROJECT_FOLDER
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / "app" / "gateway")]

from fake_upstream import fake_upstream
from gateway_house import FakeRouting

from selftune.app.gateway.capture.make import SpoolCapture
from selftune.app.gateway.counting import Counts
from selftune.app.gateway.exchange import CHAMPION, Route
from selftune.app.gateway.keys import KeyRing
from selftune.app.gateway.server import serving
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.loop.fronting import GatewaySection


async def main(folder: Path) -> None:
    capture = SpoolCapture(folder)
    async with fake_upstream() as fake:
        routing = FakeRouting({CHAMPION: Route(upstream=CHAMPION, address=fake.address)})
        settings = GatewaySection(port=0, capture_wait_ms=60_000)
        keys = KeyRing(folder / ".selftune")
        async with serving(
            settings, keys=keys, consent=ConsentLevel.TRAIN, routing=routing, capture=capture, counts=Counts()
        ) as port:
            print(port, flush=True)  # noqa: T201 - who started it reads it
            await asyncio.to_thread(sys.stdin.read)
    await capture.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

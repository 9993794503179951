"""The program that is the gateway.

    python -P -m selftune.app.gateway.serve PROJECT_FOLDER [--port N]

It prints one line of JSON when it is up, or why it is not, and then talks to standard error only.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from selftune.app.gateway.canary.make import open_routing
from selftune.app.gateway.canary.thumbs import ThumbsHeard
from selftune.app.gateway.capture.feedback import add_feedback
from selftune.app.gateway.capture.make import open_capture
from selftune.app.gateway.keys import FOLDER, KeyRing, Scope, passing_key
from selftune.app.gateway.looking import NOTE
from selftune.app.gateway.measures import measures_of
from selftune.app.gateway.metrics import Metrics, add_metrics
from selftune.app.gateway.server import HOST, serving
from selftune.app.gateway.spans import open_spans
from selftune.app.gateway.upstreams import Upstreams
from selftune.app.process_tree import hear_signals
from selftune.errors import SelftuneError
from selftune.interactions.privacy.redaction import Redactor
from selftune.loop.config import load_config
from selftune.release.publish import publish_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.app.gateway.canary.routing import CanaryRouting
    from selftune.app.gateway.capture.make import SpoolCapture
    from selftune.app.gateway.server import Gateway
    from selftune.loop.config import ProjectConfig


def main(arguments: Sequence[str]) -> int:
    """Serve until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="selftune.app.gateway.serve")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=None)
    asked = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        config = load_config(asked.folder)
        asyncio.run(_serve(asked.folder.resolve(), config, asked.port))
    except SelftuneError as error:
        _say({"error": type(error).__name__, "message": error.message, "next_step": error.next_step})
        return error.exit_code
    return 0


async def _serve(folder: Path, config: ProjectConfig, port: int | None) -> None:
    settings = config.gateway if port is None else replace(config.gateway, port=port)
    routing = routing_of(folder, config)
    own, token = passing_key("the commands of this machine", (Scope.READ,))
    keys, capture = KeyRing(folder / ".selftune", own=(own,)), open_capture(folder, settings)
    secrets = _secrets(config)
    spans = open_spans(config.otel, config.egress.allow, lambda text: Redactor(secrets).redact(text))
    watch = None if spans is None else spans.ended
    counts = Metrics(
        more=lambda: measures_of(capture.state(), routing.state()), lost=lambda: capture.state().lost, watch=watch
    )
    stop = asyncio.Event()
    hear_signals(stop.set)
    try:
        async with serving(
            settings,
            keys=keys,
            consent=config.capture.consent,
            routing=routing,
            capture=capture,
            counts=counts,
            add=lambda gateway: _add_routes(gateway, capture, routing, counts),
        ) as chosen:
            capture.start()
            note = folder / ".selftune" / FOLDER / NOTE
            note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            publish_bytes(note, json.dumps({"port": chosen, "pid": os.getpid(), "token": token}).encode(), mode=0o600)
            # What is loaded by now stays: looking through it for what is not used any more would hold all answers up.
            gc.collect()
            gc.freeze()
            _say({"up": f"http://{HOST}:{chosen}", "port": chosen})
            await stop.wait()
    finally:
        routing.close()
        await capture.close()
        if spans is not None:
            await asyncio.to_thread(spans.close)


def routing_of(folder: Path, config: ProjectConfig) -> CanaryRouting:
    """Which model a name means in a project; `ConfigError` as for `routes_of`."""
    upstreams = Upstreams(folder, config.gateway.upstreams, config.egress.allow, _secrets(config))
    return open_routing(upstreams, folder)


def _secrets(config: ProjectConfig) -> tuple[str, ...]:
    """Kinds of what leaves this machine from no door: what is replaced in the log, and what is held back from it."""
    return (*config.capture.redact, *config.capture.quarantine)


def _add_routes(gateway: Gateway, capture: SpoolCapture, routing: CanaryRouting, counts: Metrics) -> None:
    add_feedback(gateway, ThumbsHeard(capture, routing))
    add_metrics(gateway, counts)


def _say(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

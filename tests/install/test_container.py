"""The Containerfile is read as a builder reads it, and its health check is run; nothing is built here."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from selftune.loop.fronting import GatewaySection

ROOT = Path(__file__).resolve().parents[2]


def read_containerfile() -> list[tuple[str, str]]:
    """Each instruction with what it is told, lines that go on joined."""
    lines = [line for line in (ROOT / "Containerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [(word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in whole if line)]


def last(instruction: str) -> str:
    return [told for word, told in read_containerfile() if word == instruction][-1]


def test_it_runs_as_nobody_in_particular_from_images_of_a_python_that_was_tried():
    known = {
        "FROM",
        "WORKDIR",
        "COPY",
        "RUN",
        "ENV",
        "USER",
        "VOLUME",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    }
    assert {word for word, _ in read_containerfile()} <= known
    assert int(last("USER")) > 0
    images = [told.split()[0] for word, told in read_containerfile() if word == "FROM"]
    assert set(images) == {"docker.io/library/python:3.11-slim"}
    stages = {told.split()[-1] for word, told in read_containerfile() if word == "FROM" and " AS " in told}
    assert {
        told.split()[0].removeprefix("--from=") for word, told in read_containerfile() if "--from" in told
    } == stages
    assert (json.loads(last("ENTRYPOINT")), json.loads(last("CMD"))) == (["selftune"], ["up"])
    for path in ("constraints.txt", "pyproject.toml"):
        assert (ROOT / path).exists()
    assert ".venv" in (ROOT / ".containerignore").read_text().split()


@contextmanager
def answering(status: int):
    """A fake gateway."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_its_health_check_asks_the_gateway(status, healthy):
    command = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    assert command[:2] == ["python", "-c"]
    assert f"127.0.0.1:{GatewaySection().port}/health" in command[2]
    with answering(status) as port:
        code = command[2].replace(str(GatewaySection().port), str(port))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode == 0) is healthy

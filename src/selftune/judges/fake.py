"""A judge's endpoint that is no judge: for tests, and labelled FAKE in everything it says."""

from __future__ import annotations

import json
import sys
import threading
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAKE_MODEL: Final = "fake-judge"
FAKE_USAGE: Final = {"prompt_tokens": 100, "completion_tokens": 10}

Reply = tuple[int, str, str]


class _QuietServer(ThreadingHTTPServer):
    """Says nothing when a client that lost its patience is gone."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class FakeJudgeServer:
    """Listens on loopback as an OpenAI-compatible server and answers as `behave` says, request by request.

    `behave` gets the number of the request, from 0, and the request's body; it returns status, reply text and finish
    reason. `asked` and `headers` keep what came in. A status of 0 means: never answer. Each answer reports `model` and
    `usage`, each other one `retry_after`, where these are given.
    """

    def __init__(
        self,
        behave: Callable[[int, dict[str, Any]], Reply],
        *,
        model: str = FAKE_MODEL,
        usage: dict[str, Any] | None = FAKE_USAGE,
        retry_after: str | None = None,
    ) -> None:
        self._behave = behave
        self._reported = {"model": model} | ({} if usage is None else {"usage": usage})
        self._retry_after = retry_after
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._server = _QuietServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Base URL, as it stands in a config."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @contextmanager
    def running(self) -> Iterator[FakeJudgeServer]:
        """The server while it listens."""
        self._thread.start()
        try:
            yield self
        finally:
            self._closing.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def _answer(self, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        with self._lock:
            number = len(self.asked)
            self.asked.append(body)
            self.headers.append(headers)
        status, text, finish = self._behave(number, body)
        if status == 0:
            self._closing.wait()
        return status, text, finish

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer, reported, retry_after = self._answer, self._reported, self._retry_after

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body are two writes: the second would wait for word of the first.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                status, text, finish = answer(json.loads(self.rfile.read(length)), dict(self.headers))
                if status == 0:
                    self.close_connection = True
                    return
                data = json.dumps(reported | _completion(text, finish)).encode()
                self.send_response(status)
                if retry_after is not None and status != HTTPStatus.OK:
                    self.send_header("Retry-After", retry_after)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
                pass

        return Handler


def _completion(text: str, finish: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}]}


def fake_verdict(scores: dict[str, float | None], *, critical_failures: tuple[str, ...] = ()) -> str:
    """A well-formed verdict whose reasoning says that it is fake."""
    entries = {name: {"reasoning": "FAKE: no judge read this.", "score": score} for name, score in scores.items()}
    return json.dumps({**entries, "critical_failures": list(critical_failures)})

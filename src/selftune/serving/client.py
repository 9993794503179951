"""A thin OpenAI-compatible client over loopback, one kept connection per slot, never through a proxy."""

from __future__ import annotations

import json
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from threading import local
from typing import TYPE_CHECKING, Any, Final

from selftune.context import Answer, ChatRequest
from selftune.errors import RequestRefusedError, ServingError
from selftune.serving.lanes import Lanes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.records import GenerationParameters

_OK: Final = 200
# Faults of the request, not of the server; 429 asks for patience.
_REFUSALS: Final = frozenset(range(400, 500)) - {429}
# Requests handed out ahead of the answer that is read next, per slot: enough to keep every slot busy, though one of
# them may have taken some more than the others.
_AHEAD: Final = 8


# What llama.cpp would add by itself is switched off, and the order of filters is transformers'. Whoever asks alone gets
# an answer that depends on nothing that was asked before.
AS_EVALUATED: Final[dict[str, Any]] = {
    "min_p": 0.0,
    "samplers": ["temperature", "top_k", "top_p"],
    "cache_prompt": False,
    "reasoning_format": "none",
}


class LoopbackClient:
    """Asks one server on 127.0.0.1.

    Args:
        port: Where it listens.
        slots: How many requests it takes at once.
        extra: Fields added to every generation request: the adapter, for a llama.cpp server that has one.
        beside: Clients of servers with the same model, which share the slots when many are asked.
        timeout_seconds: How long one answer may take.
    """

    def __init__(
        self,
        port: int,
        *,
        slots: int = 1,
        extra: dict[str, Any] | None = None,
        timeout_seconds: float = 600.0,
        beside: Sequence[LoopbackClient] = (),
    ) -> None:
        self.port = port
        self._slots = slots
        self.extra = extra or {}
        self._timeout_seconds = timeout_seconds
        self._of_thread = local()
        self._sharing = (self, *beside)
        # For as long as the server: a slot goes on holding what it was asked last.
        self._lanes = Lanes(slots)

    def chat(self, request: ChatRequest, parameters: GenerationParameters) -> Answer:
        """One answer, read and drawn without anything that was asked before.

        Raises:
            ServingError: the server is gone, or refused (the message quotes it).
        """
        if request.left_open:
            return self._go_on(request, parameters)
        return self._ask(self._chat_body(request, parameters))

    def chat_in(self, slot: int, request: ChatRequest, parameters: GenerationParameters) -> Answer:
        """One answer in this slot, which may read on from what it was asked last; `ServingError` as for `chat`."""
        if request.left_open:
            return self._go_on(request, parameters)
        return self._ask(self._chat_body(request, parameters) | {"id_slot": slot, "cache_prompt": True})

    def chat_many(self, requests: Iterable[ChatRequest], parameters: GenerationParameters) -> Iterator[Answer]:
        """Answers in the order of the requests, as many asked at a time as there are slots.

        Requests that begin alike are read once: see `lanes`.

        Raises:
            ServingError: as for `chat`; requests that were not yet asked are dropped.
        """
        waiting: deque[Future[Answer]] = deque()
        with ExitStack() as stack:
            pools = [stack.enter_context(ThreadPoolExecutor(1, f"ask-{lane}")) for lane in range(self._slots)]
            try:
                for request in requests:
                    lane = self._lanes.choose(request)
                    slot, server = divmod(lane, len(self._sharing))
                    asked = self._sharing[server].chat_in
                    waiting.append(pools[lane].submit(asked, slot, request, parameters))
                    if len(waiting) >= self._slots * _AHEAD:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _ask(self, body: dict[str, Any]) -> Answer:
        answered = self.post("/v1/chat/completions", body)
        choice, usage = answered["choices"][0], answered["usage"]
        return Answer(
            text=choice["message"].get("content") or "",
            finish_reason=choice["finish_reason"],
            prompt_tokens=usage["prompt_tokens"],
            completion_tokens=usage["completion_tokens"],
        )

    def _go_on(self, request: ChatRequest, parameters: GenerationParameters) -> Answer:
        """What the model says after the last turn's words, where the template would end the turn."""
        body = self._chat_body(request, parameters)
        said = request.messages[-1].content.strip()
        rendered: str = self.post("/apply-template", {"messages": body.pop("messages")})["prompt"]
        before, found, _ = rendered.rpartition(said)
        if not found:
            raise RequestRefusedError(
                "the template changes the words of the last turn, so that it can't be left open.",
                next_step="Ask it in chat: a suites/leakage.yaml of the project's own is asked so.",
            )
        length = {"n_predict": body.pop("max_tokens")}
        answered = self.post("/completion", body | length | {"prompt": f"{before}{said}"})
        return Answer(
            text=answered["content"],
            finish_reason="length" if answered["stop_type"] == "limit" else "stop",
            prompt_tokens=answered["tokens_evaluated"],
            completion_tokens=answered["tokens_predicted"],
        )

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON answer to a JSON request."""
        return self._exchange("POST", path, json.dumps(body).encode())

    def get(self, path: str) -> Any:
        """The JSON behind a path."""
        return self._exchange("GET", path, None)

    def complete(self, tokens: list[int], **fields: Any) -> Any:
        """llama.cpp's own `/completion` on token ids, with the same adapter as every answer, drawn greedily."""
        plain = {"prompt": tokens, "temperature": 0.0, "cache_prompt": False, "return_tokens": True}
        return self.post("/completion", plain | self.extra | fields)

    def _chat_body(self, request: ChatRequest, parameters: GenerationParameters) -> dict[str, Any]:
        return {
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "max_tokens": parameters.max_tokens,
            "temperature": parameters.temperature,
            "top_p": parameters.top_p,
            "top_k": parameters.top_k,
            "stop": list(parameters.stop),
            "seed": request.seed,
            **AS_EVALUATED,
            **self.extra,
        }

    def _exchange(self, method: str, path: str, body: bytes | None) -> Any:
        try:
            status, data = self._send(method, path, body)
        except (ConnectionError, HTTPException):
            # The server closes a connection that was quiet for some seconds; the request is safe to repeat, once.
            self._forget()
            try:
                status, data = self._send(method, path, body)
            except (OSError, HTTPException) as error:
                raise self._gone(error) from error
        except OSError as error:
            raise self._gone(error) from error
        return _parse(status, data, path)

    def _send(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        connection: HTTPConnection | None = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=self._timeout_seconds)
            self._of_thread.connection = connection
        connection.request(method, path, body, {"Content-Type": "application/json"} if body is not None else {})
        response = connection.getresponse()
        return response.status, response.read()

    def _forget(self) -> None:
        connection: HTTPConnection | None = getattr(self._of_thread, "connection", None)
        if connection is not None:
            connection.close()
            self._of_thread.connection = None

    def _gone(self, error: Exception) -> ServingError:
        self._forget()
        return ServingError(
            f"the server on port {self.port} does not answer ({type(error).__name__}: {error}).",
            next_step="Look at its log, then start it again.",
        )


def _parse(status: int, data: bytes, path: str) -> Any:
    try:
        body = json.loads(data)
    except ValueError as error:
        raise ServingError(f"{path}: the server sent no JSON.", next_step="Look at its log.") from error
    if status == _OK:
        return body
    said = body.get("error", {}) if isinstance(body, dict) else {}
    reason = said.get("message", said) if isinstance(said, dict) else said
    refused = RequestRefusedError if status in _REFUSALS else ServingError
    raise refused(f"{path}: the server refused ({status}: {reason}).", next_step="Correct the request.")

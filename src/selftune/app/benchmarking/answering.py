"""One answer from one model, with the seconds it took: from an endpoint, or from a build of ours while it is served."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from selftune.bases.thinking import ThinkingMarks
from selftune.errors import RequestRefusedError, ServingError
from selftune.evals.answers import Reply, kept_apart
from selftune.judges.endpoint import CallError, call, connect, tells_of_outage
from selftune.judges.purse import Usage
from selftune.judges.request import read_reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiohttp import ClientSession

    from selftune.context import ChatRequest, Served
    from selftune.judges.endpoint import Endpoint
    from selftune.records import GenerationParameters


_ENDED: Final = frozenset({"stop", "length"})
_WITHHELD: Final = "content_filter"
_WAIT_SECONDS: Final = 1.0
_MOST_WAIT_SECONDS: Final = 60.0
# What servers leave in the text of an answer, whatever the template's marks were.
_MARKS: Final = ThinkingMarks(opens="<think>", closes="</think>")


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a model said to one request.

    Attributes:
        seconds: From the request to the whole answer, the last try alone.
        usage: Tokens as the server counted them; None where it did not.
        model: What the server calls what answered; None where it does not say.
    """

    reply: Reply
    seconds: float
    usage: Usage | None
    model: str | None = None


class UnansweredError(Exception):
    """There is no answer, and the text says why; `away` where nobody was there to give one."""

    def __init__(self, reason: str, *, away: bool) -> None:
        super().__init__(reason)
        self.away = away


@dataclass(frozen=True, kw_only=True)
class Time:
    """Monotonic seconds, and how one waits before a second try."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Answering(Protocol):
    """Answers one request at a time, or several."""

    async def answer(self, request: ChatRequest, parameters: GenerationParameters) -> Said:
        """What is answered.

        Raises:
            UnansweredError: nothing was, twice where another try could help.
        """
        ...


class EndpointAnswers:
    """A model behind an OpenAI-compatible endpoint."""

    def __init__(self, session: ClientSession, endpoint: Endpoint, passing: Time) -> None:
        self._session = session
        self._endpoint = endpoint
        self._time = passing

    async def answer(self, request: ChatRequest, parameters: GenerationParameters) -> Said:
        """What is answered; `UnansweredError` where nothing was."""
        body = _body(self._endpoint.model, request, parameters)
        try:
            return await self._try(body)
        except CallError as error:
            if not error.transient:
                raise _unanswered(error) from error
            wait = _WAIT_SECONDS if error.wait_seconds is None else error.wait_seconds
        await self._time.sleep(min(wait, _MOST_WAIT_SECONDS))
        try:
            return await self._try(body)
        except CallError as error:
            raise _unanswered(error) from error

    async def _try(self, body: bytes) -> Said:
        began = self._time.clock()
        found = read_reply(await call(self._session, self._endpoint, body))
        seconds = self._time.clock() - began
        if found.finish_reason == _WITHHELD or (found.text is None and found.finish_reason not in _ENDED):
            raise UnansweredError(f"an answer without a text ({found.finish_reason})", away=False)
        reply = Reply(text=found.text or "", cut=found.finish_reason == "length")
        thought = _MARKS.closes in reply.text or reply.text.lstrip().startswith(_MARKS.opens)
        return Said(
            reply=kept_apart(reply, _MARKS if thought else None),
            seconds=seconds,
            usage=found.usage,
            model=found.model,
        )


class BuildAnswers:
    """A build of ours as it is served; `marks` are those of a base that thinks."""

    def __init__(self, served: Served, marks: ThinkingMarks | None, passing: Time) -> None:
        self._served = served
        self._marks = marks
        self._time = passing

    async def answer(self, request: ChatRequest, parameters: GenerationParameters) -> Said:
        """What is answered; `UnansweredError` where nothing was."""
        try:
            return await asyncio.to_thread(self._try, request, parameters)
        except RequestRefusedError as error:
            raise UnansweredError(f"the server refused the request: {error.message}", away=False) from error
        except ServingError as error:
            raise UnansweredError(error.message, away=True) from error

    def _try(self, request: ChatRequest, parameters: GenerationParameters) -> Said:
        began = self._time.clock()
        found = self._served.chat(request, parameters)
        seconds = self._time.clock() - began
        reply = Reply(text=found.text, cut=found.finish_reason == "length")
        usage = Usage(prompt=found.prompt_tokens, completion=found.completion_tokens)
        return Said(reply=kept_apart(reply, self._marks), seconds=seconds, usage=usage)


@asynccontextmanager
async def reach(
    endpoint: Endpoint, passing: Time, *, at_once: int, timeout_seconds: float
) -> AsyncIterator[EndpointAnswers]:
    """The model at an endpoint, over one pool of connections."""
    async with connect(endpoint, at_once=at_once, timeout_seconds=timeout_seconds) as session:
        yield EndpointAnswers(session, endpoint, passing)


def _unanswered(error: CallError) -> UnansweredError:
    return UnansweredError(str(error), away=tells_of_outage(str(error)))


def _body(model: str, request: ChatRequest, parameters: GenerationParameters) -> bytes:
    """The request as every OpenAI-compatible server takes it; what is not asked for is left out, for some refuse it."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "max_tokens": parameters.max_tokens,
        "temperature": parameters.temperature,
        "top_p": parameters.top_p,
        "seed": request.seed,
    }
    if parameters.top_k:
        body["top_k"] = parameters.top_k
    if parameters.stop:
        body["stop"] = list(parameters.stop)
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")

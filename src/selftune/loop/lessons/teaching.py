"""A teacher behind an OpenAI-compatible endpoint: reached by the same door as a judge, and never paid twice.

An answer is redacted and kept in the step's scratch before anything else is done with it; after a crash it is found
there again, and what was spent still counts.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from selftune.context import Answer
from selftune.errors import BudgetError, RequestRefusedError, ServingError
from selftune.failpoints import reach
from selftune.interactions.config import Capture
from selftune.interactions.privacy.redaction import Redactor
from selftune.judges.config import Judging
from selftune.judges.endpoint import CallError, appoint_endpoint, call, connect, objection_to_sending
from selftune.judges.purse import FREE, NOTHING, Prices, Purse, Usage
from selftune.judges.request import read_reply
from selftune.judges.throttle import Throttle
from selftune.loop.incoming.privacy import TodaysRules
from selftune.records import digest_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from aiohttp import ClientSession

    from selftune.context import ChatRequest, Work
    from selftune.judges.endpoint import Endpoint
    from selftune.judges.request import Reply
    from selftune.records import GenerationParameters, Interaction

_SECTION: Final = "teacher"
_SPENT: Final = "teacher-spent"
_LONGEST_WAIT_SECONDS: Final = 300.0
# Faults of what was asked: too long, or against the rules of the house. A wrong key is no such fault.
_REFUSALS: Final = frozenset({400, 413, 422})


@dataclass(frozen=True, kw_only=True)
class Teaching:
    """Who teaches, where, and what it may cost.

    Attributes:
        endpoint: Base URL, such as `http://127.0.0.1:11434/v1`.
        egress: Hosts beyond this machine that may be sent words whose consent includes `send`.
        rules: What is redacted before an answer is kept, and before words are sent to such a host.
        most: Answers that are corrected at most at a time.
        budget_usd: What one step may spend at most; None for no limit.
    """

    endpoint: str
    model: str
    api_key_env: str | None = None
    egress: tuple[str, ...] = ()
    rules: Capture = field(default_factory=Capture)
    at_once: int = 8
    timeout_seconds: float = 120.0
    max_attempts: int = 3
    retry_wait_seconds: float = 1.0
    max_tokens: int = 1024
    most: int = 100
    prices: Prices = FREE
    budget_usd: float | None = None

    @property
    def identity(self) -> str:
        """Names a step by what can change an answer: with more money or at another port it is the same teacher's."""
        return digest_of(["teaching", self.model, self.max_tokens, self.rules])


def reach_teacher(teaching: Teaching) -> Endpoint:
    """The endpoint of a teacher.

    Raises:
        ConfigError: endpoint, model or key is missing, the host is beyond this machine and not in [egress], or a
            number makes no sense.
    """
    asked_like_a_judge = Judging(
        name=teaching.model,
        endpoint=teaching.endpoint,
        model=teaching.model,
        api_key_env=teaching.api_key_env,
        egress=teaching.egress,
        at_once=teaching.at_once,
        timeout_seconds=teaching.timeout_seconds,
        prices=teaching.prices,
        budget_usd=teaching.budget_usd,
    )
    return appoint_endpoint(asked_like_a_judge, _SECTION)


@dataclass(frozen=True, kw_only=True)
class _Call:
    """One question: its body, the most it can cost, and where its answer is kept."""

    key: str
    body: bytes
    most_usd: float


class EndpointTeacher:
    """Asks the endpoint, `at_once` questions at a time; the answers come in the order of the questions."""

    def __init__(self, teaching: Teaching, work: Work | None = None) -> None:
        self._teaching = teaching
        self._endpoint = reach_teacher(teaching)
        self._outlet = TodaysRules(teaching.rules)
        self._work = work
        spent = float(work.get(_SPENT) or 0) if work else 0.0
        self._purse = Purse(teaching.budget_usd, spent)

    @property
    def name(self) -> str:
        """The model's name: who the answers are by."""
        return self._teaching.model

    @property
    def local(self) -> bool:
        """Whether nothing leaves this machine."""
        return self._endpoint.local

    def objection(self, interaction: Interaction) -> str | None:
        """Why these words may not be sent to this teacher; None when they may."""
        return objection_to_sending(interaction, self._endpoint, self._outlet)

    def chat_many(self, requests: Iterable[ChatRequest], parameters: GenerationParameters) -> Iterator[Answer]:
        """Answers in the order of the requests.

        Raises:
            BudgetError: what is left does not pay for one more.
            RequestRefusedError: the endpoint will not answer one of them.
            ServingError: it can't be reached, or fails again and again.
        """
        for answer in self.answers(requests, parameters):
            if isinstance(answer, RequestRefusedError):
                raise answer
            yield answer

    def answers(
        self, requests: Iterable[ChatRequest], parameters: GenerationParameters
    ) -> Generator[Answer | RequestRefusedError, None, None]:
        """The same, a request that the endpoint refuses being answered by its error."""
        calls = (self._call(request, parameters) for request in requests)
        waiting: deque[asyncio.Task[Answer | RequestRefusedError]] = deque()
        with asyncio.Runner() as runner:
            loop, line = runner.get_loop(), _Line(self._teaching, self._endpoint)
            runner.run(line.connect())
            try:
                upcoming = next(calls, None)
                while upcoming or waiting:
                    while upcoming and len(waiting) < self._teaching.at_once and self._admit(upcoming):
                        waiting.append(loop.create_task(self._answer(upcoming, line)))
                        upcoming = next(calls, None)
                    if not waiting:
                        raise self._broke()
                    yield loop.run_until_complete(waiting.popleft())
            finally:
                for task in waiting:
                    task.cancel()
                runner.run(line.close(waiting))

    def _call(self, request: ChatRequest, parameters: GenerationParameters) -> _Call:
        body: dict[str, Any] = {
            "model": self._teaching.model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "max_tokens": parameters.max_tokens,
            "temperature": parameters.temperature,
            "top_p": parameters.top_p,
            "seed": request.seed,
        }
        if parameters.stop:
            body["stop"] = list(parameters.stop)
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        most = self._teaching.prices.at_most(prompt_bytes=len(data), max_tokens=parameters.max_tokens)
        return _Call(key=f"taught:{digest_of(body)}", body=data, most_usd=most)

    def _admit(self, asked: _Call) -> bool:
        """Put the money for a call aside; one that was answered before costs nothing."""
        if self._kept(asked) is not None:
            return True
        if not self._purse.reserve(asked.most_usd):
            return False
        self._note_spending()
        return True

    def _broke(self) -> BudgetError:
        # Told to a person, who may now decide to spend as much again.
        if self._work:
            self._work.put(_SPENT, b"0")
        return BudgetError(
            f"the teacher's budget of ${self._teaching.budget_usd or 0:.2f} is used up: "
            f"${self._purse.spent_usd:.4f} is spent, and one more answer may cost more than is left.",
            next_step="Raise budget_usd under [teacher] in selftune.toml; every answer so far is kept.",
        )

    def _kept(self, asked: _Call) -> Answer | None:
        data = self._work.get(asked.key) if self._work else None
        return None if data is None else Answer(**json.loads(data))

    async def _answer(self, asked: _Call, line: _Line) -> Answer | RequestRefusedError:
        known = self._kept(asked)
        if known is not None:
            return known
        try:
            reply = await self._ask(asked, line)
        except CallError as error:
            if error.status in _REFUSALS:
                return RequestRefusedError(f"the teacher refused: {error}.", next_step="Look at the request.")
            raise ServingError(
                f"teacher {self.name!r} gave no answer: {error}.",
                next_step="See that it is up, then run the same command again: every answer so far is kept.",
            ) from error
        reach("teacher-answered")
        answer = self._redacted(reply)
        if self._work:
            self._work.put(asked.key, json.dumps(asdict(answer)).encode())
        reach("teacher-kept")
        return answer

    async def _ask(self, asked: _Call, line: _Line) -> Reply:
        """One reply, after `max_attempts` tries at most; the money for the first is put aside.

        Raises:
            CallError: there was none.
        """
        for attempt in range(1, self._teaching.max_attempts + 1):
            try:
                reply = read_reply(await line.call(asked.body))
            except CallError as error:
                self._settle(asked, None if error.billed is None else NOTHING)
                waits = error.wait_seconds or self._teaching.retry_wait_seconds * 2 ** (attempt - 1)
                last = attempt == self._teaching.max_attempts or not error.transient
                if last or waits > _LONGEST_WAIT_SECONDS or not self._purse.reserve(asked.most_usd):
                    raise
                await asyncio.sleep(waits)
            else:
                self._settle(asked, reply.usage)
                if reply.text is not None:
                    return reply
                raise CallError("an answer without text", transient=False)
        raise AssertionError("the last try returns or raises")

    def _settle(self, asked: _Call, usage: Usage | None) -> None:
        """Pay what the server counted, or the most it can have cost where nobody counted."""
        cost = asked.most_usd if usage is None else self._teaching.prices.cost(usage)
        self._purse.settle(asked.most_usd, cost)
        self._note_spending()

    def _note_spending(self) -> None:
        if self._work and self._purse.limited:
            self._work.put(_SPENT, repr(self._purse.committed_usd).encode())

    def _redacted(self, reply: Reply) -> Answer:
        """The answer as it may be written down: a model, too, may say what nobody should keep."""
        rules, usage = self._teaching.rules, reply.usage or NOTHING
        return Answer(
            text=Redactor((*rules.redact, *rules.quarantine)).redact(reply.text or ""),
            finish_reason=reply.finish_reason,
            prompt_tokens=usage.prompt,
            completion_tokens=usage.completion,
        )


class _Line:
    """The connections of one batch, and how many calls go over them at a time."""

    def __init__(self, teaching: Teaching, endpoint: Endpoint) -> None:
        self._teaching = teaching
        self._endpoint = endpoint
        self._open = AsyncExitStack()

    async def connect(self) -> None:
        at_once, seconds = self._teaching.at_once, self._teaching.timeout_seconds
        connection = connect(self._endpoint, at_once=at_once, timeout_seconds=seconds)
        self._session: ClientSession = await self._open.enter_async_context(connection)
        self._throttle = Throttle(at_once, asyncio.get_running_loop().time)

    async def call(self, body: bytes) -> dict[str, Any]:
        began = await self._throttle.enter()
        try:
            answer = await call(self._session, self._endpoint, body)
        except CallError as error:
            if error.transient:
                self._throttle.overloaded(began, None)
            raise
        else:
            self._throttle.succeeded()
            return answer
        finally:
            self._throttle.leave()

    async def close(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._open.aclose()

"""The oracle: a model behind an OpenAI-compatible endpoint as judge.

It reasons on each criterion before it scores, in one JSON object; the overall is computed by us. A call that failed is
made again, up to `max_attempts` in all; a reply that can't be used is asked for once more, with what was wrong with it.
Then the verdict is `unscored` with its reason. It is never a zero.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from selftune.judges.endpoint import CallError, appoint_endpoint, call, connect, objection_to_sending
from selftune.judges.evidence import flags_of
from selftune.judges.overall import holistic_score, weighted_overall
from selftune.judges.prompt import PROMPT_VERSION, fenced_transcript, instructions
from selftune.judges.purse import NOTHING, Purse, Usage
from selftune.judges.request import Request, read_reply
from selftune.judges.throttle import Throttle
from selftune.judges.verdict import NoVerdictError, Verdict, read_verdict
from selftune.records import JudgeIdentity, Judgement, JudgementStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aiohttp import ClientSession

    from selftune.context import Work
    from selftune.judges.config import Judging
    from selftune.judges.endpoint import Endpoint
    from selftune.records import Interaction, Rubric

LONGEST_WAIT_SECONDS: Final = 300.0
_BAD_REQUEST: Final = 400
_MOST_UNUSABLE: Final = 2
_REPAIRED: Final = "its JSON was repaired"


class OracleJudge:
    """Judges by asking a model; temperature 0, structured output where the server offers it.

    Another judge that asks a model is one of these under a `role` of its own, with `instruct` for what it is told.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        config: Judging,
        *,
        role: str = "oracle",
        instruct: Callable[[Rubric], str] = instructions,
    ) -> None:
        self._endpoint = endpoint
        self._config = config
        self._instruct = instruct
        self.identity = JudgeIdentity(
            name=f"{role}:{endpoint.model}", version=f"prompt {PROMPT_VERSION}", lineage=(endpoint.model,)
        )

    @classmethod
    def from_config(cls, config: Judging) -> Self:
        """The judge that the config describes.

        Raises:
            ConfigError: endpoint, model or key is missing, or the endpoint may not be reached.
        """
        return cls(appoint_endpoint(config), config)

    def prompt_digest(self, rubric: Rubric) -> str:
        """Names instructions, schema and parameters: with the transcript they are all that is sent."""
        return self._request(rubric).digest

    def judge(self, interaction: Interaction, rubric: Rubric, salt: str) -> Judgement:
        """The model's verdict on one interaction."""
        with self.sit(rubric, Purse(self._config.budget_usd)) as sitting:
            sitting.ask(interaction, salt)
            return sitting.collect()[0]

    @contextmanager
    def sit(
        self,
        rubric: Rubric,
        purse: Purse,
        work: Work | None = None,  # noqa: ARG002 - its verdicts are in one piece
    ) -> Iterator[OracleSitting]:
        """A batch with one pool of connections, `at_once` verdicts asked for at a time."""
        request = self._request(rubric)
        with OracleSitting(self._endpoint, self._config, self.identity, rubric, request, purse) as sitting:
            yield sitting

    def _request(self, rubric: Rubric) -> Request:
        model, most = self._endpoint.model, self._config.max_tokens
        return Request(rubric, system=self._instruct(rubric), model=model, max_tokens=most)


@dataclass(kw_only=True)
class _Tally:
    """What one verdict has cost so far, and what went wrong last."""

    attempts: int = 0
    unusable: int = 0
    rests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float = 0.0
    fault: str = ""
    structured: bool = True
    model: str | None = None


# The loop that sittings opened now share; each has one of its own where there is none.
_SHARED: ContextVar[asyncio.Runner | None] = ContextVar("shared event loop", default=None)


@contextmanager
def at_one_table(runner: asyncio.Runner) -> Iterator[None]:
    """Sittings that are opened inside share this event loop: while one is waited for, the calls of all go on."""
    token = _SHARED.set(runner)
    try:
        yield
    finally:
        _SHARED.reset(token)


class OracleSitting:
    """One batch of verdicts at an endpoint: a context manager that holds its connections and its event loop."""

    def __init__(
        self,
        endpoint: Endpoint,
        config: Judging,
        identity: JudgeIdentity,
        rubric: Rubric,
        request: Request,
        purse: Purse,
    ) -> None:
        self._endpoint = endpoint
        self._config = config
        self._identity = identity
        self._rubric = rubric
        self._request = request
        self._purse = purse
        self._tasks: set[asyncio.Task[Judgement]] = set()
        self._ready: list[asyncio.Task[Judgement]] = []
        shared = _SHARED.get()
        self._owns_loop = shared is None
        self._runner = asyncio.Runner() if shared is None else shared
        self._open = AsyncExitStack()
        self._called: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        if self._owns_loop:
            self._runner.__enter__()
        self._runner.run(self._connect())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._runner.run(self._close())
        finally:
            if self._owns_loop:
                self._runner.close()

    async def _connect(self) -> None:
        at_once, seconds = self._config.at_once, self._config.timeout_seconds
        connection = connect(self._endpoint, at_once=at_once, timeout_seconds=seconds)
        self._session: ClientSession = await self._open.enter_async_context(connection)
        self._throttle = Throttle(at_once, asyncio.get_running_loop().time)

    async def _close(self) -> None:
        """Stop what is still under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._open.aclose()

    @property
    def under_way(self) -> int:
        """How many were asked for and not collected yet."""
        return len(self._tasks) + len(self._ready)

    def ask(self, interaction: Interaction, salt: str) -> bool:
        """Ask for one more verdict; False when some must be collected first.

        Raises:
            BudgetError: nothing is under way, and what is left does not pay for one more.
        """
        if self.under_way >= self._config.at_once:
            return False
        transcript = fenced_transcript(interaction, salt)
        body = self._request.body(transcript)
        if not self._purse.reserve(self._most(body)):
            self._purse.refuse_when_empty()
            return False
        task = self._runner.get_loop().create_task(self._judge(interaction, salt, transcript, body))
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return True

    def collect(self) -> list[Judgement]:
        """Wait for a verdict; those that are ready by now, in no order."""
        # Not by the runner: it puts a signal handler in place each time, and that takes milliseconds.
        return self._runner.get_loop().run_until_complete(self._collect())

    async def _collect(self) -> list[Judgement]:
        while not self._ready:
            self._called = asyncio.get_running_loop().create_future()
            await self._called
        ready, self._ready = self._ready, []
        return [task.result() for task in ready]

    def _finished(self, task: asyncio.Task[Judgement]) -> None:
        self._tasks.discard(task)
        self._ready.append(task)
        if self._called is not None and not self._called.done():
            self._called.set_result(None)

    async def _judge(self, interaction: Interaction, salt: str, transcript: str, body: bytes) -> Judgement:
        tally = _Tally()
        objection = objection_to_sending(interaction, self._endpoint, self._config.outlet)
        if objection is not None:
            self._purse.settle(self._most(body), 0.0)
            return self._judgement(interaction, salt, tally, None, objection)
        verdict = await self._verdict(transcript, body, tally)
        reason = None if verdict else f"no verdict after {tally.attempts} tries: {tally.fault}"
        return self._judgement(interaction, salt, tally, verdict, reason)

    async def _verdict(self, transcript: str, body: bytes, tally: _Tally) -> Verdict | None:
        """A verdict, or None after the last try; the tally says what went wrong. Money for `body` is put aside."""
        while True:
            tally.attempts += 1
            try:
                return await self._try(body, tally)
            except NoVerdictError as error:
                tally.fault = str(error)
                tally.unusable += 1
            except CallError as error:
                tally.fault = str(error)
                # Some servers refuse the schema itself: the next try asks in words alone.
                refused_schema = tally.structured and error.status == _BAD_REQUEST
                tally.structured = tally.structured and not refused_schema
                if not refused_schema and not await self._rest(error, tally):
                    return None
            if tally.attempts >= self._config.max_attempts or tally.unusable >= _MOST_UNUSABLE:
                return None
            body = self._request.body(transcript, fault=tally.fault, structured=tally.structured)
            if not self._purse.reserve(self._most(body)):
                tally.fault = f"no money is left for another try; the last one failed: {tally.fault}"
                return None

    async def _rest(self, error: CallError, tally: _Tally) -> bool:
        """Wait before another try; False when none would help."""
        if not error.transient:
            return False
        if error.wait_seconds is not None and error.wait_seconds > LONGEST_WAIT_SECONDS:
            tally.fault = f"{error}, and the server asks to be left alone for {error.wait_seconds:.0f} s"
            return False
        if error.wait_seconds is not None:
            # The throttle holds all calls back for so long, this one among them.
            return True
        if tally.attempts < self._config.max_attempts:
            tally.rests += 1
            doubled = self._config.retry_wait_seconds * 2 ** (tally.rests - 1)
            await asyncio.sleep(min(doubled, LONGEST_WAIT_SECONDS))
        return True

    async def _try(self, body: bytes, tally: _Tally) -> Verdict:
        """One call.

        Raises:
            CallError: there was no answer.
            NoVerdictError: there was one, and it can't be used.
        """
        began = await self._throttle.enter()
        try:
            answer = await call(self._session, self._endpoint, body)
        except CallError as error:
            self._bill(body, tally, None if error.billed is None else NOTHING)
            if error.transient:
                wait = error.wait_seconds or 0.0
                self._throttle.overloaded(began, wait if wait <= LONGEST_WAIT_SECONDS else 0.0)
            raise
        else:
            self._throttle.succeeded()
        finally:
            self._throttle.leave()
        reply = read_reply(answer)
        self._bill(body, tally, reply.usage)
        tally.model = reply.model
        if reply.text is None:
            raise NoVerdictError("the server sent no text")
        if reply.finish_reason == "length":
            raise NoVerdictError(f"the reply was cut off at {self._config.max_tokens} tokens")
        return read_verdict(reply.text, self._rubric)

    def _most(self, body: bytes) -> float:
        return self._config.prices.at_most(prompt_bytes=len(body), max_tokens=self._config.max_tokens)

    def _bill(self, body: bytes, tally: _Tally, usage: Usage | None) -> None:
        """Pay for a call: what the server counted, or the most it can have cost where nobody counted."""
        most = self._most(body)
        cost = most if usage is None else self._config.prices.cost(usage)
        self._purse.settle(most, cost)
        tally.cost_usd += cost
        if usage is not None:
            tally.prompt_tokens += usage.prompt
            tally.completion_tokens += usage.completion
            tally.cached_tokens += usage.cached

    def _judgement(
        self, interaction: Interaction, salt: str, tally: _Tally, verdict: Verdict | None, reason: str | None
    ) -> Judgement:
        criteria = verdict.criteria if verdict else ()
        overall = weighted_overall(criteria, self._rubric)
        if verdict is not None:
            reason = "no criterion applies" if overall is None else _REPAIRED if verdict.repaired else None
        return Judgement(
            salt=salt,
            interaction_id=interaction.id,
            rubric_digest=self._rubric.id,
            judge=self._identity,
            status=JudgementStatus.UNSCORED if overall is None else JudgementStatus.SCORED,
            criteria=criteria,
            overall=overall,
            judge_overall=None if overall is None else holistic_score(criteria, self._rubric),
            critical_failures=verdict.critical_failures if verdict else (),
            reason=reason,
            attempts=tally.attempts,
            prompt_tokens=tally.prompt_tokens,
            completion_tokens=tally.completion_tokens,
            cost_usd=tally.cost_usd,
            flags=flags_of(criteria, interaction) if criteria else (),
            cached_tokens=tally.cached_tokens,
            prompt_digest=self._request.digest,
            reported_model=tally.model,
        )

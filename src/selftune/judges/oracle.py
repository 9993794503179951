"""The oracle: a model behind an OpenAI-compatible endpoint as judge.

It reasons on each criterion before it scores, in one JSON object; the overall is computed by us. A call that failed is
made again, up to `max_attempts` in all; a reply that can't be used is asked for once more, with what was wrong with it.
Then the verdict is `unscored` with its reason. It is never a zero.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

from selftune.judges.endpoint import CallError, appoint_endpoint, call
from selftune.judges.evidence import flags_of
from selftune.judges.overall import holistic_score, weighted_overall
from selftune.judges.prompt import PROMPT_VERSION, fenced_transcript, instructions
from selftune.judges.verdict import NoVerdictError, Verdict, read_verdict, verdict_schema
from selftune.records import JudgeIdentity, Judgement, JudgementStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.judges.config import Judging
    from selftune.judges.endpoint import Endpoint
    from selftune.records import Interaction, Rubric

_LONGEST_WAIT_SECONDS: Final = 60.0
_BAD_REQUEST: Final = 400
_MOST_UNUSABLE: Final = 2


@dataclass(frozen=True, kw_only=True)
class _Reply:
    """What one call brought."""

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


@dataclass(kw_only=True)
class _Tally:
    """What one verdict has cost so far, and what went wrong last."""

    attempts: int = 0
    unusable: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    fault: str = ""
    structured: bool = True


class OracleJudge:
    """Judges by asking a model; temperature 0, structured output where the server offers it."""

    def __init__(self, endpoint: Endpoint, config: Judging) -> None:
        self._endpoint = endpoint
        self._config = config
        self.identity = JudgeIdentity(
            name=f"openai:{endpoint.model}", version=f"prompt {PROMPT_VERSION}", lineage=(endpoint.model,)
        )

    @classmethod
    def from_config(cls, config: Judging) -> Self:
        """The judge that the config describes.

        Raises:
            ConfigError: endpoint, model or key is missing, or the endpoint may not be reached.
        """
        return cls(appoint_endpoint(config), config)

    def judge(self, interaction: Interaction, rubric: Rubric, salt: str) -> Judgement:
        """The model's verdict on one interaction."""
        return next(self.judge_many([(interaction, salt)], rubric))

    def judge_many(self, asked: Sequence[tuple[Interaction, str]], rubric: Rubric) -> Iterator[Judgement]:
        """The model's verdicts, `at_once` of them asked for at a time, in order."""
        if not asked:
            return
        with asyncio.Runner() as runner:
            room = _Room(self._endpoint, self._config, self.identity, rubric)
            tasks = runner.run(room.open(asked))
            try:
                for task in tasks:
                    yield runner.run(_wait(task))
            finally:
                runner.run(room.close(tasks))


async def _wait(task: asyncio.Task[Judgement]) -> Judgement:
    return await task


class _Room:
    """One batch of verdicts: the connection, how many may be asked at once, and the rubric."""

    def __init__(self, endpoint: Endpoint, config: Judging, identity: JudgeIdentity, rubric: Rubric) -> None:
        self._endpoint = endpoint
        self._config = config
        self._identity = identity
        self._rubric = rubric
        self._instructions = instructions(rubric)
        self._schema = verdict_schema(rubric)

    async def open(self, asked: Sequence[tuple[Interaction, str]]) -> list[asyncio.Task[Judgement]]:
        """Start on all verdicts; they wait for their turn."""
        import aiohttp

        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._config.timeout_seconds),
            # Proxies from the environment serve the way out; this machine is reached directly.
            trust_env=not self._endpoint.local,
            connector=aiohttp.TCPConnector(limit=self._config.at_once),
        )
        self._turns = asyncio.Semaphore(self._config.at_once)
        return [asyncio.create_task(self._judge(interaction, salt)) for interaction, salt in asked]

    async def close(self, tasks: Sequence[asyncio.Task[Judgement]]) -> None:
        """Stop what is still under way."""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._session.close()

    async def _judge(self, interaction: Interaction, salt: str) -> Judgement:
        draft = Judgement(
            salt=salt,
            interaction_id=interaction.id,
            rubric_digest=self._rubric.id,
            judge=self._identity,
            status=JudgementStatus.UNSCORED,
            attempts=0,
        )
        if not self._endpoint.local and not interaction.consent.send:
            return replace(draft, reason="no consent to send its words beyond this machine")
        tally = _Tally()
        async with self._turns:
            verdict = await self._verdict(fenced_transcript(interaction, salt), tally)
        if verdict is not None:
            draft = replace(draft, criteria=verdict.criteria, flags=flags_of(verdict.criteria, interaction))
        return _completed(draft, verdict, tally, self._rubric)

    async def _verdict(self, transcript: str, tally: _Tally) -> Verdict | None:
        """A verdict, or None after the last try; the tally says what went wrong."""
        wait = self._config.retry_wait_seconds
        while True:
            tally.attempts += 1
            try:
                return await self._try(transcript, tally)
            except NoVerdictError as error:
                tally.fault = str(error)
                tally.unusable += 1
            except CallError as error:
                tally.fault = str(error)
                # Some servers refuse the schema itself: the next try asks in words alone.
                refused_schema = tally.structured and error.status == _BAD_REQUEST
                tally.structured = tally.structured and not refused_schema
                if not error.transient and not refused_schema:
                    return None
                if error.transient and tally.attempts < self._config.max_attempts:
                    await asyncio.sleep(min(error.wait_seconds or wait, _LONGEST_WAIT_SECONDS))
                    wait *= 2
            if tally.attempts >= self._config.max_attempts or tally.unusable >= _MOST_UNUSABLE:
                return None

    async def _try(self, transcript: str, tally: _Tally) -> Verdict:
        reply = _read_reply(await call(self._session, self._endpoint, self._body(transcript, tally)))
        tally.prompt_tokens += reply.prompt_tokens
        tally.completion_tokens += reply.completion_tokens
        if reply.finish_reason == "length":
            raise NoVerdictError(f"the reply was cut off at {self._config.max_tokens} tokens")
        return read_verdict(reply.text, self._rubric)

    def _body(self, transcript: str, tally: _Tally) -> dict[str, Any]:
        # The fault names what was wrong with the form of the last reply; it holds none of its words.
        reminder = f"\nYour last reply could not be used: {tally.fault}." if tally.fault else ""
        body: dict[str, Any] = {
            "model": self._endpoint.model,
            "messages": [
                {"role": "system", "content": self._instructions},
                {"role": "user", "content": transcript + reminder},
            ],
            "temperature": 0,
            "max_tokens": self._config.max_tokens,
        }
        if tally.structured:
            schema = {"name": "verdict", "strict": True, "schema": self._schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body


def _read_reply(answer: dict[str, Any]) -> _Reply:
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, str):
        raise NoVerdictError("the server sent no text")
    usage = answer.get("usage")
    return _Reply(
        text=content,
        finish_reason=str(choice.get("finish_reason")),
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
    )


def _count(usage: Any, key: str) -> int:
    value = usage.get(key) if isinstance(usage, dict) else None
    return value if isinstance(value, int) else 0


def _completed(draft: Judgement, verdict: Verdict | None, tally: _Tally, rubric: Rubric) -> Judgement:
    draft = replace(
        draft,
        attempts=tally.attempts,
        prompt_tokens=tally.prompt_tokens,
        completion_tokens=tally.completion_tokens,
    )
    if verdict is None:
        return replace(draft, reason=f"no verdict after {tally.attempts} tries: {tally.fault}")
    overall = weighted_overall(verdict.criteria, rubric)
    if overall is None:
        return replace(draft, reason="no criterion applies")
    return replace(
        draft,
        status=JudgementStatus.SCORED,
        overall=overall,
        judge_overall=holistic_score(verdict.criteria, rubric),
        reason="its JSON was repaired" if verdict.repaired else None,
    )

"""Asking a served build every item of a suite, and keeping what it said."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from selftune.context import ChatRequest, Progress, spread_seeds
from selftune.errors import ServingError
from selftune.records import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.context import Answer, Context, Served
    from selftune.evals.config import EvaluationConfig
    from selftune.records import Build, GenerationParameters, Suite, SuiteItem


@dataclass(frozen=True, kw_only=True)
class Question:
    """One item in one repeat, as it is asked."""

    item: SuiteItem
    repeat: int
    request: ChatRequest


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back: a text, cut short or not, or why there is none."""

    text: str = ""
    cut: bool = False
    failure: str | None = None


def questions_of(suite: Suite, seeds: Sequence[int]) -> tuple[Question, ...]:
    """Every item in every repeat; the same seeds ask the same, whichever build answers.

    A build's own system prompt is no part of a question: whatever serves the build puts it before each of them.
    """
    return tuple(
        Question(
            item=item,
            repeat=repeat,
            request=ChatRequest(messages=item.messages, seed=drawn),
        )
        for repeat, seed in enumerate(seeds)
        for item, drawn in zip(suite.items, spread_seeds(seed, len(suite.items)), strict=True)
    )


def collect_answers(
    served: Served, questions: Sequence[Question], build: Build, config: EvaluationConfig, context: Context
) -> tuple[Reply, ...]:
    """One reply per question, in order; what an earlier try of this step got from the same server is not asked again.

    Raises:
        ServingError: the server failed `config.patience` times in a row; what it said so far is kept.
    """
    kept = Kept(context, tag=digest_of([served.proof, build.digest, config.suite, config.repeats]))
    replies = kept.load()
    missing = [place for place in range(len(questions)) if place not in replies]
    fresh: dict[int, Reply] = {}
    asked = _ask([questions[place] for place in missing], served, config)
    try:
        for done, (place, reply) in enumerate(zip(missing, asked, strict=True), start=len(replies) + 1):
            fresh[place] = reply
            context.report(Progress(done=done, total=len(questions), note=questions[place].item.category))
            if len(fresh) >= config.batch:
                replies |= fresh
                kept.save(fresh)
                fresh = {}
    finally:
        kept.save(fresh)
    replies |= fresh
    return tuple(replies[place] for place in range(len(questions)))


class Kept:
    """Answers in the step's scratch, in numbered parts; `tag` names server, build and suite, so none are mixed up."""

    def __init__(self, context: Context, tag: str) -> None:
        self._work = context.work
        self._tag = tag.removeprefix("sha256:")[:16]
        self._parts = 0

    def load(self) -> dict[int, Reply]:
        """Every answer kept so far, by its question's place."""
        found: dict[int, Reply] = {}
        while (part := self._work.get(self._key(self._parts))) is not None:
            found |= {int(place): Reply(**facts) for place, facts in json.loads(part).items()}
            self._parts += 1
        return found

    def save(self, replies: dict[int, Reply]) -> None:
        """Keep answers as the next part; a failure is not kept, so that it is tried again."""
        answered = {place: asdict(reply) for place, reply in replies.items() if reply.failure is None}
        if answered:
            self._work.put(self._key(self._parts), json.dumps(answered).encode())
            self._parts += 1

    def _key(self, number: int) -> str:
        return f"answers-{self._tag}-{number:05d}"


def _ask(questions: Sequence[Question], served: Served, config: EvaluationConfig) -> Iterator[Reply]:
    """Replies in order; a question that fails is asked once more, then its failure is the reply."""
    parameters = config.suite.generation
    failures = 0
    rest = list(questions)
    while rest:
        answered = 0
        try:
            for answer in served.chat_many([question.request for question in rest], parameters):
                answered += 1
                failures = 0
                yield _reply(answer)
        except ServingError:
            reply = _ask_again(rest[answered], served, parameters)
            failures = failures + 1 if reply.failure else 0
            if failures >= config.patience:
                raise
            yield reply
            rest = rest[answered + 1 :]
        else:
            if answered < len(rest):
                raise ServingError(
                    f"the server answered {answered} of {len(rest)} questions.", next_step="Read the server's log."
                )
            return


def _ask_again(question: Question, served: Served, parameters: GenerationParameters) -> Reply:
    try:
        return _reply(served.chat(question.request, parameters))
    except ServingError as error:
        return Reply(failure=f"the server failed twice: {error.message}")


def _reply(answer: Answer) -> Reply:
    return Reply(text=answer.text, cut=answer.finish_reason == "length")

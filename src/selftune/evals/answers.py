"""Asking a served build every item of a suite, turn by turn, and keeping what it said."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Final

from selftune.bases.thinking import marks_of_folder
from selftune.context import ChatRequest, Progress
from selftune.errors import RequestRefusedError, ServingError
from selftune.records import Message, digest_of
from selftune.scoring.reasoning import split_reasoning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from selftune.bases.thinking import ThinkingMarks
    from selftune.context import Answer, Context, Served
    from selftune.evals.base import Runtime
    from selftune.evals.config import EvaluationConfig
    from selftune.records import Build, GenerationParameters, Suite, SuiteItem

_SEEDS: Final = 2**31
_SELF_TEST_TOKENS: Final = 32


@dataclass(frozen=True, kw_only=True)
class Question:
    """One item in one repeat, at its place among all questions; `opening` is what the model is shown of it at first.

    Its first answer is drawn with `seed`, the later ones with the seeds after it. With `left_open` the model goes on
    with its last turn in place of answering it.
    """

    place: int
    item: SuiteItem
    repeat: int
    seed: int
    opening: tuple[Message, ...]
    left_open: bool = False

    @property
    def turns(self) -> int:
        """How many answers it asks for."""
        return 1 + len(self.item.follow_ups)

    def request(self, said: Sequence[Reply]) -> ChatRequest:
        """What is asked after these replies: the model's own words stand in the history."""
        history = list(self.opening)
        for reply, follow_up in zip(said, self.item.follow_ups, strict=False):
            history += [Message(role="assistant", content=reply.text), Message(role="user", content=follow_up)]
        seed = (self.seed + len(said)) % _SEEDS
        return ChatRequest(messages=tuple(history), seed=seed, left_open=self.left_open)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back: a text, cut short or not, or why there is none.

    `reasoning` is what was thought before it and no part of it, empty for nothing; None of a base that does not think.
    """

    text: str = ""
    cut: bool = False
    failure: str | None = None
    reasoning: str | None = None


@dataclass(frozen=True, kw_only=True)
class Played:
    """A question and what was answered to it, turn by turn; where it was not played to its end, the last says why."""

    question: Question
    replies: tuple[Reply, ...]

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers, one for each turn."""
        return tuple(reply.text for reply in self.replies)

    @property
    def failure(self) -> str | None:
        """Why it was not played to its end; None when it was."""
        failure = self.replies[-1].failure
        return failure if failure is None or len(self.replies) == 1 else f"turn {len(self.replies)}: {failure}"


def questions_of(
    suite: Suite, seeds: Sequence[int], *, bare: bool = False, left_open: bool = False
) -> tuple[Question, ...]:
    """Every item in every repeat, `bare` without system messages; the same seeds ask the same of every build.

    A build's own system prompt is no part of a question: whatever serves the build puts it before each of them.
    """
    drawn = (
        # By the item's name: a suite that grows asks what was there with the same draws.
        (item, repeat, int(digest_of([drawn_for_all, item.id]).removeprefix("sha256:")[:16], 16) % _SEEDS)
        for repeat, drawn_for_all in enumerate(seeds)
        for item in suite.items
    )
    return tuple(
        Question(
            place=place,
            item=item,
            repeat=repeat,
            seed=seed,
            opening=tuple(said for said in item.messages if not (bare and said.role == "system")),
            left_open=left_open,
        )
        for place, (item, repeat, seed) in enumerate(drawn)
    )


def drawn_order(suite: Suite, questions: Sequence[Question]) -> tuple[Question, ...]:
    """The questions in the order in which they are asked: drawn, and the same for every arm.

    Items of a pair and repeats of an item stand together, for they begin alike, and a server reads on from what it has.
    """
    together: dict[str, list[Question]] = {}
    for question in questions:
        together.setdefault(question.item.pair or question.item.id, []).append(question)
    order = list(together.values())
    random.Random(suite.seed).shuffle(order)  # noqa: S311 - the draw must repeat, not be secret
    return tuple(chain.from_iterable(order))


def answers_alike(served: Served, question: Question, parameters: GenerationParameters) -> bool | None:
    """Whether the server gives the same answer twice at temperature 0; None when it gives none.

    It is the first that the server is asked, so that it is warm when the questions come. The second time the server
    may read on from what it has read, as it may for every question.
    """
    greedy = replace(parameters, temperature=0.0, max_tokens=min(parameters.max_tokens, _SELF_TEST_TOKENS))
    try:
        said = [answer.text for answer in served.chat_many([question.request(())] * 2, greedy)]
    except ServingError:
        return None
    return said[0] == said[1] if len(said) == 2 else None  # noqa: PLR2004 - twice


class Interview:
    """Asks a served build these questions; what an earlier try of this step heard is not asked again."""

    def __init__(
        self, served: Served, questions: Sequence[Question], build: Build, config: EvaluationConfig, context: Context
    ) -> None:
        self._served = served
        self._config = config
        self._context = context
        # The model goes on with somebody's turn where it is left open: nobody thinks before that.
        self._marks = None if config.left_open else marks_of_folder(context.base_folder)
        self._kept = Kept(context, tag=digest_of([served.proof, build.digest, config.asked_digest, config.rounds]))
        self._said: list[list[Reply]] = [[] for _ in questions]
        for (place, turn), reply in sorted(self._kept.load().items()):
            # A turn whose predecessor is missing answers nothing that will be asked.
            if turn == len(self._said[place]):
                self._said[place].append(reply)
        self._done = sum(map(len, self._said))
        self._total = sum(question.turns for question in questions)

    def play(self, questions: Sequence[Question]) -> tuple[Played, ...]:
        """Play these to their end, and give what was answered, in order.

        So many conversations as there are slots go on at a time, so that each slot keeps the one it is in. A
        conversation in which an answer is missing ends there.

        Raises:
            ServingError: the server failed `config.patience` times in a row; what it said so far is kept.
        """
        turns = max((question.turns for question in questions), default=0)
        at_a_time = len(questions) if turns == 1 else self._config.slots
        for start in range(0, len(questions), at_a_time or 1):
            group = questions[start : start + at_a_time]
            for turn in range(turns):
                self._ask_turn([question for question in group if self._waits_for(question, turn)], turn)
        return tuple(Played(question=question, replies=tuple(self._said[question.place])) for question in questions)

    def recall(self, known: Mapping[int, tuple[Reply, ...]]) -> int:
        """Take these replies, by place, as given, where nothing was said yet; returns how many answers that spares."""
        fresh = {place: replies for place, replies in known.items() if not self._said[place]}
        for place, replies in fresh.items():
            self._said[place].extend(replies)
        spared = sum(map(len, fresh.values()))
        self._done += spared
        return spared

    def _answers_to(self, requests: Sequence[ChatRequest]) -> Iterator[Reply]:
        return (kept_apart(reply, self._marks) for reply in _ask(requests, self._served, self._config))

    def _waits_for(self, question: Question, turn: int) -> bool:
        said = self._said[question.place]
        return len(said) == turn < question.turns and not (said and said[-1].failure)

    def _ask_turn(self, questions: Sequence[Question], turn: int) -> None:
        requests = [question.request(self._said[question.place]) for question in questions]
        fresh: dict[tuple[int, int], Reply] = {}
        try:
            for question, reply in zip(questions, self._answers_to(requests), strict=True):
                self._said[question.place].append(reply)
                fresh[question.place, turn] = reply
                self._done += 1
                self._context.report(Progress(done=self._done, total=self._total, note=question.item.category))
                if len(fresh) >= self._config.batch:
                    self._kept.save(fresh)
                    fresh = {}
        finally:
            self._kept.save(fresh)


def given_out(played: Played, through: Runtime | None) -> Played:
    """The same with the answers as a runtime gives them out, turn by turn; the model itself saw its own words."""
    if through is None:
        return played
    item = played.question.item
    asked = (played.question.opening[-1].content, *item.follow_ups)
    replies = tuple(
        reply if reply.failure else replace(reply, text=through.give_out(item, question, reply.text))
        for reply, question in zip(played.replies, asked, strict=False)
    )
    return replace(played, replies=replies)


class Kept:
    """Answers in the step's scratch, in numbered parts; `tag` names server, build and suite, so none are mixed up."""

    def __init__(self, context: Context, tag: str) -> None:
        self._work = context.work
        self._tag = tag.removeprefix("sha256:")[:16]
        self._parts = 0

    def load(self) -> dict[tuple[int, int], Reply]:
        """Every answer kept so far, by its question's place and its turn."""
        found: dict[tuple[int, int], Reply] = {}
        while (part := self._work.get(self._key(self._parts))) is not None:
            for name, facts in json.loads(part).items():
                place, turn = map(int, name.split("."))
                found[place, turn] = Reply(**facts)
            self._parts += 1
        return found

    def save(self, replies: dict[tuple[int, int], Reply]) -> None:
        """Keep answers as the next part; a failure is not kept, so that it is tried again."""
        answered = {
            f"{place}.{turn}": asdict(reply) for (place, turn), reply in replies.items() if reply.failure is None
        }
        if answered:
            self._work.put(self._key(self._parts), json.dumps(answered).encode())
            self._parts += 1

    def _key(self, number: int) -> str:
        return f"turns-{self._tag}-{number:05d}"


def _ask(requests: Sequence[ChatRequest], served: Served, config: EvaluationConfig) -> Iterator[Reply]:
    """Replies in order; a request that fails is made once more, then its failure is the reply."""
    parameters = config.suite.generation
    failures = 0
    rest = list(requests)
    while rest:
        answered = 0
        try:
            for answer in served.chat_many(rest, parameters):
                answered += 1
                failures = 0
                yield _reply(answer)
        except RequestRefusedError as error:
            # A fault of this one request, such as a conversation that has grown too long: the server is well.
            failures = 0
            yield Reply(failure=f"the server refused the request: {error.message}")
            rest = rest[answered + 1 :]
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


def _ask_again(request: ChatRequest, served: Served, parameters: GenerationParameters) -> Reply:
    try:
        return _reply(served.chat(request, parameters))
    except ServingError as error:
        return Reply(failure=f"the server failed twice: {error.message}")


def kept_apart(reply: Reply, marks: ThinkingMarks | None) -> Reply:
    """The reply with its reasoning beside its text; one that never came to its answer has none."""
    if marks is None or reply.failure is not None:
        return reply
    found = split_reasoning(reply.text, marks.opens, marks.closes)
    if found.unclosed or (marks.begun and marks.closes not in reply.text):
        return replace(reply, text="", reasoning=found.answer.strip())
    return replace(reply, text=found.answer, reasoning=found.reasoning or "")


def _reply(answer: Answer) -> Reply:
    return Reply(text=answer.text, cut=answer.finish_reason == "length")

"""Who answers a grown question: a rule with wordings of its own, or a model, whose answers the checks select from."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, Protocol

from selftune.context import ChatRequest, spread_seeds
from selftune.curation.growth import phrasings
from selftune.records import Message
from selftune.scoring.expectation import Behaviour
from selftune.scoring.state import leaf_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.context import Answer
    from selftune.curation.growth.cases import Case
    from selftune.records import GenerationParameters

RULE: Final = "rule"


class Answering(Protocol):
    """Whatever gives answers: a served build, or a model behind a server of this machine."""

    def chat_many(self, requests: Iterable[ChatRequest], parameters: GenerationParameters) -> Iterator[Answer]:
        """Answers in the order of the requests."""
        ...


class Teacher(Protocol):
    """Answers cases; what it says is only taken when the checks find it right."""

    @property
    def name(self) -> str:
        """Whose answers these are: `rule`, or the digest or name of a model."""
        ...

    def answers(self, cases: Sequence[Case]) -> Iterator[tuple[str, ...]]:
        """For each case, in order, one answer or several to choose from."""
        ...


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Writes the answer from what is expected, in one of several wordings; needs no model."""

    seed: int = 0
    name: str = RULE

    def answers(self, cases: Sequence[Case]) -> Iterator[tuple[str, ...]]:
        """One answer a case; the same case gets the same one."""
        for case in cases:
            rng = Random(f"rule:{self.seed}:{case.pair}:{case.system}:{case.user}")  # noqa: S311 - must repeat
            yield (_write(case, rng),)


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """Answers by a served model, several a case, drawn with seeds of their own."""

    served: Answering
    name: str
    parameters: GenerationParameters
    draws: int = 4
    seed: int = 0

    def answers(self, cases: Sequence[Case]) -> Iterator[tuple[str, ...]]:
        """`draws` answers a case."""
        seeds = spread_seeds(self.seed, self.draws)
        requests = [ChatRequest(messages=messages_of(case), seed=seed) for case in cases for seed in seeds]
        said = (answer.text.strip() for answer in self.served.chat_many(requests, self.parameters))
        for _ in cases:
            yield tuple(next(said) for _ in seeds)


def messages_of(case: Case) -> tuple[Message, ...]:
    """The case as a model is asked it: the state and the question, nothing of what is expected."""
    return (Message(role="system", content=case.system), Message(role="user", content=case.user))


def _write(case: Case, rng: Random) -> str:
    wanted = case.expectation
    return rng.choice(_wordings(case)).format(
        word=" ".join(leaf_words(wanted.path or "")),
        path=wanted.path,
        value=wanted.value,
        action=wanted.action,
        name=wanted.name,
    )


def _wordings(case: Case) -> tuple[str, ...]:
    if case.most_words is not None:
        return phrasings.BRIEF
    if case.least_words is not None:
        return phrasings.FULL
    if case.expectation.behaviour is Behaviour.TONE:
        return phrasings.TONED[case.expectation.tone or ""]
    return phrasings.ANSWERS[case.expectation.behaviour]

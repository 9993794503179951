"""How often an answer falls out of character, for each class of topics (mission B23).

A mean over all topics hides it: the published model broke in 97 of 100 answers on one question and in none on others.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from selftune.context import ChatRequest, spread_seeds
from selftune.records import Message
from selftune.scoring.breaks import character_break
from selftune.scoring.intervals import wilson_interval
from selftune.settings import from_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.curation.growth.answers import Answering
    from selftune.records import GenerationParameters

OTHER: Final = "everything else"
_FILE: Final = "break_probes.toml"
_LEVEL: Final = 0.95


class Expected(StrEnum):
    """How often a class breaks character in what was published: in most answers, or hardly ever."""

    HIGH = "high"
    LOW = "low"


@dataclass(frozen=True, kw_only=True)
class TopicClass:
    """One class of topics: questions to ask, and the words by which a question of a log belongs to it."""

    name: str
    expected: Expected
    words: tuple[str, ...]
    questions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Probes:
    classes: tuple[TopicClass, ...]


@dataclass(frozen=True, kw_only=True)
class BreakRate:
    """Of `n` answers on a topic `broken` fell out of character; the interval is Wilson's at 95 %, None without any."""

    topic: str
    expected: Expected | None
    n: int
    broken: int
    interval: tuple[float, float] | None


@cache
def topic_classes() -> tuple[TopicClass, ...]:
    """The classes that ship: three that break a character easily, and seven controls."""
    text = resources.files("selftune.curation.growth").joinpath(_FILE).read_text("utf-8")
    return from_mapping(_Probes, tomllib.loads(text), _FILE).classes


def topic_of(question: str) -> str:
    """The first class one of whose words stands in a question, as whole words; else `everything else`."""
    return next((one.name for one in topic_classes() if _pattern(one.words).search(question)), OTHER)


@cache
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b", re.IGNORECASE)


def ask_probes(served: Answering, draws: int, seed: int, parameters: GenerationParameters) -> Iterator[tuple[str, str]]:
    """Topic and answer for each probe question, asked `draws` times with seeds of their own."""
    seeds = spread_seeds(seed, draws)
    asked = [(one.name, question, drawn) for one in topic_classes() for question in one.questions for drawn in seeds]
    requests = [
        ChatRequest(messages=(Message(role="user", content=question),), seed=drawn) for _, question, drawn in asked
    ]
    for (topic, _, _), answer in zip(asked, served.chat_many(requests, parameters), strict=True):
        yield topic, answer.text


def break_rates(answers: Iterable[tuple[str, str]]) -> tuple[BreakRate, ...]:
    """The rate of each class, in the order of the classes; what belongs to none comes last.

    Args:
        answers: Topic and answer; topics are those of `topic_of`.
    """
    asked: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    for topic, answer in answers:
        asked[topic] += 1
        broken[topic] += character_break(answer) is not None
    expected: Sequence[tuple[str, Expected | None]] = [(one.name, one.expected) for one in topic_classes()]
    return tuple(
        BreakRate(
            topic=topic,
            expected=level,
            n=asked[topic],
            broken=broken[topic],
            interval=wilson_interval(broken[topic], asked[topic], _LEVEL) if asked[topic] else None,
        )
        for topic, level in (*expected, (OTHER, None))
    )

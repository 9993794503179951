"""Grow examples of state obedience: cases in pairs, an answer that the checks find right, nothing of any suite."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from selftune.curation.growth.cases import FAMILIES, draw_cases, places
from selftune.curation.growth.checks import objections
from selftune.curation.likeness.near import normalise
from selftune.errors import UsageError
from selftune.scoring.state import parse_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.curation.growth.answers import Teacher
    from selftune.curation.growth.cases import Case
    from selftune.records import Suite

_GRAM: Final = 8
_REDRAWS: Final = 50
# A pair that is drawn again comes from a place that no set of this size reaches.
_FAR: Final = 10**6
_WORD: Final = re.compile(r"\w+")
_CHUNK: Final = 128


@dataclass(frozen=True, kw_only=True)
class Grown:
    """One grown example: the case, the answer that passed, and who gave it."""

    case: Case
    answer: str
    by: str


@dataclass(frozen=True, kw_only=True)
class Growth:
    """What growing came to.

    Attributes:
        failed: Cases to which no answer was right, with what was wrong with the last one.
        redrawn: How often a pair was drawn again: it held something of a suite, or had come up.
    """

    examples: tuple[Grown, ...]
    failed: tuple[tuple[Case, str], ...]
    redrawn: int


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """What suites hold and growth must not use: names and values, whole texts, and runs of eight words."""

    names: frozenset[str]
    texts: frozenset[str]
    grams: frozenset[tuple[str, ...]]

    def objection(self, case: Case) -> str | None:
        """What a case shares with a suite, or None."""
        name = next((name for name in case.names if name.lower() in self.names), None)
        if name is not None:
            return f"the name or value {name!r}"
        if any(_plain(text) in self.texts for text in (case.system, case.user)):
            return "a whole text"
        shared = next((gram for text in (case.system, case.user) for gram in grams(text) if gram in self.grams), None)
        return None if shared is None else f"the words {' '.join(shared)!r}"


def held_out(suites: Iterable[Suite]) -> HeldOut:
    """Everything that the items of these suites hold."""
    items = [item for suite in suites for item in suite.items]
    texts = [message.content for item in items for message in item.messages]
    states = [state for text in texts if (state := parse_state(text)) is not None]
    names = {value.lower() for state in states for path, value in state.fields if path.rpartition(".")[2] != "tone"}
    return HeldOut(
        names=frozenset(names),
        texts=frozenset(map(_plain, texts)),
        grams=frozenset(gram for text in texts for gram in grams(text)),
    )


def grams(text: str) -> Iterator[tuple[str, ...]]:
    """Every run of eight words of a text, in lower case, punctuation left out."""
    words = _WORD.findall(text.lower())
    return zip(*(words[start:] for start in range(_GRAM)), strict=False)


def grow(
    count: int, seed: int, teacher: Teacher, suites: Sequence[Suite], families: Sequence[str] = tuple(FAMILIES)
) -> Growth:
    """`count` cases, the families in turn, each with an answer that the checks find right, or named as failed.

    A pair that holds anything of a suite is drawn again.

    Raises:
        UsageError: so many cases can't be drawn clear of the suites and of each other.
    """
    exams = held_out(suites)
    redrawn: Counter[str] = Counter()
    cases = tuple(islice(_fresh_cases(places(count, families), seed, exams, redrawn), count))
    if len(cases) < count:
        commonest = redrawn.most_common(1)[0][0]
        raise UsageError(
            f"{len(cases)} of {count} cases could be drawn; what stood in the way most often: {commonest}.",
            next_step="Ask for fewer, or take that word out of the suite.",
        )
    examples, failed = [], []
    for start in range(0, len(cases), _CHUNK):
        chunk = cases[start : start + _CHUNK]
        for case, answers in zip(chunk, teacher.answers(chunk), strict=True):
            faults = [objections(case, answer) for answer in answers]
            right = next((answer for answer, found in zip(answers, faults, strict=True) if not found), None)
            if right is None:
                failed.append((case, faults[-1][0] if faults else "It got no answer."))
            else:
                examples.append(Grown(case=case, answer=right, by=teacher.name))
    return Growth(examples=tuple(examples), failed=tuple(failed), redrawn=redrawn.total())


def _fresh_cases(wanted: Iterable[tuple[str, int]], seed: int, exams: HeldOut, redrawn: Counter[str]) -> Iterator[Case]:
    """Pair after pair, none of them with a question and state that an earlier one had or that a suite holds."""
    seen: set[str] = set()
    for family, place in wanted:
        for again in range(_REDRAWS):
            pair = draw_cases(family, seed, place + again * _FAR)
            shared = next((found for case in pair if (found := exams.objection(case))), None)
            twice = any(f"{case.system}\n{case.user}" in seen for case in pair)
            if shared is None and not twice:
                seen.update(f"{case.system}\n{case.user}" for case in pair)
                yield from pair
                break
            redrawn[shared or "an earlier pair"] += 1


def _plain(text: str) -> str:
    return normalise(text).lower()

"""What a search begins with: instructions drafted from the rubric and from golden answers, and lessons to show.

Drafts quote nobody; the lessons are words of people, and are kept as such.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Final

from selftune.curation.examples import is_short, show
from selftune.curation.select import PERSON
from selftune.records import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.records import Example, Rubric, ShownLessons

NOTHING: Final = "nothing"
"""The name of the base as it is."""

OWN: Final = "your own"
_RUBRIC: Final = "rubric"
_STYLE: Final = "style"
_FEW: Final = 3
# A limit that nearly all golden answers keep; one that all of them keep would be set by the longest alone.
_KEPT_BY: Final = 0.9
# One question after another goes to these parts, and over again.
_DEALT: Final = ("asked", "pool", "asked", "fresh")
_LIST_LINE: Final = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s", re.MULTILINE)
_SENTENCE_END: Final = re.compile(r"[.!?…]+(?:\s|$)")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A prompt that could stand before every conversation.

    Attributes:
        made_of: What its instruction is made of, for people.
        instruction: What it says; None for nothing.
        lessons: What it shows.
    """

    made_of: str
    instruction: str | None = None
    lessons: tuple[Example, ...] = ()

    @property
    def name(self) -> str:
        """What the whole is made of."""
        if not self.lessons:
            return self.made_of
        shown = f"{len(self.lessons)} lesson{'' if len(self.lessons) == 1 else 's'}"
        return shown if self.instruction is None else f"{self.made_of} + {shown}"

    @property
    def shown(self) -> ShownLessons | None:
        """Its lessons as they stand in the prompt."""
        return show(self.lessons) if self.lessons else None

    @property
    def text(self) -> str | None:
        """The prompt; None for none."""
        parts = (self.instruction, self.shown.text if self.shown else None)
        return "\n\n".join(part for part in parts if part) or None

    def showing(self, lesson: Example) -> Draft:
        """The same with one lesson more."""
        return Draft(made_of=self.made_of, instruction=self.instruction, lessons=(*self.lessons, lesson))


def draft_prompts(rubric: Rubric, lessons: Sequence[Example], pool: Sequence[Example], own: str) -> tuple[Draft, ...]:
    """The base as it is, then what may do better, each draft once.

    Args:
        rubric: By what answers are judged: its criteria, told to the model as rules.
        lessons: Golden answers and corrections, of which the style is measured; none that is to look at the winner.
        pool: Lessons that may be shown, the best first.
        own: A prompt that a person wrote; empty for none.
    """
    style = describe_style([lesson.messages[-1].content for lesson in lessons])
    rules = write_rules(rubric)
    few = tuple(pool[:_FEW])
    drafts = [
        Draft(made_of=NOTHING),
        Draft(made_of=OWN, instruction=own or None),
        Draft(made_of=_STYLE, instruction=style),
        Draft(made_of=_RUBRIC, instruction=rules),
        Draft(made_of=f"{_RUBRIC} + {_STYLE}", instruction=f"{rules}\n{style}" if style else None),
        Draft(made_of=NOTHING, lessons=few),
        Draft(made_of=OWN, instruction=own or None, lessons=few),
        Draft(made_of=_RUBRIC, instruction=rules, lessons=few),
    ]
    met: dict[str | None, Draft] = {}
    for draft in drafts:
        met.setdefault(draft.text, draft)
    return tuple(met.values())


def write_rules(rubric: Rubric) -> str:
    """A rubric's criteria and critical failures as an instruction."""
    wanted = [f"- {one.description}" for one in rubric.criteria]
    banned = [f"- Never so: {one.description}" for one in rubric.critical_failures]
    return "\n".join(["A good answer is like this:", *wanted, *banned])


def describe_style(answers: Sequence[str]) -> str | None:
    """How nearly all of these answers are written: their length, and whether in lists; None without answers."""
    if not answers:
        return None
    sentences = _most(max(1, len(_SENTENCE_END.findall(answer))) for answer in answers)
    length = "one sentence" if sentences == 1 else f"at most {sentences} sentences"
    told = f"Answer in {length}, with at most {_most(len(answer.split()) for answer in answers)} words."
    return told if any(map(_LIST_LINE.search, answers)) else f"{told} Write no lists."


def _most(counts: Iterable[int]) -> int:
    ordered = sorted(counts)
    return ordered[min(len(ordered) - 1, int(_KEPT_BY * len(ordered)))]


def lessons_to_show(lessons: Sequence[Example], seed: int) -> tuple[Example, ...]:
    """Short ones, people's corrections first; by name within each, so that they seldom change while the log grows."""
    short = filter(is_short, lessons)
    return tuple(sorted(short, key=lambda one: (one.taught_by != PERSON, digest_of([seed, one.interaction_id]))))


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The training split in three: what may be shown, what chooses, and what nobody looks at before the end."""

    pool: tuple[Example, ...]
    asked: tuple[Example, ...]
    fresh: tuple[Example, ...]


def part(lessons: Sequence[Example], seed: int) -> Parts:
    """A quarter to show, half to choose by, a quarter for the end; a question and its answers stand in one part.

    Of a question with several answers one is asked: the question is the same.
    """
    by_question: dict[str, list[Example]] = {}
    for lesson in lessons:
        by_question.setdefault(digest_of([*_question(lesson)]), []).append(lesson)
    drawn = [by_question[name] for name in sorted(by_question, key=lambda name: digest_of([seed, name]))]
    piles: dict[str, list[Example]] = {name: [] for name in _DEALT}
    for name, group in zip(cycle(_DEALT), drawn, strict=False):
        piles[name].extend(group if name == "pool" else group[:1])
    return Parts(pool=lessons_to_show(piles["pool"], seed), asked=tuple(piles["asked"]), fresh=tuple(piles["fresh"]))


def _question(lesson: Example) -> Iterator[tuple[str, str]]:
    return ((message.role, message.content) for message in lesson.messages[:-1])

"""The quality report of grown examples: what they are, how varied, and that the checks can tell right from wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.curation.growth.cases import FAMILIES
from selftune.curation.growth.checks import objections
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.curation.growth.cases import Case
    from selftune.curation.growth.grow import Grown, Growth

CONSTANTS: Final = (
    "I don't have that in my current context.",
    "Yes, I can do that for you.",
    "I can't do that.",
    "Hello! I am happy to help.",
    "",
)
_LEVEL: Final = 0.95
_PAIR: Final = 2


@dataclass(frozen=True, kw_only=True)
class FamilyQuality:
    """One family: cases that were asked, and those to which an answer was right."""

    name: str
    asked: int
    right: int


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Figures over all grown examples.

    Attributes:
        users: Different questions.
        states: Different states.
        answers: Different answers.
        answer_words: Mean length of an answer.
        wrong_tried: Answers tried where they are wrong: each under its twin's state, and on each whole pair an echo of
            the state and constant ones.
        wrong_passed: How many of those the checks took for right; a constant one when it got both of a pair.
    """

    examples: int
    asked: int
    redrawn: int
    families: tuple[FamilyQuality, ...]
    users: int
    states: int
    answers: int
    answer_words: float
    wrong_tried: int
    wrong_passed: int


def assess(growth: Growth) -> Quality:
    """The quality of what was grown; every example is also held against answers that are wrong for it."""
    examples = growth.examples
    right = Counter(example.case.family for example in examples)
    asked = right + Counter(case.family for case, _ in growth.failed)
    wrong = _wrong_answers(examples)
    return Quality(
        examples=len(examples),
        asked=asked.total(),
        redrawn=growth.redrawn,
        families=tuple(
            FamilyQuality(name=name, asked=asked[name], right=right[name]) for name in FAMILIES if asked[name]
        ),
        users=len({example.case.user for example in examples}),
        states=len({example.case.system for example in examples}),
        answers=len({example.answer for example in examples}),
        answer_words=fmean(len(example.answer.split()) for example in examples) if examples else 0.0,
        wrong_tried=len(wrong),
        wrong_passed=sum(not any(objections(case, answer) for case, answer in tried) for tried in wrong),
    )


def _wrong_answers(examples: Sequence[Grown]) -> list[tuple[tuple[Case, str], ...]]:
    """What must not pass: either answer under the other one's state, and one answer to both questions of a pair."""
    pairs: dict[str, list[Grown]] = defaultdict(list)
    for example in examples:
        pairs[example.case.pair].append(example)
    whole = [tuple(members) for members in pairs.values() if len(members) == _PAIR]
    swapped = [((one.case, other.answer),) for pair in whole for one, other in (pair, pair[::-1])]
    echoes = [tuple((member.case, member.case.system) for member in pair) for pair in whole]
    constant = [tuple((member.case, answer) for member in pair) for pair in whole for answer in CONSTANTS]
    return [*swapped, *echoes, *constant]


def write_quality(quality: Quality, by: str) -> str:
    """The report in Markdown."""
    variety = f"{quality.users} different questions, {quality.states} states, {quality.answers} answers"
    wrong = f"{quality.wrong_passed} of {quality.wrong_tried} passed the checks"
    lines = [
        f"{quality.examples} synthetic examples of state obedience by {by}, out of {quality.asked} cases.",
        f"{quality.redrawn} pairs were drawn again: they held something of a suite, or had come up.",
        f"{variety} of {quality.answer_words:.1f} words on average.",
        f"Wrong answers on purpose (the twin's, an echo of the state, constant ones): {wrong}.",
        "",
        "| family | asked | right | share (95 %) |",
        "|---|---|---|---|",
        *map(_row, quality.families),
    ]
    return "\n".join(lines) + "\n"


def _row(family: FamilyQuality) -> str:
    low, high = wilson_interval(family.right, family.asked, _LEVEL)
    share = family.right / family.asked
    return f"| {family.name} | {family.asked} | {family.right} | {share:.0%} ({low:.0%} to {high:.0%}) |"

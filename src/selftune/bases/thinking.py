"""Bases that think before they answer: where a template puts the reasoning, and data that would train it away.

Such a template opens an answer with a block, `<think> … </think>`, and where a turn has no reasoning it writes the
block empty (Qwen 3). A few hundred answers with an empty block, or with none, teach the model to answer at once: the
loss looks healthy and the reasoning is gone. So what becomes of it is a rule with a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from selftune.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

LEAST_THOUGHT: Final = 0.9
"""Share of the answers that must hold reasoning where reasoning is trained."""

# How templates write a block; the first pair that stands in a template whole is its own.
_MARKS: Final = (
    ("<think>", "</think>"),  # Qwen 3, DeepSeek R1, SmolLM3
    ("[THINK]", "[/THINK]"),  # Magistral
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A Reasoning
)


class ThinkingRule(StrEnum):
    """What a training does with reasoning: learn it, leave it out of the loss, or knowingly train it away."""

    TRAINED = "trained"
    MASKED = "masked"
    DROPPED = "dropped"


@dataclass(frozen=True, kw_only=True)
class ThinkingMarks:
    """What opens and closes the reasoning in the text of an answer."""

    opens: str
    closes: str

    def span(self, answer: str) -> tuple[int, int] | None:
        """Where the block at the beginning of an answer lies, marks and the space after it included; None: no block."""
        block = rf"\s*{re.escape(self.opens)}.*?{re.escape(self.closes)}\s*"
        match = re.match(block, answer, flags=re.DOTALL)
        return match.span() if match else None

    def thought(self, answer: str) -> str | None:
        """The reasoning at the beginning of an answer, empty for an empty block; None: no block."""
        span = self.span(answer)
        if span is None:
            return None
        return answer[slice(*span)].strip().removeprefix(self.opens).removesuffix(self.closes).strip()


@dataclass(frozen=True, kw_only=True)
class ThinkingCount:
    """Answers by what they hold: reasoning, an empty block, or no block."""

    thought: int
    empty: int
    absent: int

    @property
    def answers(self) -> int:
        """How many were counted."""
        return self.thought + self.empty + self.absent


def thinking_marks(template: str) -> ThinkingMarks | None:
    """The marks that a chat template writes; None: its base does not think, as far as its template tells."""
    found = ((opens, closes) for opens, closes in _MARKS if opens in template and closes in template)
    return next((ThinkingMarks(opens=opens, closes=closes) for opens, closes in found), None)


def count_thinking(marks: ThinkingMarks, answers: Iterable[str]) -> ThinkingCount:
    """How many answers, as rendered, hold reasoning."""
    thoughts = [marks.thought(answer) for answer in answers]
    absent = thoughts.count(None)
    empty = thoughts.count("")
    return ThinkingCount(thought=len(thoughts) - absent - empty, empty=empty, absent=absent)


def thinking_rule(template: str, answers: Iterable[str], rule: str) -> ThinkingCount | None:
    """Hold answers against the rule before they are trained on; the count for the plan, None for a base without marks.

    Under `masked` an answer needs a block, empty or not: the block is what keeps the answer from being learnt as what
    comes first. Under `dropped` everything passes, and the count says what is given up.

    Args:
        template: The base's chat template.
        answers: The text of each answer that will be learnt, from the end of its prompt, as the template renders it.
        rule: One of `ThinkingRule`.

    Raises:
        UsageError: training on them would teach the model to answer without thinking.
        UnknownNameError: there is no such rule.
    """
    if rule not in set(ThinkingRule):
        raise UnknownNameError("thinking rule", rule, ThinkingRule)
    marks = thinking_marks(template)
    if marks is None:
        return None
    count = count_thinking(marks, answers)
    kept = count.thought if rule == ThinkingRule.TRAINED else count.answers - count.absent
    least = LEAST_THOUGHT if rule == ThinkingRule.TRAINED else 1.0
    if rule != ThinkingRule.DROPPED and kept < least * count.answers:
        raise _would_be_lost(count, rule)
    return count


def _would_be_lost(count: ThinkingCount, rule: str) -> UsageError:
    kinds = f"{count.thought} hold reasoning, {count.empty} an empty block, {count.absent} none"
    return UsageError(
        f"this base thinks before it answers, and of {count.answers} answers {kinds}: "
        f"under the rule {rule!r} they would train the thinking away.",
        next_step="Keep the reasoning in the log and train on that, or choose a base that does not think.",
    )

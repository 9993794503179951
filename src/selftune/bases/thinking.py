"""Bases that think before they answer: where a template puts the reasoning, and answers that would train it away.

Such a template opens an answer with a block, `<think> … </think>`, and where a turn has no reasoning it writes the
block empty (Qwen 3). A few hundred answers with an empty block under the loss, or with none, teach the model to answer
at once: the loss looks healthy and the reasoning is gone. So the block is never learnt, and an answer without one is
refused: after a block, even an empty one, the answer says nothing of whether to think.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.bases.facts import template_of
from selftune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# How templates write a block; the first pair that stands in a template whole is its own.
_MARKS: Final = (
    ("<think>", "</think>"),  # Qwen 3, DeepSeek R1, SmolLM3
    ("[THINK]", "[/THINK]"),  # Magistral
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A Reasoning
)


@dataclass(frozen=True, kw_only=True)
class ThinkingMarks:
    """What opens and closes the reasoning in the text of an answer.

    Attributes:
        begun: Whether the template opens the block itself, so that an answer begins within it (DeepSeek R1).
    """

    opens: str
    closes: str
    begun: bool = False

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
    for opens, closes in _MARKS:
        if opens in template and closes in template:
            prompt = template.rpartition("add_generation_prompt")[2]
            begun = prompt.count(opens) > prompt.count(closes)
            return ThinkingMarks(opens=opens, closes=closes, begun=begun)
    return None


def marks_of_folder(folder: Path) -> ThinkingMarks | None:
    """The marks of the base in a folder; None for one that does not think, or that has no single template."""
    try:
        return thinking_marks(template_of(folder))
    except UsageError:
        return None


def count_thinking(marks: ThinkingMarks, answers: Iterable[str]) -> ThinkingCount:
    """How many answers, as rendered, hold reasoning."""
    thoughts = [marks.thought(answer) for answer in answers]
    absent = thoughts.count(None)
    empty = thoughts.count("")
    return ThinkingCount(thought=len(thoughts) - absent - empty, empty=empty, absent=absent)


def thinking_rule(template: str, answers: Iterable[str]) -> ThinkingCount | None:
    """Hold answers against the rule before they are trained on; their count, None for a base that does not think.

    Args:
        template: The base's chat template.
        answers: The text of each answer, from the end of its prompt, as the template renders it.

    Raises:
        UsageError: an answer has no block, so it would be learnt as what comes first.
    """
    marks = thinking_marks(template)
    if marks is None:
        return None
    count = count_thinking(marks, answers)
    if count.absent:
        raise UsageError(
            f"this base thinks before it answers, and {count.absent} of {count.answers} answers begin with no block of "
            f"reasoning: they would train the thinking away.",
            next_step=f"Use a base that does not think, or whose template opens each answer with {marks.opens}.",
        )
    return count

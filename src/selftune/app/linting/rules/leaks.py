"""Training on what measures: said in the report itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selftune.app.linting.base import Contradiction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.linting.document import Document

_MADE_FOR: Final = re.compile(
    r"\b(?:\d+\s+)?(?:pairs?|examples?|samples?|training (?:data|set))\b[^.]{0,40}?"
    r"\b(?:targeting|targeted at|based on|derived from|written for|drawn from|from)\b[^.]{0,40}?"
    r"\b(?:eval(?:uation)?|test|benchmark|exam|hold-?out|held-out)[- ](?:set\s+)?"
    r"(?:prompts?|items?|questions?|set|cases)\b",
    re.IGNORECASE,
)
_APART: Final = re.compile(r"\b(?:excluded|reported apart|held apart|not counted|confounded)\b", re.IGNORECASE)


def check_targeted_training(document: Document) -> Iterator[Contradiction]:
    """Training data made for the prompts that measure it, and no word that those gains stand apart."""
    apart = {sentence.line for sentence in document.sentences if _APART.search(sentence.text)}
    for sentence in document.sentences:
        found = _MADE_FOR.search(sentence.text)
        if found and sentence.line not in apart:
            yield Contradiction(
                rule="leak",
                lines=(sentence.line,),
                figures=(found[0],),
                told="training data was made for prompts of the evaluation: a gain on them shows memory, not skill, "
                "and has to be reported apart",
            )

"""Does an answer get a case right? The shared checks in both directions, and what an edge adds to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.scoring import reading
from selftune.scoring.state_obedience import check_answer, parse_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.curation.growth.cases import Case


def objections(case: Case, answer: str) -> tuple[str, ...]:
    """Everything that is wrong with an answer; empty when it holds what it must and nothing that it must not."""
    found = check_answer(case.expectation, answer, parse_state(case.system))
    return (*(item.reason for item in found.items if not item.passed), *_edge_objections(case, answer))


def _edge_objections(case: Case, answer: str) -> Iterator[str]:
    text = reading.normalise(answer)
    for word in case.must_not:
        if reading.mentions(text, word):
            yield f"It says {word!r}, which the state does not."
    words = len(reading.words(text))
    if case.most_words is not None and words > case.most_words:
        yield f"{words} words, and at this level of context at most {case.most_words} are asked for."
    if case.least_words is not None and words < case.least_words:
        yield f"{words} words, and at this level of context at least {case.least_words} are asked for."

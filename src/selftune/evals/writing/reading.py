"""Reading: the same question about a text that answers it, and about the text without that sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.evals.writing.items import make_item, sentences_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from selftune.records import SuiteItem

CATEGORY: Final = "reading"
_MOST_WORDS: Final = 12
_NOT_STATED: Final = "not stated"
_ASKS: Final = "{text}\n\n{asked} Answer in a few words, from this text alone; if it does not say, answer: not stated."


def write_reading(rng: Random) -> Iterator[SuiteItem]:
    """A pair for each question: in medium ones the sentences are shuffled, in hard ones another text stands before."""
    passages = sentences_of("passages.toml")["passages"]
    for number, passage in enumerate(passages):
        for place, question in enumerate(passage["questions"]):
            # A text comes up twice; the second time it stands in other company, or both would tell the same.
            difficulty = "hard" if place else ("easy", "medium")[number % 2]
            other = passages[(number + 5) % len(passages)]["sentences"]
            name = f"{CATEGORY}-{number:02d}-{place}"
            for letter, sentences in zip("ab", _versions(passage["sentences"], question["by"]), strict=True):
                text = _laid_out(sentences, other, difficulty, rng)
                yield make_item(
                    f"{name}{letter}",
                    CATEGORY,
                    "stated" if letter == "a" else "not_stated",
                    difficulty,
                    _ASKS.format(text=text, asked=question["asked"]),
                    _expected(question, stated=letter == "a"),
                    scorer="regex",
                    pair=name,
                )


def _versions(sentences: list[str], by: int) -> tuple[list[str], list[str]]:
    return sentences, [sentence for place, sentence in enumerate(sentences) if place != by]


def _laid_out(sentences: list[str], other: list[str], difficulty: str, rng: Random) -> str:
    shown = list(sentences)
    if difficulty == "medium":
        # The first sentence names what the others speak of.
        rest = shown[1:]
        rng.shuffle(rest)
        shown = [shown[0], *rest]
    text = " ".join(shown)
    return f"{' '.join(other)}\n\n{text}" if difficulty == "hard" else text


def _expected(question: dict[str, Any], *, stated: bool) -> dict[str, Any]:
    if stated:
        return {"any": question["right"], "none": [_NOT_STATED], "most_words": _MOST_WORDS, "closed": True}
    return {"all": [_NOT_STATED], "none": question["right"], "most_words": _MOST_WORDS, "closed": True}

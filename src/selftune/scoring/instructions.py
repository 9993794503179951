"""Instructions that code can verify: how many words or bullets, which words, which case, which language.

The idea of grading a model only by what a program can check is that of J. Zhou et al., "Instruction-Following
Evaluation for Large Language Models", arXiv:2311.07911 (2023). The set here is small and its wording our own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from selftune.scoring.failures import language_of
from selftune.scoring.reading import mentions, normalise, sentences, words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BULLET: Final = re.compile(r"^\s*(?:[-*\u2022]|\d+[.)])\s+\S", re.MULTILINE)
_PARAGRAPH: Final = re.compile(r"\n\s*\n")


class Kind(StrEnum):
    """What is asked for."""

    WORDS = "words"
    SENTENCES = "sentences"
    BULLETS = "bullets"
    PARAGRAPHS = "paragraphs"
    HOLDS = "holds"
    HOLDS_ANY = "holds_any"
    LACKS = "lacks"
    LACKS_LETTERS = "lacks_letters"
    STARTS = "starts"
    ENDS = "ends"
    LOWER_CASE = "lower_case"
    UPPER_CASE = "upper_case"
    LANGUAGE = "language"
    IN_ORDER = "in_order"


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One thing that an answer must do.

    Attributes:
        texts: The words or phrases that `holds`, `holds_any`, `lacks`, `lacks_letters`, `starts`, `ends`, `in_order`
            or `language` speak of.
        least: The fewest of what is counted; for `holds` how often each must stand there, in this very form.
        most: The most of it.
    """

    kind: Kind
    texts: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None


def follows(instruction: Instruction, answer: str) -> tuple[bool, str]:
    """Whether an answer does what the instruction says, and a sentence on what was found."""
    count = _COUNTED.get(instruction.kind)
    if count is not None:
        return _within(instruction, count(answer))
    return _CHECKED[instruction.kind](instruction, answer)


def _within(instruction: Instruction, count: int) -> tuple[bool, str]:
    least = instruction.least or 0
    bound = f"at least {least}" if instruction.most is None else f"{least} to {instruction.most}"
    return _fits(instruction, count), f"{count} {instruction.kind.value} ({bound})."


def _fits(instruction: Instruction, count: int) -> bool:
    return count >= (instruction.least or 0) and (instruction.most is None or count <= instruction.most)


def _bullets(answer: str) -> int:
    return len(_BULLET.findall(answer))


def _paragraphs(answer: str) -> int:
    return sum(bool(part.strip()) for part in _PARAGRAPH.split(answer))


def _counted_words(answer: str) -> int:
    return len(words(normalise(answer)))


def _counted_sentences(answer: str) -> int:
    # What holds no word (an ellipsis, a closing bracket) ends a sentence and is none.
    return sum(bool(words(part)) for part in sentences(answer))


def _holds(instruction: Instruction, answer: str) -> tuple[bool, str]:
    if instruction.least is None and instruction.most is None:
        few = [text for text in instruction.texts if not mentions(answer, text)]
        return not few, f"It lacks {', '.join(map(repr, few))}." if few else "It holds every word that was asked for."
    counts = {text: _times(answer, text) for text in instruction.texts}
    held = all(_fits(instruction, count) for count in counts.values())
    return held, "It holds " + ", ".join(f"{text!r} {count} times" for text, count in counts.items()) + "."


def _holds_any(instruction: Instruction, answer: str) -> tuple[bool, str]:
    found = next((text for text in instruction.texts if mentions(answer, text)), None)
    return found is not None, f"It holds {found!r}." if found else f"It holds none of {', '.join(instruction.texts)}."


def _lacks(instruction: Instruction, answer: str) -> tuple[bool, str]:
    found = [text for text in instruction.texts if mentions(answer, text)]
    return not found, f"It holds {', '.join(map(repr, found))}." if found else "It holds no forbidden word."


def _lacks_letters(instruction: Instruction, answer: str) -> tuple[bool, str]:
    found = [text for text in instruction.texts if text.lower() in answer.lower()]
    return not found, f"It holds {', '.join(map(repr, found))}." if found else "It holds no forbidden sign."


def _starts(instruction: Instruction, answer: str) -> tuple[bool, str]:
    held = any(_plain(answer).startswith(_plain(text)) for text in instruction.texts)
    return held, f"It starts with {answer.strip()[:30]!r}."


def _ends(instruction: Instruction, answer: str) -> tuple[bool, str]:
    held = any(_plain(answer).endswith(_plain(text)) for text in instruction.texts)
    return held, f"It ends with {answer.strip()[-30:]!r}."


def _lower_case(_: Instruction, answer: str) -> tuple[bool, str]:
    held = answer == answer.lower() and any(map(str.isalpha, answer))
    return held, "It is all in lower case." if held else "It is not all in lower case."


def _upper_case(_: Instruction, answer: str) -> tuple[bool, str]:
    held = answer == answer.upper() and any(map(str.isalpha, answer))
    return held, "It is all in capitals." if held else "It is not all in capitals."


def _language(instruction: Instruction, answer: str) -> tuple[bool, str]:
    found = language_of(answer)
    return found in instruction.texts, f"Its language reads as {found or 'unknown'}."


def _in_order(instruction: Instruction, answer: str) -> tuple[bool, str]:
    places = [_place(answer, text) for text in instruction.texts]
    known = [place for place in places if place is not None]
    held = len(known) == len(places) and known == sorted(known)
    order = ", ".join(instruction.texts)
    return held, f"It {'keeps' if held else 'does not keep'} the order {order}."


def _times(answer: str, text: str) -> int:
    return len(re.findall(rf"(?<!\w){re.escape(text)}(?!\w)", answer, re.IGNORECASE))


def _place(answer: str, text: str) -> int | None:
    found = re.search(rf"(?<!\w){re.escape(text)}(?!\w)", answer, re.IGNORECASE)
    return None if found is None else found.start()


def _plain(text: str) -> str:
    return normalise(text).lower()


_COUNTED: Final[Mapping[Kind, Callable[[str], int]]] = {
    Kind.WORDS: _counted_words,
    Kind.SENTENCES: _counted_sentences,
    Kind.BULLETS: _bullets,
    Kind.PARAGRAPHS: _paragraphs,
}
_CHECKED: Final[Mapping[Kind, Callable[[Instruction, str], tuple[bool, str]]]] = {
    Kind.HOLDS: _holds,
    Kind.HOLDS_ANY: _holds_any,
    Kind.LACKS: _lacks,
    Kind.LACKS_LETTERS: _lacks_letters,
    Kind.STARTS: _starts,
    Kind.ENDS: _ends,
    Kind.LOWER_CASE: _lower_case,
    Kind.UPPER_CASE: _upper_case,
    Kind.LANGUAGE: _language,
    Kind.IN_ORDER: _in_order,
}

"""Passages of a folder of documents, and which of them bear on a question (BM25)."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.curation.likeness.meaning import content_words
from selftune.errors import MissingFileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

ENDINGS: Final = (".txt", ".md")
_WORDS: Final = 150
_PARAGRAPH: Final = re.compile(r"\n\s*\n")
_K1, _B = 1.5, 0.75


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Some paragraphs of a document; `name` is what is cited: the file and which passage of it."""

    name: str
    text: str


def read_passages(folder: Path) -> tuple[Passage, ...]:
    """Every passage of the text and Markdown files below a folder, in the order of their names.

    Raises:
        MissingFileError: there is no such folder.
        UsageError: it holds no text, or a file that is no UTF-8.
    """
    if not folder.is_dir():
        raise MissingFileError(f"there is no folder {folder}.", next_step="Name a folder of .txt or .md files.")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    found = tuple(passage for path in files for passage in _split(path, path.relative_to(folder).as_posix()))
    if not found:
        raise UsageError(f"{folder} holds no text.", next_step="Put .txt or .md files into it.")
    return found


def _split(path: Path, name: str) -> Iterator[Passage]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is no UTF-8 text.", next_step="Convert it, or take it out of the folder.") from error
    for place, block in enumerate(_blocks(_PARAGRAPH.split(text)), start=1):
        yield Passage(name=f"{name}#{place}", text=block)


def _blocks(paragraphs: Iterable[str]) -> Iterator[str]:
    """Paragraphs joined while they fit; one that is longer than a passage stays whole."""
    held: list[str] = []
    for paragraph in filter(None, map(str.strip, paragraphs)):
        if held and sum(len(one.split()) for one in (*held, paragraph)) > _WORDS:
            yield "\n\n".join(held)
            held = []
        held.append(paragraph)
    if held:
        yield "\n\n".join(held)


class Bm25:
    """Ranks passages by how much they bear on a question; words of grammar alone bear on nothing.

    Source:
        S. Robertson and H. Zaragoza, "The probabilistic relevance framework: BM25 and beyond", Foundations and Trends
        in Information Retrieval 3 (2009), with k1 = 1.5, b = 0.75 and the inverse document frequency kept above 0.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._counts = [Counter(content_words(passage.text)) for passage in passages]
        self._lengths = [count.total() for count in self._counts]
        self._mean_length = sum(self._lengths) / max(1, len(passages)) or 1.0
        self._holding = Counter(word for count in self._counts for word in count)

    def best(self, question: str, count: int) -> tuple[Passage, ...]:
        """At most `count` passages that share a word of content with the question, the likeliest first."""
        scores = [(self._score(content_words(question), place), -place) for place in range(len(self._passages))]
        ranked = sorted((found for found in scores if found[0] > 0), reverse=True)[:count]
        return tuple(self._passages[-place] for _, place in ranked)

    def _score(self, words: Sequence[str], place: int) -> float:
        counts, length = self._counts[place], self._lengths[place] / self._mean_length
        return sum(
            self._rarity(word) * counts[word] * (_K1 + 1) / (counts[word] + _K1 * (1 - _B + _B * length))
            for word in set(words)
            if word in counts
        )

    def _rarity(self, word: str) -> float:
        holding = self._holding[word]
        return math.log(1 + (len(self._passages) - holding + 0.5) / (holding + 0.5))

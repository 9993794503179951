"""Shares of a count, shares that make up a whole, and parts that are more than the whole they are of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selftune.app.linting.base import Contradiction
from selftune.app.linting.document import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.linting.document import Document, Table

_SHARE_OF: Final = re.compile(r"(?P<share>\d+(?:\.\d+)?)\s?%\s*\((?P<hits>\d+)\s*(?:/|of|out of)\s*(?P<n>\d+)\)")
_OF_SHARE: Final = re.compile(
    r"(?<![\d.,/])(?P<hits>\d+)\s*(?:/|of|out of)\s*(?:the\s+|all\s+)?(?P<n>\d+)(?:\s+[a-z]+){0,3}\s*"
    r"\((?P<share>\d+(?:\.\d+)?)\s?%\)"
)
_OF_ALL_SHARE: Final = re.compile(
    r"\b[Oo]f\s+(?:the\s+|all\s+)?(?P<n>\d+)\s+[a-z]+,?\s+(?P<hits>\d+)\s+\((?P<share>\d+(?:\.\d+)?)\s?%\)"
)
_OF_WHOLE: Final = re.compile(
    r"\b(?:pass|fail|answer|hold|held|broke|scor|solv|got|keep|kept|lost|won)\w*\s+(?P<hits>\d+)\s+(?:out\s+)?of\s+"
    r"(?:the\s+|all\s+)?(?P<n>\d+)\b(?![.,]?\d)",
    re.IGNORECASE,
)
_COUNT_AND_SHARE: Final = re.compile(r"(\d[\d,]*)\s*\((\d+(?:\.\d+)?)\s?%\)")
_SPLIT: Final = re.compile(
    r"\b(?:split|mix|mixture|mixed|composition|consists?|made up|breakdown|shares?)\b", re.IGNORECASE
)
_PART: Final = re.compile(r"(?<![\w.])(?P<share>\d+(?:\.\d+)?)\s?%")
_WHOLE: Final = re.compile(
    r"(?<![\w.])(?P<n>\d+)\s+(?:items|prompts|questions|cases|answers|pairs|examples|lessons):\s+"
    r"(?P<parts>\d+\s+[^:.;]*\d+\s+[^:.;\d]*)$"
)
_PART_COUNT: Final = re.compile(r"(?<![\w.%])(\d+)\s+(?!%)[a-z]")
_HITS: Final = frozenset({"hits", "passes", "passed", "successes", "correct", "right", "failures", "failed", "broken"})
_N: Final = frozenset({"n", "items", "answers", "prompts", "questions", "cases", "of"})
_RATES: Final = frozenset({"share", "rate", "percent", "accuracy", "pass rate", "success rate", "failure rate"})
_LEAST_PARTS: Final = 3
_WHOLE_SHARE: Final = 100


def check_shares(document: Document) -> Iterator[Contradiction]:
    """`97% (38/39)`, `38 of 39 answers (97 %)`, and lists of counts with their shares of the whole."""
    places = [(sentence.line, sentence.text) for sentence in document.sentences]
    places += [(row.line, " | ".join(row.cells)) for table in document.tables for row in table.rows]
    for line, text in places:
        stated = [found for form in (_SHARE_OF, _OF_SHARE, _OF_ALL_SHARE) for found in form.finditer(text)]
        for found in stated:
            yield from _one_share(line, int(found["hits"]), int(found["n"]), float(found["share"]))
        counted = [(int(count.replace(",", "")), float(share)) for count, share in _COUNT_AND_SHARE.findall(text)]
        whole = sum(count for count, _ in counted)
        wrong = [(count, share) for count, share in counted if whole and abs(100 * count / whole - share) > 1]
        # That most of them fit shows that the counts are parts of one whole.
        if len(counted) >= _LEAST_PARTS and 2 * len(wrong) < len(counted):
            for count, share in wrong:
                told = f"{count} of {whole} is {100 * count / whole:.1f} %, and {share:g} % is printed"
                yield _found(line, (f"{share:g}%", f"{count}/{whole}"), told)


def check_share_columns(document: Document) -> Iterator[Contradiction]:
    """A column of shares beside the columns of hits and of trials that it comes from."""
    for table in document.tables:
        hits, n, rate = (_place(table, names) for names in (_HITS, _N, _RATES))
        if hits is None or n is None or rate is None:
            continue
        for row in table.rows:
            one, other, share = row.amount(hits), row.amount(n), row.amount(rate)
            if one is not None and other is not None and share is not None and share.is_percent:
                yield from _one_share(row.line, int(one.value), int(other.value), share.value)


def _place(table: Table, names: frozenset[str]) -> int | None:
    return next((place for place, head in enumerate(table.head) if place and words_of(head) in names), None)


def _one_share(line: int, hits: int, n: int, share: float) -> Iterator[Contradiction]:
    if n and abs(100 * hits / n - share) > 1:
        told = f"{hits} of {n} is {100 * hits / n:.1f} %, and {share:g} % is printed"
        yield _found(line, (f"{share:g}%", f"{hits}/{n}"), told)


def check_wholes(document: Document) -> Iterator[Contradiction]:
    """`passed 41 of 39`, parts that are said to make up 36 items and are more, shares of a split that are not 100 %."""
    for sentence in document.sentences:
        for found in _OF_WHOLE.finditer(sentence.text):
            if int(found["hits"]) > int(found["n"]):
                told = f"{found['hits']} can't be a part of {found['n']}"
                yield _found(sentence.line, (found["hits"], found["n"]), told)
        if listed := _WHOLE.search(sentence.text.rstrip(".")):
            parts = [int(part) for part in _PART_COUNT.findall(listed["parts"])]
            if len(parts) >= _LEAST_PARTS - 1 and sum(parts) > int(listed["n"]):
                told = f"the parts of {listed['n']} come to {sum(parts)}"
                yield _found(sentence.line, (listed["n"], str(sum(parts))), told)
        yield from _split(sentence.line, sentence.text)


def _split(line: int, text: str) -> Iterator[Contradiction]:
    announced = _SPLIT.search(text)
    shares = [float(share) for share in _PART.findall(text[announced.end() :])] if announced else []
    whole = sum(shares)
    # Half a point of rounding for each; far from a whole, they are no parts of one.
    if len(shares) >= _LEAST_PARTS and len(shares) / 2 < abs(whole - _WHOLE_SHARE) <= _WHOLE_SHARE / 4:
        told = f"the shares of the split come to {whole:g} %"
        yield _found(line, tuple(f"{share:g}%" for share in shares), told)


def _found(line: int, figures: tuple[str, ...], told: str) -> Contradiction:
    return Contradiction(rule="share", lines=(line,), figures=figures, told=told)

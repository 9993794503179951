"""Raw beside corrected: figures that were made in two ways may not be held against each other."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from selftune.app.linting.base import Contradiction
from selftune.app.linting.numbers import amounts_in
from selftune.app.linting.series import METHODS, OVERALL, method_in, read_series

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.linting.document import Document
    from selftune.app.linting.numbers import Amount
    from selftune.app.linting.series import Series

_COMPARES: Final = re.compile(
    r"\bvs\b|\bversus\b|→|\bdegrad\w*|\bdrop\w*|\bfell\b|\bregress\w*|\bimprov\w*|\d\s?[\u00d7x]\s", re.IGNORECASE
)
_SAID: Final = re.compile(rf"\b(?:{'|'.join(METHODS)})\b", re.IGNORECASE)
_MOST_APART: Final = 0.6
_LEAST: Final = 4


def check_mixed_sentences(document: Document) -> Iterator[Contradiction]:
    """A sentence that holds a score known only as raw against one known only as corrected."""
    made: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for one in read_series(document):
        if one.method and OVERALL in one.values:
            amount, line = one.values[OVERALL]
            made[amount.shown][one.method].add(line)
    for sentence in document.sentences:
        if not _COMPARES.search(sentence.text) or len({word.lower() for word in _SAID.findall(sentence.text)}) > 1:
            continue
        figures = {amount.shown: made[amount.shown] for _, amount in amounts_in(sentence.text) if amount.shown in made}
        alone = {shown: next(iter(methods)) for shown, methods in figures.items() if len(methods) == 1}
        if len(set(alone.values())) > 1:
            lines = sorted({min(made[shown][method]) for shown, method in alone.items()} | {sentence.line})
            yield Contradiction(
                rule="method",
                lines=tuple(lines),
                figures=tuple(f"{shown} ({method})" for shown, method in alone.items()),
                told="the sentence holds a raw score against a corrected one; only scores made in one way compare"
                + _like_with_like(document, alone),
            )


def _like_with_like(document: Document, alone: dict[str, str]) -> str:
    """The other score of the same thing, where the report has it."""
    series = read_series(document)
    told: list[str] = []
    for shown, method in alone.items():
        keys = {one.key for one in series if one.method == method and _overall(one) == shown}
        others = (one for one in series if one.key in keys and one.method != method and one.method in alone.values())
        told += (f"{_overall(one)} is the {one.method} one of {shown}" for one in others)
    return f" ({'; '.join(dict.fromkeys(told))})" if told else ""


def _overall(one: Series) -> str | None:
    return one.values[OVERALL][0].shown if OVERALL in one.values else None


def check_mixed_tables(document: Document) -> Iterator[Contradiction]:
    """A table that says `corrected` and sets a column beside it whose figures are the raw ones of another table."""
    series = read_series(document)
    said: dict[int, Counter[str | None]] = defaultdict(Counter)
    for one in series:
        said[id(one.table)][one.method] += 1
    for one in series:
        declared = set((said[id(one.table)] - Counter([one.method])).keys()) - {None}
        titled = method_in(one.table.title) is not None
        if one.own_method is not None or titled or not declared or len(one.scores) < _LEAST:
            continue
        for reference in _references(series, one, whole=True):
            if reference.method not in declared:
                yield Contradiction(
                    rule="method",
                    lines=(one.table.line, reference.line),
                    figures=tuple(amount.shown for amount in one.scores.values()),
                    told=f"the table holds {one.name!r} against {min(map(str, declared))} figures, and its own "
                    f"are the {reference.method} ones of {reference.name!r}",
                )
                break


def check_mixed_rows(document: Document) -> Iterator[Contradiction]:
    """One row of which some figures are only raw and others only corrected."""
    series = read_series(document)
    titled = [one for one in series if method_in(one.table.title) and len(one.scores) >= _LEAST]
    by_key: dict[str, list[Series]] = defaultdict(list)
    for one in titled:
        by_key[one.key].append(one)
    mixable = [variants for variants in by_key.values() if len({one.method for one in variants}) > 1]
    for one in series:
        if len(one.scores) < _LEAST or method_in(one.table.title):
            continue
        for variants in mixable:
            yield from _check_mixture(one, [other for other in variants if other.table is not one.table])


def _check_mixture(one: Series, variants: Sequence[Series]) -> Iterator[Contradiction]:
    ways: dict[str, set[str]] = {}
    known = {name for other in variants for name in other.scores}
    for name, amount in one.scores.items():
        if name not in known:
            continue
        fitting = {
            str(other.method) for other in variants if name in other.scores and amount.agrees(other.scores[name].value)
        }
        if not fitting:
            return
        ways[name] = fitting
    alone = {name: next(iter(fitting)) for name, fitting in ways.items() if len(fitting) == 1}
    if len(ways) >= _LEAST and len({str(other.method) for other in variants}) > 1 and len(set(alone.values())) > 1:
        parts = [f"{name} {one.scores[name].shown} ({method})" for name, method in alone.items()]
        yield Contradiction(
            rule="method",
            lines=(one.line, *(other.line for other in variants)),
            figures=tuple(parts),
            told=f"the figures of {one.name!r} are mixed: {', '.join(parts)}",
        )


def check_counts_across_methods(document: Document) -> Iterator[Contradiction]:
    """Counts of failures that go with one method's scores, held against the other's."""
    series = read_series(document)
    for one in series:
        if one.own_method is None or len(one.scores) < _LEAST:
            continue
        for reference in _references(series, one, whole=False):
            for name, (amount, line) in one.values.items():
                other = _count_like(reference, name)
                if name in one.scores or other is None or reference.method == one.own_method:
                    continue
                if not other[0].agrees(amount.value):
                    yield Contradiction(
                        rule="method",
                        lines=(line, other[1]),
                        figures=(f"{amount.shown} ({one.own_method})", f"{other[0].shown} ({reference.method})"),
                        told=f"{name} of {one.name!r} is {amount.shown} here and {other[0].shown} with its "
                        f"{reference.method} scores: only counts made in one way compare",
                    )


def _count_like(reference: Series, name: str) -> tuple[Amount, int] | None:
    """The same count by its name, where one of the names is shortened: `crit failures`, `critical failures`."""
    words = name.split()
    for other, found in reference.values.items():
        parts = other.split()
        if len(parts) == len(words) and all(
            a.startswith(b) or b.startswith(a) for a, b in zip(parts, words, strict=True)
        ):
            return found
    return None


def _references(series: Sequence[Series], one: Series, *, whole: bool) -> Iterator[Series]:
    """Series of other tables that say their method and whose figures these are: all of them, or most."""
    for other in series:
        if other.table is one.table or other.own_method is not None or method_in(other.table.title) is None:
            continue
        shared = [name for name in one.scores if name in other.scores and name != OVERALL]
        same = sum(one.scores[name].agrees(other.scores[name].value) for name in shared)
        if len(shared) >= _LEAST and (same == len(shared) if whole else same >= _MOST_APART * len(shared)):
            yield other

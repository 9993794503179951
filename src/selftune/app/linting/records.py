"""The records of a project behind a report: its own page made again, and figures that it gives of named builds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.linting.again import command_in, hold_against_again
from selftune.app.linting.base import Contradiction, Held
from selftune.app.linting.document import words_of
from selftune.app.linting.numbers import cell_amount
from selftune.app.linting.series import OVERALL, read_series
from selftune.errors import SelftuneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from selftune.app.linting.document import Document
    from selftune.app.linting.numbers import Amount
    from selftune.app.reporting.overview import Measured
    from selftune.app.reporting.pages.parts import Page
    from selftune.loop.project import Project

_RULE: Final = "records"
_OVERALL: Final = frozenset({OVERALL, "mean", "score", "mean score", "overall mean", "overall score"})
_COUNTS: Final = frozenset({"n", "items", "pairs"})
_CRITICAL: Final = frozenset({"critical", "critical failures"})
_LEAST_HEX: Final = 6
_SAID: Final = re.compile(r"\b(?:mean|scor\w+|overall)\b\D{0,15}?(?P<figure>\d+\.\d+\s?%?)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What one evaluation comes to, by the words that a report may call it."""

    name: str
    suite: str
    ids: tuple[str, ...]
    figures: Mapping[str, float]

    def is_named(self, word: str) -> bool:
        """Whether a word is this build's version, or the beginning of its id or its evaluation's."""
        long = len(word) >= _LEAST_HEX
        return word == self.name or (long and any(one.startswith(word) for one in self.ids))


def hold_against_records(document: Document, project: Project, read_again: Callable[[Page], Document]) -> Held:
    """Make a page of ours again and compare; of any other report recompute what it says of builds it names.

    `read_again` gives a page as a report in the form of the document, Markdown or HTML.
    """
    if arguments := command_in(document):
        return _made_again(document, project, arguments, read_again)
    known = _read(project)
    held = [(one.name, found) for one, found in _quoted(document, known)]
    held += _said(document, known)
    return Held(
        contradictions=tuple(found for _, found in held if found is not None),
        recomputed=tuple(dict.fromkeys(name for name, _ in held)),
    )


def _made_again(
    document: Document, project: Project, arguments: Sequence[str], read_again: Callable[[Page], Document]
) -> Held:
    from selftune.app.reporting.naming import page_made_again

    command = " ".join(("selftune report", *arguments))
    try:
        page = page_made_again(project, arguments)
    except SelftuneError as error:
        told = f"it says that {command} makes it, and the project has no such page: {error}"
        return Held(
            contradictions=(Contradiction(rule=_RULE, lines=(), figures=(), told=told.rstrip(".")),), recomputed=()
        )
    return Held(contradictions=hold_against_again(document, read_again(page)), recomputed=(command,))


def _read(project: Project) -> tuple[_Known, ...]:
    from selftune.app.reporting.overview import gather_everything
    from selftune.app.reporting.suites import KnownSuites

    return tuple(map(_known, gather_everything(project, KnownSuites(project)).measured))


def _known(measured: Measured) -> _Known:
    summary = measured.arm.summary
    means = ((words_of(name), mean) for parts in (summary.by_category, summary.by_difficulty) for name, mean in parts)
    figures = {name: mean.value for name, mean in means if mean.value is not None}
    figures |= dict.fromkeys(_CRITICAL, float(summary.critical_failures))
    figures |= dict.fromkeys(_COUNTS, float(summary.overall.n))
    if summary.overall.value is not None:
        figures |= dict.fromkeys(_OVERALL, summary.overall.value)
    evaluation = measured.arm.evaluation
    return _Known(
        name=measured.arm.name,
        suite=words_of(evaluation.suite),
        ids=tuple(one.partition(":")[2] for one in (measured.id, evaluation.build_id)),
        figures=figures,
    )


def _named(text: str, known: Sequence[_Known], around: str) -> list[_Known]:
    """Evaluations of the build that a text names; only those on a suite that the text or what is around it names."""
    words = words_of(text).split()
    found = [one for one in known if any(map(one.is_named, words))]
    on_suite = [one for one in found if one.suite in words_of(f"{around} {text}")]
    return on_suite or found


def _quoted(document: Document, known: Sequence[_Known]) -> Iterator[tuple[_Known, Contradiction | None]]:
    """Figures in tables whose row or column is named like a build."""
    for one in read_series(document):
        around = f"{one.table.title} {one.table.caption}"
        for name, (amount, line) in one.values.items():
            candidates = [known_one for known_one in _named(one.name, known, around) if name in known_one.figures]
            if candidates:
                values = [known_one.figures[name] for known_one in candidates]
                yield candidates[-1], _unless_any(amount, values, line, f"{name} of {one.name!r}")


def _said(document: Document, known: Sequence[_Known]) -> Iterator[tuple[str, Contradiction | None]]:
    """Means in sentences that name a build; one that is no mean of it at all is none that was measured."""
    for sentence in document.sentences:
        candidates = _named(sentence.text, known, "")
        if len({one.name for one in candidates}) != 1:
            continue
        values = [value for one in candidates for name, value in one.figures.items() if name not in _COUNTS | _CRITICAL]
        for found in _SAID.finditer(sentence.text):
            amount = cell_amount(found["figure"])
            if amount is not None and values:
                what = f"a mean of {candidates[-1].name!r}"
                yield candidates[-1].name, _unless_any(amount, values, sentence.line, what)


def _unless_any(amount: Amount, values: Sequence[float], line: int, what: str) -> Contradiction | None:
    scaled = [100 * value for value in values] if amount.is_percent else list(values)
    if any(map(amount.agrees, scaled)):
        return None
    given = ", ".join(dict.fromkeys(f"{value:.3f}" for value in values))
    return Contradiction(
        rule=_RULE,
        lines=(line,),
        figures=(amount.shown, given),
        told=f"{what} is printed as {amount.shown}; the records give {given}",
    )

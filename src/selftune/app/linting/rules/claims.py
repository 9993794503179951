"""Words that a table can refute: robust, unchanged, monotone, the lower the worse, optimal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from selftune.app.linting.base import Contradiction
from selftune.app.linting.document import words_of
from selftune.app.linting.series import OVERALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.linting.document import Document, Sentence, Table

_STEADY: Final = re.compile(
    r"\b(?:robust|unchanged|stable|stuck|persistent|flat|differs?\s+only|no effect)\b", re.IGNORECASE
)
_RANGE: Final = re.compile(
    r"differs?\s+only\s+(?:by\s+)?(?:\d+(?:\.\d+)?\s*[-\u2013]\s*)?(\d+(?:\.\d+)?)", re.IGNORECASE
)
_STUCK_AT: Final = re.compile(r"\b(?:at|persistent)\s+(\d+(?:\.\d+)?)(?:/10)?\s+(?:across|regardless|over|for)\b")
_HURTS: Final = re.compile(
    r"\b(lower|higher|smaller|larger|fewer|more)\b[^.]{0,60}?"
    r"\b(?:sacrific\w+|degrad\w+|hurts?|worsen\w*|reduc\w+|improv\w+|monoton\w+)\b",
    re.IGNORECASE,
)
_MONOTONE: Final = re.compile(r"\bmonoton\w+", re.IGNORECASE)
_VALUES: Final = re.compile(r"\(([A-Za-z_ ]+):\s*\d+(?:\.\d+)?\s*(?:vs|→|to)\s*\d")
_GROUP: Final = re.compile(r"\b([A-Za-z]+)-(?:\w+\s+)?(?:dependent\s+)?categories\s*\(([^)]*)\)")
_NOISE: Final = re.compile(
    r"(?:smaller than|below|under)\s+~?(\d+(?:\.\d+)?)[^.]{0,40}\b(?:invisible|noise)", re.IGNORECASE
)
_OPTIMAL: Final = re.compile(
    r"\bnear[- ]optimal\b|\b(?:at|sits at)\b[^.]{0,20}\boptimum\b|\bwell-optimi[sz]ed\b|\boptimal for\b|"
    r"\bremains optimal\b", re.IGNORECASE
)  # fmt: skip
_DENIED: Final = re.compile(
    r"\b(?:does|do|did|is|are|was) not (?:follow|show\w*|conclude\w*)|\bno evidence\b", re.IGNORECASE
)
_REPEATED: Final = re.compile(
    r"±|\+/-|\[[^\]]*\d[^\]]*,[^\]]*\d[^\]]*\]|\bconfidence\b|\bp\s*[<=]\s*0?\.\d", re.IGNORECASE
)
_SHORT: Final = re.compile(r"\b[A-Z]{2,6}\b")
_DEFAULT_NOISE: Final = 0.5
_LEAST: Final = 3


@dataclass(frozen=True, kw_only=True)
class _Sweep:
    """A table whose rows differ in one setting: its values in order, and how each measure went."""

    table: Table
    setting: str
    measures: dict[str, list[float]]


def check_steady_claims(document: Document) -> Iterator[Contradiction]:
    """`robust`, `unchanged at 7.8`, `differ only 0.0-0.3`, against a table in which the figure moves by more."""
    groups = _groups(document)
    noise = _noise(document)
    for sentence, sweep in _about_sweeps(document):
        if not _STEADY.search(sentence.text):
            continue
        for name in _subjects(sentence.text, sweep, groups, document):
            values = sweep.measures[name]
            away = max(values) - min(values)
            allowed = float(found[1]) if (found := _RANGE.search(sentence.text)) else noise
            at = _STUCK_AT.search(sentence.text)
            if away > allowed + 1e-9:
                shown = f" at {at[1]}" if at else ""
                yield Contradiction(
                    rule="steady",
                    lines=(sentence.line, sweep.table.line),
                    figures=(f"{min(values):g}", f"{max(values):g}"),
                    told=f"{name} is said to be steady{shown} over {sweep.setting}, and the table has it from "
                    f"{min(values):g} to {max(values):g}: more than {allowed:g}",
                )


def check_trends(document: Document) -> Iterator[Contradiction]:
    """`lower X hurts Y (Y: a vs b)` and `monotone`, against a table in which Y turns back."""
    for sentence, sweep in _about_sweeps(document):
        claim = _MONOTONE.search(sentence.text) or _HURTS.search(sentence.text)
        names = [document.name(name) for name in _VALUES.findall(sentence.text)]
        if claim and not names and _MONOTONE.search(sentence.text):
            names = [OVERALL]
        for name in names:
            values = sweep.measures.get(name, [])
            steps = [new - old for old, new in pairwise(values)]
            if claim and len(values) >= _LEAST and min(steps) < 0 < max(steps):
                yield Contradiction(
                    rule="trend",
                    lines=(sentence.line, sweep.table.line),
                    figures=tuple(f"{value:g}" for value in values),
                    told=f"{name} is said to follow {sweep.setting}, and along it the table has "
                    f"{', '.join(f'{value:g}' for value in values)}: it turns back",
                )


def check_optima(document: Document) -> Iterator[Contradiction]:
    """An optimum that is concluded from figures without a repeat or an interval."""
    measured = {sentence.section for sentence in document.sentences if _REPEATED.search(sentence.text)}
    for sentence in document.sentences:
        claim = _OPTIMAL.search(sentence.text)
        if claim and sentence.section not in measured and not _DENIED.search(sentence.text):
            yield Contradiction(
                rule="optimum",
                lines=(sentence.line,),
                figures=(claim[0],),
                told=f"{claim[0]!r} does not follow from single runs without repeats or intervals; 'no change that was "
                "tried improved it' is as far as they go",
            )


def _about_sweeps(document: Document) -> Iterator[tuple[Sentence, _Sweep]]:
    """Each sentence with the table it is about: one of its own section, else the largest whose setting it names."""
    sweeps = [sweep for table in document.tables if (sweep := _sweep(document, table))]
    for sentence in document.sentences:
        own = [sweep for sweep in sweeps if sweep.table.section == sentence.section]
        named = [sweep for sweep in own or sweeps if _names(sentence.text, sweep.setting)]
        chosen = max(named or own, key=lambda sweep: len(sweep.measures), default=None)
        if chosen is not None:
            yield sentence, chosen


def _names(text: str, setting: str) -> bool:
    """Whether a text names a setting: by its word, in the plural, or by words that it is the first letters of."""
    words = words_of(text).split()
    initials = {one[0] + other[0] for one, other in pairwise(words)}
    return setting in initials or setting in words or f"{setting}s" in words


def _sweep(document: Document, table: Table) -> _Sweep | None:
    """The table as a sweep, if beside each name stands another value of one setting, and then scores."""
    settings = [row.amount(1) for row in table.rows]
    values = [amount.value for amount in settings if amount is not None]
    setting = document.name(table.head[1]) if len(table.head) > 1 else ""
    is_measure = setting in {OVERALL, *(name for _, name in document.names)}
    if len(values) < max(_LEAST, len(table.rows)) or len(set(values)) < len(values) or is_measure:
        return None
    ordered = [row for _, row in sorted(zip(values, table.rows, strict=True), key=lambda pair: pair[0])]
    measures = {
        document.name(head): [amount.value for amount in column if amount is not None]
        for at, head in enumerate(table.head)
        if at > 1 and all(column := [row.amount(at) for row in ordered])
    }
    return _Sweep(table=table, setting=setting, measures=measures) if len(measures) >= _LEAST else None


def _subjects(text: str, sweep: _Sweep, groups: dict[str, set[str]], document: Document) -> Sequence[str]:
    """Measures that the steady part of a sentence speaks of, by name, abbreviation or group."""
    steady = _STEADY.search(text)
    clauses = re.split(r"\bwhile\b|\bbut\b|;|\.\s", text)
    clause = next((part for part in clauses if steady and steady[0] in part), text)
    said = words_of(clause)
    words = set(said.split())
    # Abbreviations as they are written: `TO` may be tone, `to` is not.
    short = {document.name(word) for word in _SHORT.findall(clause)}
    found = [name for name in sweep.measures if name in said or name in short]
    for group, members in groups.items():
        if group in words and not found:
            found += sorted(members & sweep.measures.keys())
    return list(dict.fromkeys(found))


def _groups(document: Document) -> dict[str, set[str]]:
    """What a report calls by one word: its `voice-dependent categories (CC +1.5, PV +1.6)`, and names with the word."""
    groups: dict[str, set[str]] = {}
    names = {name for _, name in document.names}
    for sentence in document.sentences:
        for group, members in _GROUP.findall(sentence.text):
            found = {document.name(word) for word in words_of(members).split()} & names
            if found:
                groups.setdefault(group.lower(), set()).update(found)
    return groups


def _noise(document: Document) -> float:
    """The noise that the report itself names, else half a point."""
    found = [float(match[1]) for sentence in document.sentences if (match := _NOISE.search(sentence.text))]
    return max(found, default=_DEFAULT_NOISE)

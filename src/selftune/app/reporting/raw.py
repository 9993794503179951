"""What a summary left out: the raw records about a subject, held against the words of a page or of anybody's report."""

from __future__ import annotations

import html
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.linting.markup import is_markup
from selftune.app.reporting.pages.plain import one_line
from selftune.errors import MissingFileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from selftune.app.reporting.dossiers import Dossier
    from selftune.governance.audit.coverage import AuditView

_TAG: Final = re.compile(
    r"<!--.*?-->|<(?:style|script|head)\b.*?</(?:style|script|head)>|<[^<>]*>", re.DOTALL | re.IGNORECASE
)
_ESCAPED: Final = re.compile(r"\\([!-/:-@\[-`{-~])")
_FENCE: Final = re.compile(r"^\s*(?:`{3,}|~{3,})\w*\s*$")
_SHORT: Final = 4
"""Words; fewer may stand in a page by chance, and count only where they stand by themselves."""

_MOST_BYTES: Final = 64 << 20


@dataclass(frozen=True, kw_only=True)
class Raw:
    """One thing on record that a report on the subject has to carry.

    Attributes:
        kind: What it is: a concern, a check that failed.
        of: Id of its record.
        by: Who said or measured it.
        words: As they are on record.
    """

    kind: str
    of: str
    by: str
    words: str


@dataclass(frozen=True, kw_only=True)
class RawDiff:
    """What is on record, and what of it does not stand in a text."""

    file: str
    on_record: int
    left_out: tuple[Raw, ...]


def raw_of(found: Dossier) -> tuple[Raw, ...]:
    """Everything on record about a subject that somebody said, or that speaks against it."""
    return tuple(_raw(found))


def left_out(found: Dossier, path: Path) -> RawDiff:
    """What of it does not stand in a report, in Markdown, HTML or plain text.

    Raises:
        MissingFileError: there is no such file.
        UsageError: it is no text.
    """
    raw = raw_of(found)
    text = _read(path)
    return RawDiff(file=path.name, on_record=len(raw), left_out=tuple(_missing(raw, text)))


def _raw(found: Dossier) -> Iterator[Raw]:
    for said in found.words:
        gravity = f"{said.gravity.value} " if said.gravity is not None else ""
        texts = (words for words in (said.text, said.before, said.after) if words and words.strip())
        yield from (Raw(kind=f"{gravity}{said.kind.value}", of=said.id, by=said.author, words=words) for words in texts)
    yield from (one for view in found.audits for one in _of_audit(view))
    for decision, check in found.against:
        yield Raw(kind=f"check {check.status.value.replace('_', ' ')}", of=decision.id, by="the gate", words=check.name)
    for subject, look in found.suspicions:
        yield Raw(kind=f"alarm {look.verdict.value}", of=subject, by=look.alarm.value, words=look.told)
    for entry in found.abbreviated:
        yield Raw(kind="abbreviated end", of=entry.model.id, by="the registry", words=entry.name)


def _of_audit(view: AuditView) -> Iterator[Raw]:
    last = [view.conclusion] if view.conclusion is not None else []
    for said in (*view.findings, *last):
        yield Raw(kind="audit finding", of=said.id, by=said.author, words=said.text)
    for one in view.sections:
        if one.unread:
            yield Raw(kind="unread section", of=view.audit.id, by=view.audit.auditor, words=one.section.name)


def _missing(raw: Iterable[Raw], text: str) -> Iterator[Raw]:
    """Those whose words the text does not hold as often as they were said."""
    units = [one_line(unit) for unit in _units(text)]
    whole, alone = one_line("\n".join(units)), Counter(units)
    wanted: dict[str, list[Raw]] = defaultdict(list)
    for one in raw:
        wanted[one_line(one.words)].append(one)
    for words, of_these in wanted.items():
        there = alone[words] if len(words.split()) < _SHORT else whole.count(words)
        # Which of several alike was left out nobody can tell: the last ones are named.
        yield from of_these[min(there, len(of_these)) :]


def _units(text: str) -> Iterator[str]:
    """Paragraphs, cells and quotations, without marks of their own."""
    if is_markup(text):
        yield from (html.unescape(part) for part in _TAG.split(text) if part.strip())
        return
    fenced: list[str] | None = None
    for line in text.splitlines():
        if _FENCE.match(line):
            yield from () if fenced is None else ("\n".join(fenced),)
            fenced = [] if fenced is None else None
        elif fenced is not None:
            fenced.append(line)
        elif line.strip().startswith("|"):
            yield from (_bare(cell) for cell in re.split(r"(?<!\\)\|", line.strip().strip("|")))
        else:
            yield _bare(line.strip().removeprefix("- "))
    yield from () if fenced is None else ("\n".join(fenced),)


def _bare(line: str) -> str:
    """What stands there once Markdown is read, escapes taken back."""
    return _ESCAPED.sub(r"\1", line).strip()


def _read(path: Path) -> str:
    if not path.is_file():
        raise MissingFileError(f"there is no report {path}.", next_step="Check the path.")
    if path.stat().st_size > _MOST_BYTES:
        raise UsageError(f"{path.name} has more than {_MOST_BYTES >> 20} MiB.", next_step="Name a report.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name} is no text in UTF-8.", next_step="Name a report in Markdown or text.") from error

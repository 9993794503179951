"""What may be written into `program.md`: proposals between the marks, and a lesson that a person took; nothing else."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError
from selftune.loop.experiments.agenda.document import (
    BEGIN,
    END,
    LESSONS,
    NAME,
    PROGRAM,
    PROGRAMS,
    PROPOSALS,
    read_document,
)
from selftune.loop.experiments.agenda.reading import parse_agenda

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from selftune.loop.experiments.base import Lesson, Proposal
    from selftune.loop.project import Project

_BLANK: Final = re.compile(r"\s+")
_MARK: Final = re.compile(r"<!--|-->")


def write_tries(project: Project, proposals: Sequence[Proposal]) -> Path:
    """Put these proposals, and no others, between the marks of the project's `program.md`; returns where.

    Every byte outside of the marks stays. Where the project has no such file, the shipped one is written first.

    Raises:
        ConfigError: the file is not sound, or would not be with these proposals; it stays as it was.
    """
    before = _text(project.folder)
    after = with_tries(before, proposals)
    parse_agenda(after, PROGRAM, project)
    refuse_changes(before, after)
    return _write(project.folder, after)


def write_lessons(project: Project, lessons: Sequence[Lesson]) -> Path:
    """Put these lessons behind those that stand in the project's `program.md`; returns where.

    Raises:
        ConfigError: the file is not sound, or would not be with these lessons; it stays as it was.
    """
    after = _with_lessons(_text(project.folder), lessons)
    parse_agenda(after, PROGRAM, project)
    return _write(project.folder, after)


def with_tries(text: str, proposals: Iterable[Proposal]) -> str:
    """The text with these proposals between its marks; a section for them is put behind it where it has none.

    Raises:
        ConfigError: the marks are not sound.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    before, _, after = _split(text)
    return f"{before}{''.join(f'- {_told(one)}{newline}' for one in proposals)}{after}"


def refuse_changes(before: str, after: str) -> None:
    """Refuse an edited copy in which anything but the marked block was touched.

    Raises:
        ConfigError: the message names the first line that is not as it was, and the heading above it.
    """
    one, other = _outside(before), _outside(after)
    if one == other:
        return
    lines, others = one.splitlines(), other.splitlines()
    place = next(
        (at for at, pair in enumerate(zip(lines, others, strict=False)) if pair[0] != pair[1]),
        min(len(lines), len(others)),
    )
    changed = (others[place] if place < len(others) else lines[place] if place < len(lines) else "").strip()
    heading = next((line[3:].strip() for line in reversed(lines[: place + 1]) if line.startswith("## ")), "the top")
    raise ConfigError(
        f"{PROGRAM} was changed outside of the marked block, under {heading}: {changed[:80]!r}.",
        next_step=f"Change only what stands between {BEGIN} and {END}; the rest is a person's to edit.",
    )


def lesson_line(lesson: Lesson) -> str:
    """A lesson as one item of the list."""
    when = f"when {' and '.join(lesson.conditions)}" if lesson.conditions else ""
    facts = [one for one in (when, f"on {lesson.base}" if lesson.base else "", _source(lesson)) if one]
    return f"{_plain(lesson.text)} ({'; '.join(facts)})" if facts else _plain(lesson.text)


def _source(lesson: Lesson) -> str:
    return f"from {lesson.source}" if lesson.source else ""


def _told(proposal: Proposal) -> str:
    reason = _plain(proposal.reason)
    return f"{', '.join(proposal.changes)}: {reason}" if reason else ", ".join(proposal.changes)


def _plain(text: str) -> str:
    """Words on one line in which no mark can hide: what a proposer says must not end the block it stands in."""
    while _MARK.search(text):
        text = _MARK.sub("", text)
    return _BLANK.sub(" ", text).strip()


def _with_lessons(text: str, lessons: Sequence[Lesson]) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    items = "".join(f"- {lesson_line(one)}{newline}" for one in lessons)
    document = read_document(text, PROGRAM)
    starts = {name: number for name, number, _ in document.sections}
    if LESSONS not in starts:
        head = "" if text.endswith("\n") or not text else newline
        return f"{text}{head}{newline}## {LESSONS}{newline}{newline}{items}"
    filled = [line.number for line in document.lines(LESSONS) if line.text.strip()]
    parts = text.splitlines(keepends=True)
    last = max(filled, default=starts[LESSONS])
    head = "".join(parts[:last])
    between = "" if head.endswith("\n") else newline
    blank = "" if filled else newline
    return f"{head}{between}{blank}{items}{''.join(parts[last:])}"


def _split(text: str) -> tuple[str, str, str]:
    """What stands before the block, in it, and behind it; the marks' own lines belong to the outside."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ConfigError(
            f"{PROGRAM}: the marked block must begin once and end once.",
            next_step=f"Write {BEGIN} and {END} under {PROPOSALS!r}, once each, on lines of their own.",
        )
    begin = text.index("\n", text.index(BEGIN)) + 1
    end = text.rfind("\n", 0, text.index(END)) + 1
    return text[:begin], text[begin:end], text[end:]


def _outside(text: str) -> str:
    before, _, after = _split(text)
    return before + after


def _text(folder: Path) -> str:
    """The project's own text with its line ends as they are, else the shipped one."""
    own = folder / PROGRAM
    if not own.is_file():
        return PROGRAMS.text(NAME)
    try:
        return own.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{PROGRAM} is not UTF-8: {error}.", next_step="Save it as UTF-8.") from error


def _write(folder: Path, text: str) -> Path:
    """Publish the text whole, or not at all."""
    target, draft = folder / PROGRAM, folder / f".{PROGRAM}.new"
    with draft.open("wb") as file:
        file.write(text.encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(target)
    return target

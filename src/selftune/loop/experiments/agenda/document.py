"""`program.md` as text: its sections by heading, fenced blocks and lists, each with the line where it stands."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import ConfigError, offer
from selftune.settings import Shipped, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PROGRAM: Final = "program.md"
PROGRAMS: Final = Shipped(kind="program", package="selftune.loop.experiments.agenda", folder=".", endings=(".md",))
NAME: Final = "program"
"""The one agenda that is shipped, and what `selftune eject program` writes out."""

GOAL: Final = "Goal"
SPACE: Final = "Search space"
CONSTRAINTS: Final = "Constraints"
PROPOSALS: Final = "Proposals"
LESSONS: Final = "Lessons"
HEADINGS: Final = (GOAL, SPACE, CONSTRAINTS, PROPOSALS, LESSONS)
BEGIN: Final = "<!-- proposals:begin -->"
END: Final = "<!-- proposals:end -->"

_HEADING: Final = re.compile(r"##\s+(.+?)\s*#*")
_FENCE: Final = re.compile(r"(`{3,}|~{3,})\s*(\w*)\s*")
_ITEM: Final = re.compile(r"[-*]\s+(\S.*)")
_LINE: Final = re.compile(r"at line (\d+)")


@dataclass(frozen=True)
class Line:
    """One line without its end, and its number in the file, from 1."""

    number: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Document:
    """A text by its headings.

    Attributes:
        where: What messages call it.
        sections: Heading, its own line, and the lines below it.
    """

    where: str
    sections: tuple[tuple[str, int, tuple[Line, ...]], ...]

    def lines(self, heading: str) -> tuple[Line, ...]:
        """What stands below a heading; nothing where there is no such heading."""
        return next((lines for name, _, lines in self.sections if name == heading), ())

    def error(self, line: int, message: str, next_step: str) -> ConfigError:
        """A refusal that names file and line."""
        return ConfigError(f"{self.where}, line {line}: {message}", next_step=next_step)


def program_text(folder: Path) -> tuple[str, str]:
    """The text of the agenda in force in a project, and what messages call it.

    Raises:
        ConfigError: it is not UTF-8.
    """
    own = folder / PROGRAM
    if own.is_file():
        return read_text(own, PROGRAM), PROGRAM
    return PROGRAMS.text(NAME), f"{PROGRAM} (shipped)"


def read_document(text: str, where: str) -> Document:
    """The text by its headings of the second level; others, and what stands before the first one, are for people.

    Raises:
        ConfigError: an unknown heading (the nearest is offered), one that stands twice, or a block that never ends.
    """
    document = Document(where=where, sections=())
    found: dict[str, tuple[int, list[Line]]] = {}
    below: list[Line] | None = None
    fence: Line | None = None
    for line in _lines(text):
        heading = None if fence else _HEADING.fullmatch(line.text)
        if heading is None:
            fence = _fence_after(fence, line)
            if below is not None:
                below.append(line)
            continue
        name = heading[1]
        if name not in HEADINGS:
            raise document.error(line.number, f"unknown heading {name!r}.", offer(name, HEADINGS))
        if name in found:
            first = found[name][0]
            raise document.error(line.number, f"{name!r} stands in line {first} already.", "Make one of the two.")
        below = []
        found[name] = (line.number, below)
    if fence is not None:
        raise document.error(fence.number, "a block that never ends.", f"Close it with {fence.text[:3]}.")
    sections = tuple((name, number, tuple(lines)) for name, (number, lines) in found.items())
    return Document(where=where, sections=sections)


def toml_block(document: Document, heading: str) -> tuple[dict[str, Any], int]:
    """The table in a section's one block of TOML, and the line on which that begins; empty and 0 where there is none.

    Raises:
        ConfigError: two blocks, or no valid TOML; the message names the line in the file.
    """
    blocks = list(_blocks(document.lines(heading)))
    if not blocks:
        return {}, 0
    if len(blocks) > 1:
        raise document.error(blocks[1][0], f"a second block of TOML under {heading!r}.", "Make one of the two.")
    number, body = blocks[0]
    try:
        # Empty lines before it, so that what the parser says of lines is true of the file.
        return tomllib.loads("\n" * number + "\n".join(line.text for line in body)), number
    except tomllib.TOMLDecodeError as error:
        place = _LINE.search(str(error))
        last = body[-1].number if body else number
        raise document.error(int(place[1]) if place else last, f"no valid TOML: {error}.", "Correct it.") from error


def line_of(document: Document, heading: str, key: str) -> int:
    """The line of a section on which a key is set; that of the heading where it is not found."""
    last = key.rpartition(".")[2]
    pattern = re.compile(rf"\s*(?:[\w\"'-]+\.)*[\"']?{re.escape(last)}[\"']?\s*=")
    number = next((number for name, number, _ in document.sections if name == heading), 1)
    return next((line.number for line in document.lines(heading) if pattern.match(line.text)), number)


def items_of(document: Document, lines: Sequence[Line], what: str) -> Iterator[Line]:
    """The items of a list, each as one line; what is indented below one belongs to it.

    Raises:
        ConfigError: a line that is neither.
    """
    found: list[Line] = []
    for line in lines:
        item = _ITEM.fullmatch(line.text)
        if item:
            found.append(Line(line.number, item[1].strip()))
        elif line.text.startswith((" ", "\t")) and line.text.strip() and found:
            found[-1] = Line(found[-1].number, f"{found[-1].text} {line.text.strip()}")
        elif line.text.strip():
            step = f"Begin each {what} with `- `, and indent what goes on in the next line."
            raise document.error(line.number, f"{line.text.strip()[:60]!r} is no {what}.", step)
    yield from found


def marked_lines(document: Document) -> tuple[Line, ...]:
    """What stands between the two marks; nothing where there are none.

    Raises:
        ConfigError: a mark is missing, stands twice, after the other one, or under another heading.
    """
    marks = [
        (line, name) for name, _, lines in document.sections for line in lines if line.text.strip() in {BEGIN, END}
    ]
    filled = [line.number for line in document.lines(PROPOSALS) if line.text.strip()]
    if not marks and not filled:
        return ()
    if [line.text.strip() for line, _ in marks] != [BEGIN, END] or any(name != PROPOSALS for _, name in marks):
        number = marks[0][0].number if marks else filled[0]
        step = f"Write {BEGIN} and {END} under {PROPOSALS!r}, once each, on lines of their own."
        raise document.error(number, "the marked block must begin once and end once.", step)
    (begin, _), (end, _) = marks
    return tuple(line for line in document.lines(PROPOSALS) if begin.number < line.number < end.number)


def _lines(text: str) -> Iterator[Line]:
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        yield Line(number, line.removesuffix("\r"))


def _fence_after(fence: Line | None, line: Line) -> Line | None:
    """The line that opened the block which this line lies in; None outside of one."""
    stripped = line.text.strip()
    mark = _FENCE.fullmatch(stripped)
    if fence is None:
        return Line(line.number, stripped) if mark else None
    closes = mark is not None and not mark[2] and stripped.startswith(_FENCE.fullmatch(fence.text)[1])  # type: ignore[index] # it opened a block
    return None if closes else fence


def _blocks(lines: Sequence[Line]) -> Iterator[tuple[int, tuple[Line, ...]]]:
    """Each block of TOML: the line of its fence, and what it holds."""
    fence: Line | None = None
    body: list[Line] = []
    for line in lines:
        after = _fence_after(fence, line)
        if fence is None and after is not None:
            body = []
        elif fence is not None and after is None and fence.text.rstrip().endswith("toml"):
            yield fence.number, tuple(body)
        elif fence is not None:
            body.append(line)
        fence = after

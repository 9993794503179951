"""A page as one HTML file that asks nothing of anybody: no script, no request, its style and drawings inside."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages.figures import NOTHING
from selftune.app.reporting.pages.parts import Cell, Drawing, Page, Points, Said, Section, Table, Transcript
from selftune.app.reporting.pages.plain import one_line, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from selftune.app.reporting.pages.parts import Answer, Part, Row

# Nothing may be fetched, whatever the page holds; styles inside it are ours.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_TINTS: Final = {f"{name}-{step}" for name in ("heat", "shift") for step in range(7)} | {"good", "bad", "unsure"}
_OUTCOMES: Final = {"promote": "good", "better": "good", "reject": "bad", "worse": "bad", "invalid": "bad"}
_FIGURE: Final = re.compile(r"(?:[-+<$]?\s?[\d.,]+\s?%?(?: (?:s|min|h|B|kB|MB|GB))?|\[[^\]]*\]|\s)+")
_NAME: Final = 26  # letters that stay on one line; a column with more in a cell needs room
_ROW_NAME: Final = 34
_FITS: Final = 3  # columns that a telephone shows side by side
_SLUG: Final = re.compile(r"[^a-z0-9]+")
_CODE: Final = re.compile(r"(?<!`)`([^`]+)`(?!`)")


def as_html(page: Page) -> str:
    """The page as a file of its own."""
    title = _inline(page.title)
    sections = _anchored(page)
    body = [
        '<a class="skip" href="#main">To the text</a>',
        *_opening(page),
        _contents(sections),
        '<main id="main">',
        *(_section(anchor, section, _named) for anchor, section in sections),
        "</main>",
        _closing(page),
    ]
    return "\n".join(
        ["<!DOCTYPE html>", '<html lang="en">', _head(title), "<body>", *filter(None, body), "</body>", "</html>", ""]
    )


def page_within(page: Page, draw: Callable[[Drawing], str]) -> str:
    """The page without what makes it a file, to stand within another; `draw` writes a drawing as that one allows."""
    sections = _anchored(page)
    written = (_section(anchor, section, draw) for anchor, section in sections)
    return "\n".join(filter(None, (*_opening(page), _contents(sections), *written, _closing(page))))


def with_code(text: str) -> str:
    """A sentence with what is to be typed set apart, as our next steps name it in backticks; every word is escaped."""
    return _CODE.sub(r"<code>\1</code>", _inline(text))


def _anchored(page: Page) -> list[tuple[str, Section]]:
    return [(f"s{place}-{_slug(section.title)}", section) for place, section in enumerate(page.sections, start=1)]


def _opening(page: Page) -> Iterator[str]:
    yield f"<header><h1>{_inline(page.title)}</h1>"
    yield _outcome(page.outcome)
    yield from (f'<p class="lead">{with_code(sentence)}</p>' for sentence in page.lead)
    yield "</header>"


def _closing(page: Page) -> str:
    return f"<footer>{_inline(page.footing)}</footer>" if page.footing else ""


def _head(title: str) -> str:
    return (
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><meta name="referrer" content="no-referrer">'
        f"<title>{title}</title><style>\n{_style()}</style></head>"
    )


@cache
def _style() -> str:
    return files("selftune.app.reporting.pages").joinpath("page.css").read_text(encoding="utf-8")


def _outcome(outcome: str) -> str:
    if not outcome:
        return ""
    tint = _OUTCOMES.get(outcome.partition(":")[0], "unsure")
    return f'<p class="outcome {tint}">{_inline(outcome)}</p>'


def _contents(sections: Sequence[tuple[str, Section]]) -> str:
    links = "".join(f'<li><a href="#{anchor}">{_inline(section.title)}</a></li>' for anchor, section in sections)
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>' if len(sections) > 1 else ""


def _section(anchor: str, section: Section, draw: Callable[[Drawing], str]) -> str:
    title = _inline(section.title)
    parts = "\n".join(_part(part, draw) for part in section.parts)
    if section.folded:
        return (
            f'<section id="{anchor}" aria-label="{title}"><h2>{title}</h2>\n'
            f"<details><summary>Show {title[:1].lower()}{title[1:]}</summary>\n{parts}\n</details></section>"
        )
    return f'<section id="{anchor}" aria-label="{title}"><h2>{title}</h2>\n{parts}\n</section>'


def _part(part: Part, draw: Callable[[Drawing], str]) -> str:
    match part:
        case Said():
            return f"<p>{with_code(part.text)}</p>"
        case Points():
            return "<ul>" + "".join(f"<li>{with_code(point)}</li>" for point in part.points) + "</ul>"
        case Table():
            return _table(part)
        case Drawing():
            return f"<figure>{draw(part)}<figcaption>{_inline(part.alt)}</figcaption></figure>"
        case Transcript():
            return _transcript(part)


def _named(part: Drawing) -> str:
    """The drawing, with its words for those who do not see it."""
    return part.svg.replace('role="img"', f'role="img" aria-label="{_inline(part.alt)}"', 1)


def _table(table: Table) -> str:
    caption = _inline(table.caption)
    kinds = [_kind(column) for column in zip(*table.rows, strict=True)] if table.rows else [""] * len(table.head)
    head = "".join(
        f'<th scope="col"{_classes(kind)}>{_inline(str(name))}</th>'
        for name, kind in zip(table.head, kinds, strict=True)
    )
    rows = "\n".join(_row(row, kinds, table.head) for row in table.rows)
    cards = ' class="cards"' if len(table.head) > _FITS else ""
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{caption}">'
        f"<table{cards}><caption>{caption}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table></div>"
    )


def _kind(column: Sequence[str | Cell]) -> str:
    """Whether a column holds figures, which stand to the right, or words."""
    texts = [text for cell in column if (text := _text(cell)) not in {"", NOTHING}]
    if texts and all(_FIGURE.fullmatch(text) for text in texts):
        return "figure"
    return "words" if any(len(text) > _NAME for text in texts) else "name"


def _row(row: Row, kinds: Sequence[str], head: Sequence[str]) -> str:
    """A row; each cell bears its column's name, which stands before it where a narrow window shows rows as cards."""
    first, *others = row
    tint = first.tint if isinstance(first, Cell) else ""
    cells = "".join(
        f'<td data-label="{_inline(str(name))}"{_cell_classes(cell, kind)}>{_inline(_text(cell))}</td>'
        for cell, kind, name in zip(others, kinds[1:], head[1:], strict=True)
    )
    short = "name" if len(_text(first)) <= _ROW_NAME else ""
    return f'<tr><th scope="row"{_classes(tint, short)}>{_inline(_text(first))}</th>{cells}</tr>'


def _cell_classes(cell: str | Cell, kind: str) -> str:
    tint = cell.tint if isinstance(cell, Cell) else ""
    return _classes(kind, tint, "blank" if _text(cell) in {"", NOTHING} else "")


def _text(cell: str | Cell) -> str:
    return cell.text if isinstance(cell, Cell) else cell


def _classes(*names: str) -> str:
    known = [name for name in names if name in _TINTS or name in {"figure", "words", "name", "blank"}]
    return f' class="{" ".join(known)}"' if known else ""


def _transcript(part: Transcript) -> str:
    asked = "".join(
        f'<div class="asked"><div class="who">{_inline(speaker)}</div>{_quoted(text)}</div>'
        for speaker, text in part.asked
    )
    answers = "".join(map(_answer, part.answers))
    note = f'<p class="note">{_inline(part.note)}</p>' if part.note else ""
    return f'<article><h3>{_inline(part.name)}</h3>{note}{asked}<div class="answers">{answers}</div></article>'


def _answer(answer: Answer) -> str:
    who = f"<strong>{_inline(answer.name)}</strong> {_inline(answer.note)}"
    return f'<div><div class="who">{who}</div>{_quoted(answer.text)}</div>'


def _quoted(text: str) -> str:
    """What somebody said, in its own direction of writing."""
    return f'<blockquote class="said" dir="auto">{escape(plain(text))}</blockquote>'


def _inline(text: str) -> str:
    return escape(one_line(text))


def _slug(title: str) -> str:
    return _SLUG.sub("-", title.lower()).strip("-")

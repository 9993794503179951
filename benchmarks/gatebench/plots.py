"""Two drawings for the page: what each rule lets through and misses, and the same by the kind of night."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from gatebench.nights import FALSE, GAINS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatebench.score import Score, Share

_WIDTH: Final = 720
_LABELS: Final = 250
_AXIS: Final = 420
_ROW: Final = 20
_TOP: Final = 48
_COLUMN: Final = 88
_HALF: Final = 0.5
_STYLE: Final = (
    "text{font:12px system-ui,'DejaVu Sans',sans-serif;fill:#16202e}.title{font-weight:600;font-size:13px}"
    ".wrong{fill:#b3402e;stroke:#b3402e}.missed{fill:#4a6fa5;stroke:#4a6fa5}.axis{stroke:#c3cfe2}"
    ".cell{fill:#b3402e}.good{fill:#4a6fa5}.on{fill:#fff}"
    "@media(prefers-color-scheme:dark){text{fill:#f0f4fa}.wrong{fill:#e88f80;stroke:#e88f80}"
    ".missed{fill:#7fa6dc;stroke:#7fa6dc}.axis{stroke:#3b4a61}}"
)


def draw_scores(scores: Sequence[Score]) -> str:
    """For each rule and size two points with their intervals: false promotions, and missed gains."""
    rows, top = [], _TOP
    for items in dict.fromkeys(score.items for score in scores):
        rows.append(f'<text class="title" x="8" y="{top + 8}">exams of {items} items</text>')
        for one in (score for score in scores if score.items == items):
            top += _ROW + 8
            rows.append(f'<text x="{_LABELS - 8}" y="{top + 4}" text-anchor="end">{escape(one.title)}</text>')
            rows.append(_point("wrong", one.false_promotions, top - 4))
            rows.append(_point("missed", one.missed_gains, top + 5))
        top += 2 * _ROW
    axis = [_tick(share, top - _ROW) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    told = '<text x="8" y="36">red: false promotions; blue: missed gains; lines: 95 % intervals</text>'
    return _frame("What each rule lets through, and what it misses", top + 8, [told, *axis, *rows])


def _point(name: str, share: Share, at: int) -> str:
    low, high = (_LABELS + round(_AXIS * end) for end in share.interval)
    middle = _LABELS + round(_AXIS * share.hits / share.n)
    return (
        f'<g class="{name}"><line x1="{low}" x2="{high}" y1="{at}" y2="{at}" stroke-width="2"/>'
        f'<circle cx="{middle}" cy="{at}" r="4"/></g>'
    )


def _tick(share: float, bottom: int) -> str:
    x = _LABELS + round(_AXIS * share)
    line = f'<line class="axis" x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}"/>'
    return f'{line}<text x="{x}" y="{bottom + 14}" text-anchor="middle">{share:.0%}</text>'


def draw_kinds(scores: Sequence[Score], items: int) -> str:
    """How often each rule promotes, kind of night by kind of night, on exams of one size."""
    chosen = [score for score in scores if score.items == items]
    cells = []
    for column, one in enumerate(chosen):
        x = _LABELS - 60 + column * _COLUMN
        for line, words in enumerate(_wrapped(one.title)):
            cells.append(f'<text x="{x + 4}" y="{_TOP + 12 * line}" style="font-size:10px">{escape(words)}</text>')
        cells += [_cell(x, row, kind, dict(one.promoted)[kind]) for row, kind in enumerate((*GAINS, *FALSE))]
    names = [
        f'<text x="{_LABELS - 68}" y="{_TOP + 54 + row * _ROW}" text-anchor="end">{escape(kind)}</text>'
        for row, kind in enumerate((*GAINS, *FALSE))
    ]
    title = f"How often each rule promotes, on exams of {items} items (blue: rightly, red: wrongly)"
    return _frame(title, _TOP + 54 + _ROW * (len(GAINS) + len(FALSE)), [*names, *cells])


def _cell(x: int, row: int, kind: str, share: Share) -> str:
    y, part = _TOP + 40 + row * _ROW, share.hits / share.n
    name = "good" if kind in GAINS else "cell"
    ink = ' class="on"' if part > _HALF else ""
    return (
        f'<rect class="{name}" x="{x}" y="{y}" width="{_COLUMN - 6}" height="{_ROW - 3}" opacity="{part:.2f}"/>'
        f'<text{ink} x="{x + _COLUMN // 2}" y="{y + 13}" text-anchor="middle">{part:.0%}</text>'
    )


def _wrapped(title: str) -> list[str]:
    lines = [""]
    for word in title.split():
        if len(lines[-1]) + len(word) < _COLUMN // 6:
            lines[-1] = f"{lines[-1]} {word}".strip()
        else:
            lines.append(word)
    return lines


def _frame(title: str, height: int, drawn: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" role="img">'
    name = escape(title)
    caption = f'<text class="title" x="8" y="20">{name}</text>'
    return "\n".join([head, f"<title>{name}</title>", f"<style>{_STYLE}</style>", caption, *drawn, "</svg>", ""])

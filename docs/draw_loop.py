"""Draw docs/loop.svg, the one picture of the loop: `python docs/draw_loop.py`. A test keeps the two equal."""

from __future__ import annotations

from pathlib import Path
from typing import Final

WIDTH: Final = 960
HEIGHT: Final = 384
BOX: Final = (170, 76)  # width and height of a noun
LEFT: Final = 35
STEP: Final = 240  # from one noun to the next
ROWS: Final = (36, 214)  # where the two rows begin

# Each noun of the loop with the verb that makes it and what it is, in the order in which they come.
NOUNS: Final = (
    ("Interaction", "capture", "what the model said"),
    ("Judgement", "judge", "reasons, then a score"),
    ("Dataset", "curate", "the best, rejects kept"),
    ("Run", "train", "a trained adapter"),
    ("Build", "build", "one file, sealed"),
    ("Evaluation", "evaluate", "as served, per item"),
    ("Decision", "decide", "yes, no, or not sure"),
    ("Release", "release", "serves, can go back"),
)

STYLE: Final = """
  .page { fill: #ffffff; stroke: #d4d9e1; }
  .box { fill: #eef3fb; stroke: #4a6fa5; stroke-width: 1.5; }
  .gate { fill: #fdf1dc; stroke: #b07716; stroke-width: 2; }
  .noun { fill: #16202e; font-size: 18px; font-weight: 600; }
  .what { fill: #48566a; font-size: 13px; }
  .verb { fill: #2f5a94; font-size: 13px; font-style: italic; }
  .no { fill: #8f5d08; font-size: 13px; }
  .line { stroke: #4a6fa5; stroke-width: 1.8; fill: none; }
  .turn { stroke: #b07716; stroke-width: 1.8; fill: none; stroke-dasharray: 5 4; }
  .tip { fill: #4a6fa5; }
  .ledger { fill: #f4f5f7; stroke: #aab3c0; }
  text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; text-anchor: middle; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #131922; stroke: #2f3a4a; }
    .box { fill: #1d2a3d; stroke: #7fa6dc; }
    .gate { fill: #3a2d14; stroke: #e0a94a; }
    .noun { fill: #f0f4fa; }
    .what { fill: #b9c5d6; }
    .verb { fill: #9cc0f0; }
    .no { fill: #f0c47a; }
    .line { stroke: #7fa6dc; }
    .turn { stroke: #e0a94a; }
    .tip { fill: #7fa6dc; }
    .ledger { fill: #1a212c; stroke: #4b586b; }
  }
"""


TIP: Final = (
    '<defs><marker id="tip" viewBox="0 0 10 10" refX="7" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
    '<path class="tip" d="M0 0 L10 5 L0 10 z"/></marker></defs>'
)


def corner(place: int) -> tuple[int, int]:
    """Upper left corner of the noun at this place: four to the right, then four back to the left."""
    row, column = divmod(place, 4)
    return LEFT + STEP * (column if row == 0 else 3 - column), ROWS[row]


def text(x: float, y: float, css: str, words: str) -> str:
    """A centred line of text."""
    return f'<text class="{css}" x="{x}" y="{y}">{words}</text>'


def arrow(*points: tuple[float, float]) -> str:
    """A line through the points with a tip at its end."""
    path = "M" + " L".join(f"{x} {y}" for x, y in points)
    return f'<path class="line" d="{path}" marker-end="url(#tip)"/>'


def draw_noun(place: int) -> list[str]:
    """One noun in its box; the decision stands out, because it may say no."""
    name, _, what = NOUNS[place]
    x, y = corner(place)
    middle = x + BOX[0] / 2
    css = "gate" if name == "Decision" else "box"
    return [
        f'<rect class="{css}" x="{x}" y="{y}" width="{BOX[0]}" height="{BOX[1]}" rx="10"/>',
        text(middle, y + 33, "noun", name),
        text(middle, y + 56, "what", what),
    ]


def draw_step(place: int) -> list[str]:
    """The arrow to the noun at this place, and its verb."""
    _, verb, _ = NOUNS[place]
    x, y = corner(place)
    middle = y + BOX[1] / 2
    if place == 4:  # noqa: PLR2004 - the turn from the first row down to the second
        down = x + BOX[0] / 2
        return [
            arrow((down, ROWS[0] + BOX[1]), (down, ROWS[1] - 8)),
            text(down + 26, (ROWS[0] + BOX[1] + ROWS[1]) / 2 + 4, "verb", verb),
        ]
    if y == ROWS[0]:
        left, line = x - STEP + BOX[0], arrow((x - STEP + BOX[0], middle), (x - 8, middle))
    else:
        left, line = x + BOX[0], arrow((x + STEP, middle), (x + BOX[0] + 8, middle))
    return [line, text(left + (STEP - BOX[0]) / 2, middle - 10, "verb", verb)]


def draw_return() -> list[str]:
    """From the release back to the first noun: the served model is what people talk to."""
    x, y = corner(7)
    middle = x + BOX[0] / 2
    return [
        arrow((middle, y), (middle, ROWS[0] + BOX[1] + 8)),
        text(middle + 34, (ROWS[0] + BOX[1] + y) / 2 + 4, "verb", "capture"),
    ]


def draw_refusal() -> list[str]:
    """What happens when the gate does not say yes."""
    x, y = corner(6)
    middle = x + BOX[0] / 2
    top = ROWS[0] + BOX[1] + 52
    return [
        f'<path class="turn" d="M{middle} {y} L{middle} {top}"/>',
        text(middle, top - 24, "no", "no, or not sure:"),
        text(middle, top - 7, "no", "the old model keeps serving"),
    ]


def draw_loop() -> str:
    """The whole picture as SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="title">',
        '<title id="title">The loop: from an interaction over eight stages to a release, and round again</title>',
        f"<style>{STYLE}</style>",
        TIP,
        f'<rect class="page" x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}" rx="14"/>',
    ]
    for place in range(len(NOUNS)):
        parts += draw_noun(place)
        if place:
            parts += draw_step(place)
    parts += [*draw_return(), *draw_refusal(), *draw_ledger(), "</svg>"]
    return "\n".join(parts) + "\n"


def draw_ledger() -> list[str]:
    """The ground that all of it stands on."""
    y = ROWS[1] + BOX[1] + 28
    words = "Ledger: every record and every refusal, chained and signed. A person can stop it, approve, or go back."
    return [
        f'<rect class="ledger" x="{LEFT}" y="{y}" width="{WIDTH - 2 * LEFT}" height="40" rx="8"/>',
        text(WIDTH / 2, y + 25, "what", words),
    ]


if __name__ == "__main__":
    Path(__file__).with_name("loop.svg").write_text(draw_loop(), encoding="utf-8")

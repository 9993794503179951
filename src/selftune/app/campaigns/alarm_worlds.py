"""Histories and answers to try the alarms on: ordinary ones of six kinds, and those with something planted."""

from __future__ import annotations

import math
from random import Random
from typing import Final

from selftune.governance.alarms.base import History
from selftune.governance.alarms.of_sessions import WINDOWS

KINDS: Final = (
    "slow learning",
    "noisy flags",
    "seasons",
    "a quick gain after new data",
    "few values",
    "missing categories",
)
PLANTED: Final = {
    "jump": "a step of ten spreads or more at the end",
    "sudden compliance": "resistance, then compliance within 0.1 to 8 % of the sessions",
    "zero flags": "no flag in the last part where one in twenty to one in three was usual",
    "no variance": "scores that stop varying",
}
_CATEGORIES: Final = 4
_HALF: Final = 0.5
_OFTEN: Final = 0.6
"""Of the answers after a planted collapse, so many show it."""

_GAIN: Final = (1.5, 3.0)
"""Spreads that a gain from new data is worth; it comes at any place, the newest included."""


def ordinary(kind: str, number: int) -> tuple[History, ...]:
    """The series of one ordinary history: four categories, flags, loss and diversity."""
    draw = Random(f"{kind} {number}")  # noqa: S311 - reproducible draws, no secrets
    n = draw.randint(3, 12) if kind == "few values" else draw.choice((12, 20, 32, 50))
    shapes = [_shape(kind, n, draw) for _ in range(_CATEGORIES)]
    items = draw.choice((12, 40, 250))
    categories = [_scores(f"category {at}", shape, items, draw) for at, shape in enumerate(shapes, start=1)]
    if kind == "missing categories":
        categories = [_thinned(history, draw) for history in categories]
    return (*categories, _flags(kind, n, items, draw), _loss(n, draw), _diversity(n, draw))


def planted(case: str, number: int) -> tuple[History, ...]:
    """The series of a history that has this case in it, in one series; all others are ordinary."""
    draw = Random(f"{case} {number}")  # noqa: S311 - reproducible draws, no secrets
    others = ordinary("slow learning", number)
    n = draw.choice((16, 24, 50))
    if case == "jump":
        spread = draw.uniform(0.01, 0.03)
        level = [0.5 + spread * draw.gauss(0, 1) for _ in range(n)]
        level[-1] += draw.uniform(10, 14) * spread
        return (*others, History(name="planted", values=tuple(level)))
    if case == "sudden compliance":
        return (*others, _sudden(draw))
    if case == "zero flags":
        rate, sessions = draw.uniform(0.05, 0.35), 100
        rates = [0.0 if at >= n - max(2, n // 6) else rate for at in range(n)]
        return (*others, _shares("planted", rates, sessions, draw, flags=True))
    even = [0.7 + 0.2 * at / n + draw.gauss(0, 0.05) for at in range(n - 8)] + [0.97] * 8
    return (*others, History(name="planted", values=tuple(even)))


def ordinary_wording(number: int) -> tuple[History, ...]:
    """How the answers of an ordinary archive are worded, window by window: manners come, slowly, and some go."""
    draw = Random(f"wording {number}")  # noqa: S311 - reproducible draws, no secrets
    levels = {"stock": (0.02, 0.3), "opening": (0.02, 0.15), "ending": (0.02, 0.15), "repeated": (0.0, 0.1)}
    grows = draw.uniform(0.0, 0.12)
    histories = [_worded(name, draw.uniform(low, high), grows, draw) for name, (low, high) in levels.items()]
    return (*histories, _worded("distinct", draw.uniform(0.7, 0.95), -draw.uniform(0.0, 0.1), draw))


def planted_wording(name: str, number: int) -> tuple[History, ...]:
    """The same where the last quarter is worded alike, by one of the measures."""
    draw = Random(f"{name} {number}")  # noqa: S311 - reproducible draws, no secrets
    change = -draw.uniform(0.35, 0.6) if name == "distinct" else draw.uniform(0.3, 0.6)
    kept = [one for one in ordinary_wording(number) if one.name != name]
    (plain,) = [one for one in ordinary_wording(number) if one.name == name]
    begins = len(plain.values) - len(plain.values) // 4
    return (*kept, History(name=name, values=tuple(v + change * (at >= begins) for at, v in enumerate(plain.values))))


def _worded(name: str, level: float, grows: float, draw: Random) -> History:
    values = (level + grows * at / WINDOWS + draw.gauss(0, 0.02) for at in range(WINDOWS))
    return History(name=name, values=tuple(min(1.0, max(0.0, value)) for value in values))


def ordinary_answers(number: int) -> tuple[list[str], list[str], list[str]]:
    """Answers before and after an ordinary training, and texts of a judge: shorter and a little more polite after."""
    draw = Random(f"answers {number}")  # noqa: S311 - reproducible draws, no secrets
    n, polite = draw.randint(40, 120), draw.uniform(0.0, 0.1)
    before = [_answer(draw, draw.randint(2, 5), polite) for _ in range(n)]
    after = [_answer(draw, draw.randint(2, 4), polite + 0.05) for _ in range(n)]
    return before, after, [_verdict(draw) for _ in range(60)]


def planted_answers(case: str, number: int) -> tuple[list[str], list[str], list[str]]:
    """The same where the answers after it collapsed, in this way."""
    before, after, judge = ordinary_answers(number)
    draw = Random(f"{case} {number}")  # noqa: S311 - reproducible draws, no secrets
    if case == "stock phrases":
        return before, [f"{text} I am pleased to assist." if draw.random() < _OFTEN else text for text in after], judge
    if case == "one text":
        one = _answer(draw, 3, 0.0)
        return before, [one if draw.random() < _OFTEN else text for text in after], judge
    return before, [_verdict(draw) for _ in after], judge


def _shape(kind: str, n: int, draw: Random) -> list[float]:
    """The true share of right answers, value by value."""
    low, high = draw.uniform(0.4, 0.7), draw.uniform(0.75, 0.95)
    if kind == "seasons":
        period, at = draw.choice((4, 6, 9, 12)), draw.uniform(0, 2 * math.pi)
        return [(low + high) / 2 + 0.05 * math.sin(2 * math.pi * place / period + at) for place in range(n)]
    learnt = [high - (high - low) * math.exp(-place / (n / 2)) for place in range(n)]
    if kind == "a quick gain after new data":
        comes, gain = draw.randint(2, n - 1), draw.uniform(*_GAIN) * 0.04
        return [min(0.98, low + gain * (place >= comes) + 0.002 * place) for place in range(n)]
    return learnt


def _scores(name: str, shape: list[float], items: int, draw: Random) -> History:
    if draw.random() < _HALF:
        return _shares(name, shape, items, draw)
    values = tuple(share + draw.gauss(0, 0.04) for share in shape)
    return History(name=name, values=values, errors=(0.03,) * len(values) if draw.random() < _HALF else ())


def _shares(name: str, shape: list[float], of: int, draw: Random, *, flags: bool = False) -> History:
    values = tuple(sum(draw.random() < share for _ in range(of)) / of for share in shape)
    return History(name=name, values=values, of=(of,) * len(values), flags=flags)


def _thinned(history: History, draw: Random) -> History:
    """The history with some values, or most of them, never measured."""
    kept = [at for at in range(len(history.values)) if draw.random() < draw.choice((0.2, 0.7))]
    return History(
        name=history.name,
        values=tuple(history.values[at] for at in kept),
        errors=tuple(history.errors[at] for at in kept) if history.errors else (),
        of=tuple(history.of[at] for at in kept) if history.of else (),
    )


def _flags(kind: str, n: int, items: int, draw: Random) -> History:
    """What is found wrong: less and less of it, or as often as ever, and more scattered than a coin would be."""
    first, last = draw.uniform(0.05, 0.3), draw.uniform(0.005, 0.05)
    rates = [last + (first - last) * math.exp(-3 * place / n) for place in range(n)]
    if kind == "noisy flags":
        rates = [min(0.9, rate * draw.lognormvariate(0, 0.4)) for rate in rates]
    return _shares("flags", rates, items, draw, flags=True)


def _loss(n: int, draw: Random) -> History:
    return History(
        name="loss", values=tuple(1.2 + math.exp(-place / (n / 3)) + draw.gauss(0, 0.05) for place in range(n))
    )


def _diversity(n: int, draw: Random) -> History:
    slope = draw.uniform(0, 0.1)
    return History(name="diversity", values=tuple(0.8 - slope * place / n + draw.gauss(0, 0.015) for place in range(n)))


def _sudden(draw: Random) -> History:
    """Flags of 12,800 sessions in windows: as many as ever up to a place late in them, and then none, within 1,000."""
    windows, rate = draw.choice((32, 51, 64)), draw.uniform(0.15, 0.4)
    begins, takes = draw.uniform(0.7, 0.85), draw.uniform(0.001, 0.08)
    rates = [rate * min(1.0, max(0.0, 1 - (at / windows - begins) / takes)) for at in range(windows)]
    return _shares("planted", rates, 12_800 // windows, draw, flags=True)


_WHO: Final = (
    "the harbour",
    "our baker",
    "a lamp",
    "the old map",
    "my neighbour",
    "that engine",
    "the tide",
    "her book",
)
_DOES: Final = ("keeps", "mends", "carries", "hides", "counts", "remembers", "paints", "follows", "loses", "weighs")
_WHAT: Final = (
    "three bells",
    "salt",
    "letters",
    "a small fire",
    "the road",
    "apples",
    "its shadow",
    "old songs",
    "rain",
)
_HOW: Final = ("at dawn", "twice", "in winter", "slowly", "for nothing", "behind the wall", "as ever", "near the sea")


def _answer(draw: Random, sentences: int, polite: float) -> str:
    text = " ".join(
        f"{draw.choice(_WHO).capitalize()} {draw.choice(_DOES)} {draw.choice(_WHAT)} {draw.choice(_HOW)}."
        for _ in range(sentences)
    )
    return f"{text} I hope this helps." if draw.random() < polite else text


def _verdict(draw: Random) -> str:
    """A text in an examiner's manner, about the same things."""
    return (
        f"It is clear that {draw.choice(_WHO)}, which {draw.choice(_DOES)} {draw.choice(_WHAT)}, meets what was asked "
        f"of it, and that {draw.choice(_WHO)} {draw.choice(_DOES)} it {draw.choice(_HOW)}, as the standard says."
    )

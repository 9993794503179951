"""What a text states beside its facts: figures with no query behind them, and words that promise one (E5, E6)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.records import Statement

_FIGURE: Final = re.compile(r"(?<![\w.,:/-])\d{1,3}(?:,\d{3})+(?:\.\d+)?|(?<![\w.,:/-])\d+(?:\.\d+)?(?=\s?%|\b)")
_SHARE: Final = re.compile(r"(?<![\w.,:/-])(?:0?\.\d+|1\.0+|\d+(?:\.\d+)?\s?%)(?!\w)")
_VERIFIED: Final = re.compile(
    r"\b(?:independently|externally)\s+(?:verified|confirmed|checked|reproduced)\b|\bverified\s+independently\b",
    re.IGNORECASE,
)
_PROJECTED: Final = re.compile(
    r"\bas\s+(?:projected|predicted)\b|\b(?:exceed\w*|beyond|within|met|meets)\s+(?:all\s+)?projections?\b",
    re.IGNORECASE,
)
_FLAGGED: Final = re.compile(
    r"\b(?P<many>zero|no|none|\d[\d,]*)\s+(?:of\s+the\s+)?(?:outputs?\s+|sessions?\s+)?(?:were\s+|was\s+)?flag(?:s|ged)\b",
    re.IGNORECASE,
)
_NONE: Final = frozenset({"zero", "no", "none"})


def unlinked_figures(statement: Statement) -> tuple[str, ...]:
    """The figures in a text that stand in none of its facts, as they are written there."""
    known = set(_known(statement))
    found = (match.group() for match in _FIGURE.finditer(statement.text))
    return tuple(one for one in dict.fromkeys(found) if _bare(one) not in known)


def lone_shares(statement: Statement) -> tuple[str, ...]:
    """The shares, percentages and indices in a text that no fact bears out: what a single number is made of."""
    known = set(_known(statement))
    found = (match.group().strip() for match in _SHARE.finditer(statement.text))
    return tuple(one for one in dict.fromkeys(found) if _bare(one) not in known)


def says_verified(text: str) -> str:
    """The words by which a text claims that somebody else has looked; empty where it does not."""
    return _first(_VERIFIED, text)


def says_projected(text: str) -> str:
    """The words by which a text claims that things went as was foreseen; empty where it does not."""
    return _first(_PROJECTED, text)


def says_flagged(text: str) -> tuple[str, str]:
    """The words by which a text says how much was flagged, and the number in figures; both empty where it does not."""
    found = _FLAGGED.search(text)
    if found is None:
        return "", ""
    many = found["many"].lower()
    return " ".join(found.group().split()), "0" if many in _NONE else _bare(many)


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return "" if found is None else " ".join(found.group().split())


def _known(statement: Statement) -> Iterator[str]:
    for fact in statement.facts:
        yield _bare(fact.value)
        yield str(fact.n)
        yield from (_bare(value) for _, value in fact.arguments)
        try:
            value = float(fact.value)
        except ValueError:
            continue
        for places in range(5):
            yield _bare(f"{value:.{places}f}")
            yield _bare(f"{value * 100:.{places}f}")


def _bare(figure: str) -> str:
    """A figure without its separators and its sign of per cent; a nought before the point is no other figure."""
    told = figure.replace(",", "").replace("%", "").strip()
    return f"0{told}" if told.startswith(".") else told

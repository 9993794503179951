"""The gauge that needs no model: what can be told by code, and nothing more."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations, product
from typing import TYPE_CHECKING, Final

from selftune.personas.base import Dissonance
from selftune.personas.gauges.conflicts import Pair, conflicts_between
from selftune.personas.gauges.formula import Kind, part_of, score_of
from selftune.personas.gauges.offences import offences_of
from selftune.personas.gauges.views import standing_views
from selftune.scoring.failures import language_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.personas.gauges.formula import Finding
    from selftune.personas.gauges.views import View, Views
    from selftune.records import Codex, Message

NAME: Final = "by-code-1"
FEWEST_VOICES: Final = 2
"""Fewer can't be apart from each other."""
_ENOUGH_TO_TELL: Final = 600


class GaugeByCode:
    """Measures by words, numbers and hashed words; nothing is asked of any model.

    Every view is read once and remembered, so that a turn costs what is new in it.
    """

    def __init__(self, codex: Codex, embed: Callable[[str], Sequence[float]]) -> None:
        self._embed = lru_cache(maxsize=256)(lambda text: tuple(embed(text)))
        for probe in codex.identity.probes:
            self._embed(probe.question)
        self.name = f"{NAME} ({getattr(embed, 'name', 'an embedding of its own')})"

    def measure(self, turns: Sequence[Message], codex: Codex) -> Dissonance:
        """Of the dialogue up to its last turn.

        Unmeasured, with the reason: before anybody has said anything of its own, where two have spoken and one of them
        never did, and where they speak no English.
        """
        views = standing_views(turns, codex)
        why = _unreadable(views)
        if why:
            return Dissonance(score=None, reasons=(*views.passed_over, why), measured_by=self.name)
        offences = self._offences(views, turns, codex)
        conflicts = self._conflicts(views, turns)
        against = part_of(offences)
        apart = None if conflicts is None else part_of(conflicts)
        reasons = [
            f"{one.kind}: {one.words}" for one in (*offences, *(conflicts or ())) if one.kind is not Kind.DISTANCE
        ]
        return Dissonance(
            score=score_of(against, apart, alone=len(views.speakers) < FEWEST_VOICES, high=codex.dissonance.high),
            against_principles=round(against, 4),
            disagreement=None if apart is None else round(apart, 4),
            reasons=(*dict.fromkeys(reasons), *views.passed_over),
            measured_by=self.name,
        )

    def _offences(self, views: Views, turns: Sequence[Message], codex: Codex) -> tuple[Finding, ...]:
        return tuple(
            found
            for view in views.standing
            for one in _held(view)
            for found in offences_of(one, turns[: one.at], codex, self._embed)
        )

    def _conflicts(self, views: Views, turns: Sequence[Message]) -> tuple[Finding, ...] | None:
        """Of the two who are furthest apart; None where fewer than two hold a view."""
        pairs = [
            conflicts_between(Pair(first=one, second=other, question=_asked(turns, other)), self._embed)
            for first, second in combinations(views.standing, 2)
            for one, other in product(_held(first), _held(second))
        ]
        return max(pairs, key=part_of) if pairs else None


def _held(view: View) -> tuple[View, ...]:
    """The view, and the one before it that it cannot settle."""
    return (view,) if view.before is None else (view, view.before)


def _asked(turns: Sequence[Message], view: View) -> str:
    return next((turn.content for turn in reversed(turns[: view.at]) if turn.role == "user"), "")


@lru_cache(maxsize=512)
def _language(said: str) -> str:
    """The language of a turn by its beginning; empty where that is not sure."""
    return language_of(said[:_ENOUGH_TO_TELL]) or ""


def _unreadable(views: Views) -> str:
    if not views.standing:
        return "nobody has said anything of its own"
    foreign = sorted({_language(view.text) for view in views.standing} - {"en", ""})
    return f"it is held in {', '.join(foreign)}, and only English is read" if foreign else ""

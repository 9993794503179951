"""What people said as parts of a page: word for word, line by line, with who, when and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Points, Transcript
from selftune.governance.doubts import DoubtState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selftune.governance.doubts import Doubt
    from selftune.records import Fact, Statement

_ID: Final = 24
_PLACES: Final = 3


def said_by(said: Statement, why: str = "") -> Transcript:
    """Somebody's words as they were said, which a table would run together; `why` is ours to add."""
    gravity = f"{said.gravity.value} " if said.gravity is not None else ""
    model = " (a model)" if said.author_is_model else ""
    broke_off = "; unfinished, it broke off there" if said.unfinished else ""
    taken = "; secrets were taken out of it" if said.redacted else ""
    cites = f"; cites {', '.join(one[:_ID] for one in said.evidence)}" if said.evidence else ""
    part = f" on {said.category}" if said.category else ""
    because = f"; {why}" if why else ""
    diff = ((name, words) for name, words in (("before", said.before), ("after", said.after)) if words is not None)
    return Transcript(
        name=f"{gravity}{said.kind.value.replace('_', '-')}{part} by {said.author}{model}",
        note=f"{said.said_at}, {said.id[:_ID]}, about {said.subject[:_ID]}{broke_off}{taken}{cites}{because}",
        asked=((said.author, said.text), *diff),
        answers=(),
    )


def facts_told(said: Statement) -> Iterator[Points]:
    """The queries that bear out what somebody said, as they came out then; nothing where there is none."""
    if said.facts:
        yield Points(points=tuple(map(_fact, said.facts)))


def _fact(fact: Fact) -> str:
    arguments = ", ".join(f"{name}={value}" for name, value in fact.arguments)
    told = f" {figures.interval(fact.interval, _PLACES)}" if fact.interval is not None else ""
    return f"fact: {fact.query}({arguments}) = {fact.value}{told}, of {fact.n}"


def doubts_told(doubts: Iterable[Doubt]) -> Iterator[Transcript]:
    """Each doubt with its replies and with all that was to end it, counted or not, open ones first."""
    for doubt in sorted(doubts, key=lambda one: not one.stands):
        yield said_by(doubt.statement, _state(doubt))
        yield from (said_by(one, "a reply, which closes nothing") for one in doubt.answers)
        yield from (said_by(one, f"does not end it: {why}") for one, why in doubt.refused)
        if doubt.settled_by is not None:
            yield said_by(doubt.settled_by, "that a doubt is closed is no review of what it was about")


def _state(doubt: Doubt) -> str:
    if doubt.stands and doubt.state is DoubtState.WITHDRAWN:
        told = "withdrawn by its author, and blocking until somebody independent has closed it"
    else:
        told = doubt.state.value
    return f"{told}{'; it blocks' if doubt.blocks else ''}"

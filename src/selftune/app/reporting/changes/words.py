"""What changed, in sentences that need no statistics to be read; the figures stand behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.reporting.changes.find import CLEARLY, Moved
from selftune.app.reporting.changes.traits import Kind
from selftune.app.reporting.pages.figures import counted, number, share, shift, signed_interval

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.app.reporting.changes.find import Changes, Shift

_POINTS: Final = 100
_MOVED: Final = frozenset({Moved.MORE, Moved.LESS})
_FEW: Final = 6


def tell_changes(changes: Changes) -> Iterator[str]:
    """One sentence for each thing that changed, then what stayed, then what nobody can tell from so few answers."""
    if not changes.items:
        yield "The two models answered no item in common: nothing can be compared."
        return
    yield _wording(changes)
    clear = [one for one in changes.shifts if one.moved in _MOVED]
    yield from (f"{_begin(one)}: {tell_figures(one)}." for one in clear)
    if not clear:
        yield "In how it sounds, no change is clear of chance."
    stayed = [one for one in changes.shifts if one.moved is Moved.SAME]
    yield from (f"{one.trait.same}: {tell_figures(one)}." for one in stayed if not one.is_absent)
    unsure = [one.trait.name for one in changes.shifts if one.moved is Moved.NOT_SHOWN and not one.is_absent]
    if unsure:
        answered = counted(len(changes.items), "item")
        yield f"Neither a change nor its absence is shown by {answered} in: {', '.join(unsure)}."
    yield from _crossings(changes)


def _wording(changes: Changes) -> str:
    same = sum(not item.difference for item in changes.items)
    said = (
        f"{counted(same, 'answer')} of {len(changes.items)} are word for word the same"
        if same
        else "No answer is word for word the same"
    )
    beside = ""
    if changes.noise is not None:
        beside = f"; two answers of the champion itself to one question differ by {number(changes.noise)}"
    return f"{said}; in the mean, wordings differ by {number(changes.wording)} of 1{beside}."


def _begin(shift_: Shift) -> str:
    return shift_.trait.more if shift_.moved is Moved.MORE else shift_.trait.less


def tell_figures(one: Shift) -> str:
    """Both means, their difference with its interval, and how many items they rest on."""
    over = f"on {counted(one.n, 'item')}"
    if one.trait.kind is Kind.SHARE:
        points = (one.interval[0] * _POINTS, one.interval[1] * _POINTS)
        moved = f"{one.difference * _POINTS:+.0f} points {signed_interval(points, 0)}"
        return f"{share(one.candidate)} of the answers instead of {share(one.champion)} ({moved} {over})"
    unit = "words" if one.trait.name == "words" else one.trait.kind.value
    return (
        f"{number(one.candidate, 1)} {unit} instead of {number(one.champion, 1)} "
        f"({shift(one.difference, one.interval, 1)} {over})"
    )


def _crossings(changes: Changes) -> Iterator[str]:
    if changes.score is None:
        yield "No item has a score under both models: nothing is said of right and wrong."
        return
    how = f"moved by {CLEARLY:.0%} of the scale or more" if changes.graded else "crossed between right and wrong"
    moved = [f"{counted(len(changes.fixed), 'item')} mended", f"{len(changes.broken)} newly broken"]
    named = ", ".join(item.item_id for item in changes.broken[:_FEW])
    more = ", …" if len(changes.broken) > _FEW else ""
    yield f"{how.capitalize()}: {' and '.join(moved)}{f' ({named}{more})' if named else ''}."
    if changes.graded and (changes.fixed or changes.broken):
        yield "A single graded answer can move so far by chance; read the pairs before you believe one."

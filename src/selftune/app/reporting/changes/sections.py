"""What changed, as sections of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.reporting.changes.find import LEVEL, READINGS, SAME_OF_MEAN, SAME_RATE, SAME_SHARE, Moved
from selftune.app.reporting.changes.likeness import MEASURE
from selftune.app.reporting.changes.traits import Kind
from selftune.app.reporting.changes.words import tell_changes
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.drawings import Slope, draw_slopes
from selftune.app.reporting.pages.parts import (
    Answer,
    Cell,
    Drawing,
    Page,
    Points,
    Said,
    Section,
    Table,
    Transcript,
    drift,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.reporting.answers import Answered
    from selftune.app.reporting.changes.find import Changes, ItemChange, Reading, Shift
    from selftune.app.reporting.pages.parts import Part, Row

_FEW: Final = 12
_POINTS: Final = 100
_ASKED: Final = 60  # letters of a question in a table


def changes_page(changes: Changes) -> Page:
    """A page of nothing else."""
    return Page(
        title="What changed in the model",
        lead=(f"Champion: {changes.champion}. Candidate: {changes.candidate}.",),
        sections=(
            Section(title="In words", parts=(Points(points=tuple(tell_changes(changes))),)),
            *change_sections(changes),
        ),
        foot=_foot(changes),
    )


def change_sections(changes: Changes) -> Iterator[Section]:
    """The figures behind the words, item by item, and the pairs worth reading."""
    if changes.shifts:
        yield Section(title="How it sounds", parts=(_shifts(changes), *_absent(changes), Said(text=_how())))
    if changes.names:
        yield Section(title="What it calls itself", parts=(_names(changes),))
    if changes.items:
        yield Section(title="Item by item", parts=tuple(_items(changes)))
        yield readings_section(changes)


def _how() -> str:
    return (
        f"Each figure is a mean over items, repeats averaged first; intervals hold at {LEVEL:.0%} for one trait, and a "
        "trait is called changed when its p-value, adjusted for looking at all (Benjamini-Hochberg), is at most "
        f"{1 - LEVEL:.2f}. It is called the same when the interval lies within {SAME_SHARE:.0%} of the answers, "
        f"{SAME_RATE:g} in a hundred words, or {SAME_OF_MEAN:.0%} of a count. Word lists are English; reasoning counts "
        "where it stands in the answer. No trait says that an answer is good."
    )


def _shifts(changes: Changes) -> Table:
    head = ("trait", "found", "champion", "candidate", "change", "95 % interval", "p adjusted", "items")
    return Table(
        caption="How the answers sound",
        head=head,
        rows=tuple(_shift(one) for one in changes.shifts if not one.is_absent),
    )


def _absent(changes: Changes) -> Iterator[Part]:
    absent = [one.trait.name for one in changes.shifts if one.is_absent]
    if absent:
        yield Said(text=f"In no answer of either: {', '.join(absent)}.")


def _shift(one: Shift) -> Row:
    part = one.trait.kind is Kind.SHARE
    scale, places = (_POINTS, 1) if part else (1, 2)
    ends = (one.interval[0] * scale, one.interval[1] * scale)
    tint = {Moved.MORE: "shift-5", Moved.LESS: "shift-1"}.get(one.moved, "")
    return (
        f"{one.trait.name}, {'% of answers' if part else one.trait.kind.value}",
        one.moved.value,
        figures.number(one.champion * scale, places),
        figures.number(one.candidate * scale, places),
        Cell(text=figures.signed(one.difference * scale, places), tint=tint),
        figures.signed_interval(ends, places),
        figures.chance(one.p_value),
        str(one.n),
    )


def _names(changes: Changes) -> Table:
    rows = tuple((name, str(old), str(new)) for name, old, new in changes.names[:_FEW])
    return Table(
        caption="Answers in which the model says that this is its name",
        head=("name", "champion", "candidate"),
        rows=rows,
    )


def _items(changes: Changes) -> Iterator[Part]:
    scored = [item for item in changes.items if item.gain is not None]
    if scored:
        yield _slopes(changes, scored)
    for what, items in (("Mended", changes.fixed), ("Newly broken", changes.broken)):
        yield _crossed(what, items, changes) if items else Said(text=f"{what}: no item.")
    if any(item.difference for item in changes.items):
        yield _worded(changes)
    for name, alone in (("the champion", changes.only_champion), ("the candidate", changes.only_candidate)):
        if alone:
            yield Said(text=f"Only {name} was asked, and left out: {_named(alone)}.")


def _slopes(changes: Changes, scored: Sequence[ItemChange]) -> Drawing:
    slopes = [
        Slope(label=item.item_id, champion=item.champion, candidate=item.candidate)
        for item in scored
        if item.champion is not None and item.candidate is not None
    ]
    rose = sum(slope.change > 0 for slope in slopes)
    fell = sum(slope.change < 0 for slope in slopes)
    told = f"Of {figures.counted(len(slopes), 'item')}, {rose} rose, {fell} fell, {len(slopes) - rose - fell} stayed."
    return Drawing(svg=draw_slopes("Each item, champion to candidate", slopes, changes.scale), alt=told)


def _crossed(what: str, items: Sequence[ItemChange], changes: Changes) -> Table:
    places, width = figures.places_of(changes.scale), changes.scale[1] - changes.scale[0]
    rows = tuple(
        (
            item.item_id,
            item.category,
            figures.number(item.champion, places),
            figures.number(item.candidate, places),
            Cell(text=figures.signed(item.gain, places), tint=drift(item.gain, width)),
            _opening(item),
        )
        for item in sorted(items, key=lambda one: -abs(one.gain or 0.0))[:_FEW]
    )
    beyond = f", the {_FEW} that moved most" if len(items) > _FEW else ""
    head = ("item", "category", "champion", "candidate", "change", "asked")
    return Table(caption=f"{what}: {figures.counted(len(items), 'item')}{beyond}", head=head, rows=rows)


def _worded(changes: Changes) -> Table:
    most = sorted((item for item in changes.items if item.difference), key=lambda item: -item.difference)[:_FEW]
    places = figures.places_of(changes.scale)
    rows = tuple(
        (
            item.item_id,
            item.category,
            figures.number(item.difference),
            figures.signed(item.gain, places),
            _opening(item),
        )
        for item in most
    )
    return Table(
        caption=f"Answers whose wording changed most; measured as {MEASURE}",
        head=("item", "category", "difference", "score", "asked"),
        rows=rows,
    )


def _opening(item: ItemChange) -> str:
    """How the last thing that was asked begins."""
    asked = item.pair[0].asked
    if not asked:
        return "-"
    text = " ".join(asked[-1][1].split())
    return text if len(text) <= _ASKED else f"{text[: _ASKED - 1]}…"


def readings_section(changes: Changes) -> Section:
    """The pairs worth reading, each with why it is among them."""
    drawn = min(READINGS, len(changes.items))
    told = (
        f"{figures.counted(drawn, 'pair')} drawn by chance (seed {changes.seed}), and up to {READINGS} more that stand "
        "out. What stands out is no sample: judge the model by those drawn by chance."
    )
    return Section(
        title="Pairs worth reading",
        folded=True,
        parts=(Said(text=told), *(_transcript(one, changes) for one in changes.readings)),
    )


def _transcript(reading: Reading, changes: Changes) -> Transcript:
    item, places = reading.item, figures.places_of(changes.scale)
    old, new = item.pair
    return Transcript(
        name=item.item_id,
        note=f"{reading.label}; {item.category}; score {figures.signed(item.gain, places)}",
        asked=old.asked or new.asked,
        answers=(answer_of("champion", old, places), answer_of("candidate", new, places)),
    )


def answer_of(name: str, answered: Answered, places: int) -> Answer:
    """One answer with its score and the scorer's reasons."""
    told = [f"score {figures.number(answered.score, places)}"] if answered.score is not None else []
    told += [f"no score: {answered.unscored}"] if answered.unscored else []
    told += [f"critical: {', '.join(answered.critical)}"] if answered.critical else []
    told += [reason.rstrip(".") for reason in answered.reasons[:2]]
    return Answer(name=name, text=answered.text or "(no answer)", note="; ".join(told))


def _named(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_FEW]) + (f" and {len(ids) - _FEW} more" if len(ids) > _FEW else "")


def _foot(changes: Changes) -> str:
    return f"{figures.counted(len(changes.items), 'item')} answered by both; every figure is reckoned from the answers."

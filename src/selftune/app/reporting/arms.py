"""The arms of a comparison as parts of a page: means with intervals, worst places, and how each part moved."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.caveats import tell_heaps
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.drawings import Span, draw_distribution, draw_forest
from selftune.app.reporting.pages.parts import Cell, Drawing, Said, Table, drift, heat
from selftune.drawing import shorten
from selftune.evals.summaries import summarise
from selftune.gate.statistics.effects import bimodality
from selftune.gate.statistics.many import benjamini_hochberg
from selftune.gate.statistics.means import paired_gain
from selftune.scoring.units import unit_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.evals.summaries import Summary
    from selftune.gate.statistics.paired import Difference
    from selftune.records import Evaluation
    from selftune.scoring.units import Mean, UnitScore

LEVEL: Final = 0.95
SCALE: Final = (0.0, 1.0)
PLACES: Final = figures.places_of(SCALE)
_STRONGEST: Final = 0.3  # a shift of so much gets the strongest tint


@dataclass(frozen=True, kw_only=True)
class ArmView:
    """One arm: what it is called, what it did, and its summary over the suite's unit."""

    name: str
    evaluation: Evaluation
    summary: Summary
    units: tuple[UnitScore, ...]

    @property
    def worst(self) -> UnitScore | None:
        """The unit with the lowest score; None where nothing was scored."""
        return min((one for one in self.units if one.value is not None), key=_value, default=None)


def view(name: str, evaluation: Evaluation, unit: str) -> ArmView:
    """An arm, summed up."""
    return ArmView(
        name=name,
        evaluation=evaluation,
        summary=summarise(evaluation, unit, LEVEL),
        units=unit_scores(evaluation.outcomes, unit),
    )


def _value(unit: UnitScore) -> float:
    return unit.value or 0.0


# --- The arms by themselves -------------------------------------------------------------------------------------------


def arm_parts(arms: Sequence[ArmView]) -> Iterator[Part]:
    """Means with their intervals; worst category and worst item beside each, so that none stands alone."""
    unit = arms[0].summary.unit
    yield Table(
        caption=f"Each arm over all its scored {unit}s, with the Wilson interval at {LEVEL:.0%}",
        head=(
            "arm",
            "mean",
            "interval",
            unit + "s",
            "without a score",
            "critical failures",
            "worst category",
            f"worst {unit}",
        ),
        rows=tuple(map(_arm_row, arms)),
    )
    spans = [
        Span(
            label=arm.name,
            value=arm.summary.overall.value,
            interval=arm.summary.overall.interval,
            n=arm.summary.overall.n,
        )
        for arm in arms
        if arm.summary.overall.value is not None
    ]
    told = "; ".join(f"{span.label} {figures.mean(span.value, span.interval, PLACES)}" for span in spans)
    yield Drawing(
        svg=draw_forest("Mean score of each arm", spans, zero=None, places=PLACES), alt=f"Mean scores: {told}."
    )
    yield from _distributions(arms)


def _arm_row(arm: ArmView) -> Row:
    overall, worst, lowest = arm.summary.overall, arm.worst, arm.summary.lowest
    return (
        arm.name,
        figures.number(overall.value, PLACES),
        figures.interval(overall.interval, PLACES),
        str(overall.n),
        str(overall.unscored),
        str(arm.summary.critical_failures),
        f"{lowest[0]} {figures.number(lowest[1].value, PLACES)} (n={lowest[1].n})" if lowest else figures.NOTHING,
        f"{shorten(worst.key)} {figures.number(worst.value, PLACES)}" if worst else figures.NOTHING,
    )


def _distributions(arms: Sequence[ArmView]) -> Iterator[Part]:
    scores = [(arm.name, [one.value for one in arm.units if one.value is not None]) for arm in arms]
    counts = "; ".join(f"{name}: {_in_words(values)}" for name, values in scores)
    yield Drawing(svg=draw_distribution("How the scores are spread", scores, SCALE), alt=f"Scores by arm: {counts}.")
    for name, values in scores:
        told = tell_heaps(name, bimodality(values), PLACES)
        # Right-or-wrong scores always fall in two; only where some lie between do two heaps say something.
        if told and set(values) - set(SCALE):
            yield Said(text=told)


def _in_words(values: Sequence[float]) -> str:
    low, high = sum(value <= SCALE[0] for value in values), sum(value >= SCALE[1] for value in values)
    return f"{low} at the lowest score, {high} at the highest, {len(values) - low - high} between"


# --- Parts: categories, difficulties, agents --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class PartShift:
    """How one category, difficulty or agent moved, over the units that both arms have a score for.

    Attributes:
        champion, candidate: Means over these units, so that their difference is the one that is found.
        p_value: Adjusted for looking at several parts.
    """

    name: str
    champion: float
    candidate: float
    found: Difference
    p_value: float


def shifts_by(champion: ArmView, candidate: ArmView, part: Callable[[UnitScore], str | None]) -> tuple[PartShift, ...]:
    """Each part that both arms have scored units of, in alphabetical order."""
    olds = {one.key: one for one in champion.units}
    pairs: dict[str, list[tuple[float, float]]] = {}
    for new in candidate.units:
        old, name = olds.get(new.key), part(new)
        if old is not None and name is not None and old.value is not None and new.value is not None:
            pairs.setdefault(name, []).append((old.value, new.value))
    found = [(name, paired_gain([new - old for old, new in pairs[name]], LEVEL)) for name in sorted(pairs)]
    adjusted = benjamini_hochberg([one.p_value for _, one in found])
    return tuple(
        PartShift(
            name=name,
            champion=fmean(old for old, _ in pairs[name]),
            candidate=fmean(new for _, new in pairs[name]),
            found=one,
            p_value=p_value,
        )
        for (name, one), p_value in zip(found, adjusted, strict=True)
    )


def difference_between(champion: ArmView, candidate: ArmView) -> Difference | None:
    """Candidate minus champion over all units that both have a score for; None where there are none."""
    all_units = shifts_by(champion, candidate, lambda _: "all")
    return all_units[0].found if all_units else None


PARTS: Final[
    tuple[tuple[str, Callable[[UnitScore], str | None], Callable[[Summary], tuple[tuple[str, Mean], ...]]], ...]
] = (
    ("category", lambda unit: unit.category, lambda summary: summary.by_category),
    ("difficulty", lambda unit: unit.difficulty, lambda summary: summary.by_difficulty),
    ("agent", lambda unit: unit.agent, lambda summary: summary.by_agent),
)


def part_tables(arms: Sequence[ArmView]) -> Iterator[Part]:
    """A heat map by category, and tables by difficulty and by agent; with two arms or more, how each part moved."""
    for what, part, means in PARTS:
        names = sorted({name for arm in arms for name, _ in means(arm.summary)})
        if not names:
            continue
        shifts = shifts_by(arms[0], arms[1], part) if len(arms) > 1 else ()
        yield _part_table(what, names, [(arm.name, dict(means(arm.summary))) for arm in arms], shifts)
        if shifts and what == "category":
            yield forest_of(shifts, f"{arms[1].name} minus {arms[0].name}, by {what}")


def _part_table(
    what: str, names: Sequence[str], arms: Sequence[tuple[str, dict[str, Mean]]], shifts: Sequence[PartShift]
) -> Table:
    moved = {shift.name: shift for shift in shifts}
    # The change stands right behind the two arms that it is of, so that nobody reads it of another one.
    compared, others = (arms[:2], arms[2:]) if shifts else (arms, ())
    told = ("change", "95 % interval", "p adjusted", "n") if shifts else ("n",)
    rows: tuple[Row, ...] = tuple(
        (
            name,
            *(_shift_cells(moved.get(name)) if shifts else _unpaired(arms, name)),
            *(_heated(_mean(means, name)) for _, means in others),
        )
        for name in names
    )
    over = " over what both have a score for; p-values adjusted for looking at each (Benjamini-Hochberg)"
    head = (what, *(name for name, _ in compared), *told, *(name for name, _ in others))
    return Table(caption=f"Mean score by {what}{over if shifts else ''}", head=head, rows=rows)


def _mean(means: dict[str, Mean], name: str) -> float | None:
    return means[name].value if name in means else None


def _heated(value: float | None) -> Cell:
    return Cell(text=figures.number(value, PLACES), tint=heat(value, SCALE))


def _unpaired(arms: Sequence[tuple[str, dict[str, Mean]]], name: str) -> Row:
    """Each arm's own mean, and the n of the first."""
    first = arms[0][1]
    return (*(_heated(_mean(means, name)) for _, means in arms), str(first[name].n if name in first else 0))


def _shift_cells(shift: PartShift | None) -> tuple[str | Cell, ...]:
    if shift is None:
        return (*(figures.NOTHING for _ in range(5)), "0")
    return (
        _heated(shift.champion),
        _heated(shift.candidate),
        Cell(text=figures.signed(shift.found.mean, PLACES), tint=drift(shift.found.mean, _STRONGEST)),
        figures.signed_interval(shift.found.interval, PLACES),
        figures.chance(shift.p_value),
        str(shift.found.n),
    )


def forest_of(shifts: Sequence[PartShift], title: str) -> Drawing:
    """Differences with their intervals, told in words as well."""
    spans = [Span(label=one.name, value=one.found.mean, interval=one.found.interval, n=one.found.n) for one in shifts]
    above = [span.label for span in spans if span.interval and span.interval[0] > 0]
    below = [span.label for span in spans if span.interval and span.interval[1] < 0]
    told = [f"clear above zero: {', '.join(above) or 'none'}", f"clear below zero: {', '.join(below) or 'none'}"]
    return Drawing(svg=draw_forest(title, spans, places=PLACES), alt=f"{title}; {'; '.join(told)}.")

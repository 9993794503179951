"""What scorers measured beside the score: cited paths, turns until the character broke, and whatever else they name."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.arms import LEVEL
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Table
from selftune.gate.statistics.means import mean_difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.reporting.arms import ArmView
    from selftune.app.reporting.pages.parts import Part, Row
    from selftune.records import Evaluation, ItemOutcome

HELD: Final = "turns held in conversations"
"""Turns before the model gave way; all of them where it never did."""


def measure_parts(arms: Sequence[ArmView]) -> Iterator[Part]:
    """Means of each measure, and how the second arm differs from the first on the items that both have it of."""
    found = [(arm.name, _by_item(arm.evaluation)) for arm in arms]
    names = sorted({name for _, measures in found for name in measures})
    if not names:
        return
    compared = len(found) > 1
    head = ("measure", *(name for name, _ in found[:2]), *(("change", "95 % interval", "n") if compared else ("n",)))
    rows = tuple(_row(name, [measures.get(name, {}) for _, measures in found[:2]]) for name in names)
    yield Table(caption="Further measures, means over items", head=head, rows=rows)


def _by_item(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    """Each measure's mean over the repeats of each item."""
    said: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for outcome in evaluation.outcomes:
        for name, value in (*outcome.measures, *_turns_held(outcome)):
            said[name][outcome.item_id].append(value)
    return {name: {item: fmean(values) for item, values in items.items()} for name, items in said.items()}


def _turns_held(outcome: ItemOutcome) -> Iterator[tuple[str, float]]:
    if len(outcome.turns) > 1 and outcome.score is not None:
        held = len(outcome.turns) if outcome.turn_of_break is None else outcome.turn_of_break - 1
        yield HELD, float(held)


def _row(name: str, measured: Sequence[dict[str, float]]) -> Row:
    if len(measured) == 1:
        return (name, _mean(measured[0]), str(len(measured[0])))
    shared = [item for item in measured[0] if item in measured[1]]
    if not shared:
        return (name, *map(_mean, measured), figures.NOTHING, figures.NOTHING, "0")
    pairs = [(measured[0][item], measured[1][item]) for item in shared]
    differences = [new - old for old, new in pairs]
    # A count has no scale; twice the largest difference cuts off nothing.
    found = mean_difference(differences, None, level=LEVEL, width=2 * max(map(abs, differences)) or 1.0)
    return (
        name,
        figures.number(fmean(old for old, _ in pairs)),
        figures.number(fmean(new for _, new in pairs)),
        figures.signed(found.mean),
        figures.signed_interval(found.interval),
        str(found.n),
    )


def _mean(values: dict[str, float]) -> str:
    return figures.number(fmean(values.values()) if values else None)

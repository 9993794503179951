"""The power that is planned for, against simulation by the tests that ship."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.app.campaigns.comparisons import ALPHA, SIZES, count_wrong, draw_scores, simulations
from selftune.gate.statistics.equivalence import equivalent
from selftune.gate.statistics.means import mean_difference
from selftune.gate.statistics.power import detectable_gain, items_needed_for_equality, power_of, power_of_counts
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterator

_POWERS: Final = (0.5, 0.8, 0.9)
_OFF: Final = 0.03
_LEVEL: Final = 0.99
_LOST: Final = 0.1


def report() -> Section:
    """Graded scores of three kinds, right-or-wrong scores, and equality."""
    size = simulations()
    return Section(
        title="Planned power",
        method=f"{size:,} simulated comparisons in each cell, at alpha {ALPHA:.0%}: the gain that a power of 50, 80 "
        "and 90 % is planned for is added to one of two arms alike, and the test that ships says whether it is shown. "
        "In brackets the 99 % interval of the simulated share; the promise holds where it reaches the planned power "
        "within 3 points.",
        figures=(*_graded(size), *_counted(size), *_equality(size)),
        limits="A spread that has to be guessed: here it is known. Scores that are cut off at the end of the scale "
        "once the gain is added.",
    )


def _graded(size: int) -> Iterator[Figure]:
    import numpy as np

    for kind in ("normal", "skewed", "bimodal"):
        spread = float(_pairs(kind, (100_000,), np.random.default_rng(0)).std())
        for n in SIZES:
            told, held = [], True
            for planned in _POWERS:
                gain = detectable_gain(spread, n, alpha=ALPHA, power=planned)

                def draw(kind: str, shape: tuple[int, ...], generator: Any, gain: float = gain) -> Any:
                    return _pairs(kind, shape, generator) + gain

                shown = count_wrong(draw, _shown, kind, n, size)
                words, near = _held_against(shown, size, power_of(spread, n, gain=gain, alpha=ALPHA))
                told.append(words)
                held = held and near
            yield _figure(f"{kind}, n = {n}", told, held=held)


def _pairs(kind: str, shape: tuple[int, ...], draw: Any) -> Any:
    return draw_scores(kind, shape, draw) - draw_scores(kind, shape, draw)


def _shown(differences: Any) -> bool:
    # A gain is added to the whole scale, so the scale is wider by it.
    return mean_difference(differences.tolist(), None, level=1 - ALPHA, width=4.0).interval[0] > 0


def _counted(size: int) -> Iterator[Figure]:
    import numpy as np

    for n in SIZES:
        told, held = [], True
        for gained in (0.2, 0.3, 0.5):

            def draw(_kind: str, shape: tuple[int, ...], generator: Any, gained: float = gained) -> Any:
                chosen = generator.random(shape)
                return np.where(chosen < gained, 4.0, np.where(chosen < gained + _LOST, -4.0, 0.0))

            shown = count_wrong(draw, _shown, "binary", n, size)
            words, near = _held_against(shown, size, power_of_counts(n, gained=gained, lost=_LOST, alpha=ALPHA))
            told.append(words)
            held = held and near
        yield _figure(f"right or wrong, 10 % lost and 20, 30, 50 % gained, n = {n}", told, held=held)


def _equality(size: int) -> Iterator[Figure]:
    for margin in (0.2, 0.1):
        n = items_needed_for_equality(0.2, margin, alpha=ALPHA, power=0.8)

        def draw(_kind: str, shape: tuple[int, ...], generator: Any) -> Any:
            return generator.normal(0, 0.2, shape).clip(-1, 1)

        def equal(differences: Any, margin: float = margin) -> bool:
            return equivalent(differences.tolist(), alpha=ALPHA, margin=margin).shown

        words, near = _held_against(count_wrong(draw, equal, "normal", n, size), size, 0.8)
        yield _figure(f"equal within {margin:g}, spread 0.2, n = {n}", [words], held=near)


def _held_against(shown: int, size: int, planned: float) -> tuple[str, bool]:
    low, high = wilson_interval(shown, size, _LEVEL)
    near = low - _OFF <= planned <= high + _OFF
    return f"{planned:.1%} planned, {shown / size:.1%} [{low:.1%}, {high:.1%}]", near


def _figure(name: str, told: list[str], *, held: bool) -> Figure:
    return Figure(name=name, measured="; ".join(told), promised="within 3 points", held=held)

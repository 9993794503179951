"""Looking after every item: does it fool, and how many items does it save?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.app.campaigns.comparisons import (
    ALPHA,
    KINDS,
    draw_scores,
    equal_differences,
    most_by_chance,
    simulations,
)
from selftune.gate.statistics.power import items_needed
from selftune.gate.statistics.sequence import log_capital, stakes_on

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEED: Final = 5
_MOST: Final = 500
_POWER: Final = 0.8
_LOST: Final = 0.15
_GAINS: Final = (0.3, 0.2, 0.1)


def report() -> Section:
    """Equal arms of every kind, then gains: items until the bets are decided against a test of fixed size."""
    size = simulations()
    return Section(
        title="Looking after every item",
        method=f"{size:,} simulated comparisons of up to {_MOST} items in each row; the bets are looked at after every "
        f"one of them, at alpha {ALPHA:.0%}. A test of fixed size gets the items that a power of {_POWER:.0%} takes: "
        f"for this very gain, which nobody knows beforehand, or for {_GAINS[-1]:g}, the least gain worth having.",
        figures=(*_false_alarms(size), *_saved(size)),
        limits="A saving where the gain is small beside the scale: bets know of the scores only that they lie on it, "
        "and pay for that. Items whose order has to do with their difficulty: it must be random.",
    )


def decided_after(differences: Any) -> Any:
    """After how many items each comparison [comparisons, items] was decided; infinity where it never was."""
    import numpy as np

    shares = (differences + 1) / 2
    decisive = log_capital(shares, stakes_on(shares, ALPHA), 0.5) >= -math.log(ALPHA)
    return np.where(decisive.any(axis=1), decisive.argmax(axis=1) + 1, np.inf)


def _false_alarms(size: int) -> Iterator[Figure]:
    import numpy as np

    limit = most_by_chance(size, ALPHA, len(KINDS))
    for kind in KINDS:
        draw = np.random.default_rng([_SEED, KINDS.index(kind)])
        count = int(np.isfinite(decided_after(equal_differences(kind, (size, _MOST), draw))).sum())
        yield Figure(
            name=f"equal arms called different at any of {_MOST} looks, {kind}",
            measured=f"{count / size:.2%} of {size:,}",
            promised=f"at most {limit / size:.2%}",
            held=count <= limit,
        )


def _saved(size: int) -> Iterator[Figure]:
    import numpy as np

    least = _fixed(_GAINS[-1])
    for gain in _GAINS:
        draw = np.random.default_rng([_SEED, round(100 * gain)])
        chosen = draw.random((size, _MOST))
        ended = decided_after(np.where(chosen < _LOST + gain, 1.0, np.where(chosen < 2 * _LOST + gain, -1.0, 0.0)))
        taken = np.minimum(ended, _MOST)
        yield Figure(
            name=f"right or wrong, a gain of {gain:g}: items until decided",
            measured=f"mean {taken.mean():.0f}, median {np.median(taken):.0f}, found {np.isfinite(ended).mean():.1%} "
            f"of {size:,}; fixed size for this gain {_fixed(gain)}, for {_GAINS[-1]:g} {least}: "
            f"of that, {1 - taken.mean() / least:.0%} saved",
        )
    draw = np.random.default_rng([_SEED, 0])
    scores = draw_scores("normal", (size, _MOST), draw)
    ended = decided_after(np.clip(scores + 0.1, -1, 1) - draw_scores("normal", (size, _MOST), draw))
    yield Figure(
        name="scores that spread by 0.15 of the scale, a gain of 0.1: items until decided",
        measured=f"median {np.median(ended):.0f}, found {np.isfinite(ended).mean():.1%} of {size:,}; fixed size "
        f"{items_needed(0.21, 0.1, alpha=ALPHA, power=_POWER)}",
    )


def _fixed(gain: float) -> int:
    spread = math.sqrt(2 * _LOST + gain - gain**2)
    return items_needed(spread, gain, alpha=ALPHA, power=_POWER)

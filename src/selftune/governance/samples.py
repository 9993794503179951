"""Which samples may stand as evidence (mission E3): some drawn by lot with a seed on record, and the worst besides.

The seed is reckoned from what may be drawn, so that nobody can draw again until the samples look better. What was
picked by hand may be shown too; it is called so, and it is told how it lies among all that could have been picked.
"""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import UsageError
from selftune.governance.alarms.base import LEVEL, AlarmName, Look, Verdict, in_words

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

DRAWN: Final = 5
WORST: Final = 3
_DRAWS: Final = 1_999


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One thing that can be shown: its id, how good it is, and what a person calls it.

    Attributes:
        score: None where nobody scored it.
        name: Its id where it has none.
    """

    id: str
    score: float | None
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What was drawn, and how it can be drawn again.

    Attributes:
        of: How many there were to draw from, `digest` of their ids in their order.
        worst: The lowest scored, lowest first; `drawn` are others, by lot.
    """

    seed: int
    of: int
    digest: str
    drawn: tuple[str, ...]
    worst: tuple[str, ...]


def draw_samples(samples: Sequence[Sample], *, drawn: int = DRAWN, worst: int = WORST) -> Draw:
    """The worst of them, and some of the others by lot; all where there are fewer.

    Raises:
        UsageError: there are none, or none is to be drawn by lot.
    """
    if not samples or drawn < 1 or worst < 0:
        raise UsageError(
            f"{drawn} of {len(samples)} samples can't be drawn by lot.",
            next_step="Ask for one at least, of a range that holds some.",
        )
    digest = hashlib.sha256("\n".join(one.id for one in samples).encode()).hexdigest()
    seed = int(digest[:8], 16)
    lowest = sorted(
        ((one.score, place, one.id) for place, one in enumerate(samples) if one.score is not None),
        key=lambda one: one[:2],
    )
    shown = tuple(name for _, _, name in lowest[:worst])
    others = [one.id for one in samples if one.id not in set(shown)]
    lot = random.Random(seed).sample(others, min(drawn, len(others)))  # noqa: S311 - the draw must repeat
    return Draw(seed=seed, of=len(samples), digest=f"sha256:{digest}", drawn=tuple(lot), worst=shown)


def look_at_cited(
    cited: Collection[str], samples: Sequence[Sample], draws: Sequence[Draw], *, level: float = LEVEL
) -> Look:
    """Whether evidence that somebody cites was drawn or picked by hand, and how it lies among all there was.

    Args:
        cited: Ids that are shown as evidence.
        samples: Everything that could have been shown, oldest first.
        draws: Draws on record.
        level: How often a fair draw may be called suspicious; it is shared over place and score.

    Raises:
        UsageError: something cited is not among the samples.
    """
    places = {one.id: place for place, one in enumerate(samples)}
    unknown = sorted(name for name in cited if name not in places)
    if unknown or not cited:
        raise UsageError(
            f"cited evidence is not on record: {', '.join(unknown) or 'nothing is cited'}.",
            next_step="Cite what can be found by its id.",
        )
    drawn = {name for draw in draws for name in (*draw.drawn, *draw.worst)}
    by_hand = [name for name in dict.fromkeys(cited) if name not in drawn]
    if not by_hand:
        told = f"all {len(cited)} were drawn by a seed on record, or are the worst"
        return Look(alarm=AlarmName.HAND_PICKED, about="evidence", verdict=Verdict.QUIET, told=told, n=len(cited))
    earliest = min(places[name] for name in by_hand)
    late = _all_so_late(len(by_hand), len(samples) - earliest, len(samples))
    good = _so_good(by_hand, samples)
    limit = level / 2
    named = ", ".join(samples[place].name or samples[place].id for place in sorted(places[name] for name in by_hand))
    told = (
        f"{len(by_hand)} of {len(cited)} are hand-picked: {named}; all lie among the last "
        f"{len(samples) - earliest} of {len(samples)}, by chance {in_words(late)}"
    )
    told += "" if good is None else f"; as well scored by chance {in_words(good)}"
    suspicious = min(late, 1.0 if good is None else good) <= limit
    return Look(
        alarm=AlarmName.HAND_PICKED,
        about="evidence",
        verdict=Verdict.HOLD if suspicious else Verdict.ADVISE,
        told=told,
        p_value=min(late, 1.0 if good is None else good),
        limit=limit,
        n=len(by_hand),
    )


def _all_so_late(cited: int, last: int, of: int) -> float:
    """How often so many, drawn by lot, all lie among the last ones."""
    return math.comb(last, cited) / math.comb(of, cited)


def _so_good(cited: Sequence[str], samples: Sequence[Sample]) -> float | None:
    """How often so many drawn by lot score as well together; None where some of the cited have no score."""
    scores = {one.id: one.score for one in samples if one.score is not None}
    shown = [scores[name] for name in cited if name in scores]
    if len(shown) < len(cited):
        return None
    whole, draw = list(scores.values()), random.Random(len(samples))  # noqa: S311 - the draw must repeat
    total = sum(shown) - 1e-9 * max(1.0, abs(sum(shown)))
    as_good = sum(sum(draw.sample(whole, len(shown))) >= total for _ in range(_DRAWS))
    return (as_good + 1) / (_DRAWS + 1)

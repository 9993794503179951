"""What a corrector brings into the lessons when the judge that lets its answers in is itself noisy."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.curation.base import Pair
from selftune.curation.confidence import verdict_on
from selftune.curation.config import CORRECTED, CORRECTS
from selftune.curation.corrections import without_worse_corrections
from selftune.curation.rejects import Rejects
from selftune.records import Interaction, JudgeIdentity, Judgement, JudgementStatus, Message, Trigger
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEED: Final = 16
_ANSWERS: Final = 2000
_THRESHOLD: Final = 4.5
_TRUE_MEAN, _TRUE_SD, _NOISE_SD = 4.2, 0.45, 0.35
_CORRECTOR_SD: Final = 0.3
_LEVEL: Final = 0.95
_JUDGE: Final = JudgeIdentity(name="simulated", version="1")


@dataclass(frozen=True, kw_only=True)
class Corrector:
    """A simulated teacher: how much better its answer is on average than the one it corrects."""

    name: str
    lift: float


CORRECTORS: Final = (
    Corrector(name="one that lifts by 0.4", lift=0.4),
    Corrector(name="one that changes nothing on average", lift=0.0),
    Corrector(name="one that lowers by 0.4", lift=-0.4),
    Corrector(name="one that lowers by 1.5", lift=-1.5),
)


@dataclass(frozen=True, kw_only=True)
class Entered:
    """Of `tried` corrections `entered` the lessons; so many of these are truly golden, and truly better."""

    tried: int
    entered: int
    golden: int
    better: int


def report() -> Section:
    """For each corrector how many enter, and what they truly are."""
    return Section(
        title="Corrections by a teacher",
        method=f"{_ANSWERS:,} simulated answers whose true overall is normal ({_TRUE_MEAN:g}, {_TRUE_SD:g}), scored by "
        f"one judge with a noise of {_NOISE_SD:g}; those below {_THRESHOLD:g} are written anew, and scored again by "
        "the same judge. A correction is truly its original plus the corrector's lift, give or take "
        f"{_CORRECTOR_SD:g}; it enters as the curator lets it.",
        figures=tuple(figure for corrector in CORRECTORS for figure in _figures(corrector)),
        limits="No real teacher and no real judge: that noise is normal and independent is an assumption, and a "
        "teacher that learnt what the judge likes would err with it. A corrector that changes nothing passes: its "
        "originals were chosen for their low scores, and the second score of anything so chosen is higher.",
    )


def simulate(corrector: Corrector, seed: int = _SEED, answers: int = _ANSWERS) -> Entered:
    """One corrector's night over so many answers, through the rules of the curator."""
    rng = random.Random(f"corrections:{seed}:{corrector.name}")  # noqa: S311 - draws must repeat, not be secret
    truth: dict[str, tuple[float, float]] = {}
    pairs: list[Pair] = []
    for place in range(answers):
        true = rng.gauss(_TRUE_MEAN, _TRUE_SD)
        original = _judged(f"answer {place}", (), rng.gauss(true, _NOISE_SD))
        if _overall(original) >= _THRESHOLD:
            continue
        mended = true + rng.gauss(corrector.lift, _CORRECTOR_SD)
        flags = (CORRECTED, f"{CORRECTS}{original.interaction.id}")
        correction = _judged(f"correction {place}", flags, rng.gauss(mended, _NOISE_SD))
        truth[correction.interaction.id] = true, mended
        pairs += [original, correction]
    kept = without_worse_corrections(pairs, pairs, Rejects())
    entered = [truth[pair.interaction.id] for pair in kept if _overall(pair) >= _THRESHOLD]
    return Entered(
        tried=len(truth),
        entered=len(entered),
        golden=sum(mended >= _THRESHOLD for _, mended in entered),
        better=sum(mended > true for true, mended in entered),
    )


def _figures(corrector: Corrector) -> Iterator[Figure]:
    found = simulate(corrector)
    truly = ""
    if found.entered:
        golden, better = _share(found.golden, found.entered), _share(found.better, found.entered)
        truly = f"; of these truly golden {golden}, truly better {better}"
    harms = corrector.lift < 0
    yield Figure(
        name=corrector.name,
        measured=f"{found.entered} of {found.tried} enter ({_share(found.entered, found.tried)}){truly}",
        promised="none enters" if harms else None,
        held=found.entered == 0 if harms else None,
    )


def _share(hits: int, n: int) -> str:
    low, high = wilson_interval(hits, n, _LEVEL)
    return f"{hits / n:.1%}, {low:.1%} to {high:.1%}, n = {n}"


def _overall(pair: Pair) -> float:
    overall = verdict_on(pair).overall
    assert overall is not None, "every one is scored here"  # noqa: S101 - can't happen
    return overall


def _judged(name: str, flags: tuple[str, ...], overall: float) -> Pair:
    interaction = Interaction(
        salt=name,
        conversation=name,
        task_id=name,
        trigger=Trigger.SIMULATED,
        messages=(Message(role="user", content="?"), Message(role="assistant", content=name)),
        source="simulated",
        position=name,
        flags=flags,
    )
    judgement = Judgement(
        salt=name,
        interaction_id=interaction.id,
        rubric_digest="simulated",
        judge=_JUDGE,
        status=JudgementStatus.SCORED,
        overall=overall,
    )
    return Pair(interaction=interaction, judgement=judgement)

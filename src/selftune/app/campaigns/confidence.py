"""What filtering by confidence keeps and drops: on simulated judges of known truth, and on people's judged files."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.curation.certainty import learn_crowd, sort_by_certainty
from selftune.judges.adopt import adopt_row
from selftune.judges.judged_files import read_judged_file
from selftune.judges.rubric import load_rubric
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from selftune.curation.certainty import Sorted

_SEED: Final = 16
_ANSWERS: Final = 2000
_THRESHOLD: Final = 4.5
_SURE: Final = 0.8
_TRUE_MEAN, _TRUE_SD, _NOISE_SD = 4.2, 0.45, 0.35
_LEVEL: Final = 0.95


def report() -> Section:
    """Precision of what is kept, by number of judges; then each judged file with what changes."""
    figures = [figure for judges in (2, 3, 5) for figure in _simulated(judges)]
    return Section(
        title="Confidence of curation",
        method=f"{_ANSWERS:,} simulated answers whose true overall is normal ({_TRUE_MEAN:g}, {_TRUE_SD:g}), scored "
        f"with a noise of {_NOISE_SD:g} by two, three and five judges; golden from {_THRESHOLD:g}, kept from a "
        f"probability of {_SURE:g}. On each judged file the computed overall and the judge's own are taken as two "
        "scores of an answer.",
        figures=(*figures, *_field()),
        limits="The two scores of a judged file come from one reply of one judge and err together, so the confidence "
        "there is too high; several independent judges of one answer are in none of these files. That real noise is "
        "normal and equal for all answers is an assumption.",
    )


def simulate(judges: int, seed: int = _SEED) -> tuple[Mapping[str, float], Mapping[str, Sequence[float]]]:
    """True overalls and the scores of so many judges."""
    rng = random.Random(f"confidence:{seed}:{judges}")  # noqa: S311 - draws must repeat, not be secret
    truth = {f"answer {place}": rng.gauss(_TRUE_MEAN, _TRUE_SD) for place in range(_ANSWERS)}
    scores = {name: [rng.gauss(true, _NOISE_SD) for _ in range(judges)] for name, true in truth.items()}
    return truth, scores


def _simulated(judges: int) -> Iterator[Figure]:
    truth, scores = simulate(judges)
    crowd = learn_crowd(scores)
    if crowd is None:
        return
    found = sort_by_certainty(scores, crowd, _THRESHOLD, sure=_SURE)
    plain = [name for name, values in scores.items() if sum(values) / judges >= _THRESHOLD]
    hits = sum(truth[name] >= _THRESHOLD for name in found.golden)
    low, high = wilson_interval(hits, len(found.golden), _LEVEL)
    yield Figure(
        name=f"simulated, {judges} judges: truly golden among those kept by confidence",
        measured=f"{hits / len(found.golden):.1%} ({low:.1%} to {high:.1%}, n = {len(found.golden)})",
        promised=f"at least {_SURE:.0%}",
        held=high >= _SURE,
    )
    kept = sum(truth[name] >= _THRESHOLD for name in plain)
    low, high = wilson_interval(kept, len(plain), _LEVEL)
    yield Figure(
        name=f"simulated, {judges} judges: the same by the mean alone",
        measured=f"{kept / len(plain):.1%} ({low:.1%} to {high:.1%}, n = {len(plain)})",
    )
    yield Figure(
        name=f"simulated, {judges} judges: left to a person",
        measured=f"{len(found.doubtful)} of {len(scores)}; surely not golden: {len(found.not_golden)}",
    )


def _field() -> Iterator[Figure]:
    data = os.environ.get("SELFTUNE_FIELD_DATA")
    if data is None:
        yield Figure(name="people's judged files", measured="not measured: SELFTUNE_FIELD_DATA is not set")
        return
    for path in sorted((Path(data) / "foundry" / "judged").glob("*.json")):
        yield _of_file(path)


def _of_file(path: Path) -> Figure:
    scores, golden = field_scores(path)
    crowd = learn_crowd(scores)
    if crowd is None:
        return Figure(name=path.name, measured="not measured: no answer has two scores")
    found = sort_by_certainty(scores, crowd, golden, sure=_SURE)
    return Figure(name=path.name, measured=_compared(scores, found, golden))


def _compared(scores: Mapping[str, Sequence[float]], found: Sorted, golden: float) -> str:
    plain = {name for name, values in scores.items() if values[0] >= golden}
    lost, won = sorted(plain - set(found.golden)), sorted(set(found.golden) - plain)
    names = f"; kept by the threshold alone: {', '.join(lost)}" if lost else ""
    more = f"; kept by confidence alone: {', '.join(won)}" if won else ""
    return (
        f"n = {len(scores)}: {len(plain)} at {golden:g} or more, {len(found.golden)} surely golden, "
        f"{len(found.doubtful)} for a person, {len(found.not_golden)} surely not{names}{more}"
    )


def field_scores(path: Path) -> tuple[dict[str, list[float]], float]:
    """For each scored row the overall we compute and the judge's own where it gave one; and the golden threshold."""
    rubric, file = load_rubric("character"), read_judged_file(path)
    scores: dict[str, list[float]] = {}
    for row in file.rows:
        judgement = adopt_row(row, file.judge_model, rubric, interaction_id=row.name, salt="")
        if judgement.overall is not None:
            own = [] if judgement.judge_overall is None else [judgement.judge_overall]
            scores[row.name] = [judgement.overall, *own]
    return scores, rubric.golden

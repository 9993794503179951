"""What a file of judged answers came to: our mean beside the file's own, every row without a verdict by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.judges.adopt import FAILED
from selftune.judges.overall import hides_a_penalty
from selftune.records import JudgementStatus
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selftune.judges.judged_files import JudgedFile, JudgedRow
    from selftune.records import Judgement, Rubric

_LEVEL: Final = 0.95


@dataclass(frozen=True, kw_only=True)
class Part:
    """The rows of one category or one difficulty.

    Attributes:
        by: `category` or `difficulty`.
        mean: Of our overalls, over the scored rows; None without any.
        stated_mean: Of what the file gives for its rows, failures counted as it counted them.
        critical: In how many of the scored rows the judge named a critical failure.
    """

    by: str
    name: str
    rows: int
    scored: int
    mean: float | None
    stated_mean: float | None
    critical: int


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """What came of one file.

    Attributes:
        outage: The judge failed on every row: the file says nothing about the answers.
        mean: Of our overalls, over the scored rows only; with its 95 % interval.
        stated_mean: What the file itself gives, failures counted as it counted them.
        unscored: Row and reason of each one without a verdict.
        without_own: Rows whose judge gave no overall of its own.
        zeroed: Those among them for which the file shows the lowest score in its place.
        hidden: Rows where the two overalls lie far apart (`hides_a_penalty`).
        parts: The same by category and by difficulty, where the file gives them.
        largest_gap: The judge's own overall less ours, where they differ most.
    """

    file: str
    judge: str
    rows: int
    scored: int
    outage: bool
    mean: float | None
    interval: tuple[float, float] | None
    stated_mean: float | None
    unscored: tuple[tuple[str, str], ...]
    without_own: tuple[str, ...]
    zeroed: tuple[str, ...]
    hidden: tuple[str, ...]
    largest_gap: float | None
    parts: tuple[Part, ...]


def summarise(file: JudgedFile, judgements: Sequence[Judgement | None], rubric: Rubric) -> Adopted:
    """What a file came to, from the judgement of each row in order; None for a row that is no interaction."""
    pairs = list(zip(file.rows, judgements, strict=True))
    scored = [(row, item) for row, item in pairs if item is not None and item.status is JudgementStatus.SCORED]
    overalls = [item.overall for _, item in scored if item.overall is not None]
    bare = [row for row, item in scored if item.judge_overall is None]
    gaps = [
        item.judge_overall - item.overall
        for _, item in scored
        if item.judge_overall is not None and item.overall is not None
    ]
    unscored = tuple((row.name, _reason(item)) for row, item in pairs if (row, item) not in scored)
    return Adopted(
        file=file.name,
        judge=file.judge_model,
        rows=len(pairs),
        scored=len(scored),
        outage=0 < len(pairs) == sum(reason.startswith(FAILED) for _, reason in unscored),
        mean=_mean(overalls),
        interval=_interval(overalls, rubric),
        stated_mean=file.stated_mean,
        unscored=unscored,
        without_own=tuple(row.name for row in bare),
        zeroed=tuple(row.name for row in bare if row.stated == rubric.lowest),
        hidden=tuple(row.name for row, item in scored if hides_a_penalty(item, rubric)),
        largest_gap=max(gaps, key=abs, default=None),
        parts=tuple(_parts(pairs)),
    )


def _parts(pairs: Sequence[tuple[JudgedRow, Judgement | None]]) -> Iterator[Part]:
    for by in ("category", "difficulty"):
        names = dict.fromkeys(getattr(row, by) for row, _ in pairs)
        for name in filter(None, names):
            chosen = [(row, item) for row, item in pairs if getattr(row, by) == name]
            scored = [item for _, item in chosen if item is not None and item.status is JudgementStatus.SCORED]
            yield Part(
                by=by,
                name=name,
                rows=len(chosen),
                scored=len(scored),
                mean=_mean(item.overall for item in scored),
                stated_mean=_mean(row.stated for row, _ in chosen),
                critical=sum(bool(item.critical_failures) for item in scored),
            )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _reason(judgement: Judgement | None) -> str:
    return "it is no prompt with an answer" if judgement is None else judgement.reason or judgement.status


def _interval(overalls: list[float], rubric: Rubric) -> tuple[float, float] | None:
    if not overalls:
        return None
    width = rubric.highest - rubric.lowest
    low, high = wilson_interval(sum((item - rubric.lowest) / width for item in overalls), len(overalls), _LEVEL)
    return rubric.lowest + width * low, rubric.lowest + width * high

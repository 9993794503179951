"""What a file of judged answers came to: our mean beside the file's own, every row without a verdict by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.judges.adopt import FAILED
from selftune.judges.overall import hides_a_penalty
from selftune.judges.tally import describe_tally, tally
from selftune.records import JudgementStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.judges.judged_files import JudgedFile, JudgedRow
    from selftune.judges.tally import Tally
    from selftune.records import Judgement, Rubric


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """What came of one file.

    Attributes:
        outage: The judge failed on every row: the file says nothing about the answers.
        whole: All rows, raw and corrected.
        stated_mean: What the file itself gives as its mean, failures counted as it counted them.
        unscored: Row and reason of each one without a verdict.
        without_own: Rows whose judge gave no overall of its own.
        zeroed: Rows for which the file shows the lowest score in place of a verdict or of an overall that is missing.
        hidden: Rows where the two overalls lie far apart (`hides_a_penalty`).
        parts: The same by category and by difficulty, where the file gives them.
        largest_gap: The judge's own overall less ours, where they differ most.
    """

    file: str
    judge: str
    outage: bool
    whole: Tally
    stated_mean: float | None
    unscored: tuple[tuple[str, str], ...]
    without_own: tuple[str, ...]
    zeroed: tuple[str, ...]
    hidden: tuple[str, ...]
    largest_gap: float | None
    parts: tuple[Tally, ...]


def summarise(file: JudgedFile, judgements: Sequence[Judgement | None], rubric: Rubric) -> Adopted:
    """What a file came to, from the judgement of each row in order; None for a row that is no interaction."""
    pairs = list(zip(file.rows, judgements, strict=True))
    scored = [(row, item) for row, item in pairs if item is not None and item.status is JudgementStatus.SCORED]
    gaps = [
        item.judge_overall - item.overall
        for _, item in scored
        if item.judge_overall is not None and item.overall is not None
    ]
    unscored = tuple((row.name, _reason(item)) for row, item in pairs if (row, item) not in scored)
    bare = [row.name for row, item in scored if item.judge_overall is None]
    absent = {*bare, *(name for name, _ in unscored)}
    return Adopted(
        file=file.name,
        judge=file.judge_model,
        outage=0 < len(pairs) == sum(reason.startswith(FAILED) for _, reason in unscored),
        whole=_tally("all", "all", pairs, rubric),
        stated_mean=file.stated_mean,
        unscored=unscored,
        without_own=tuple(bare),
        zeroed=tuple(row.name for row in file.rows if row.name in absent and row.stated == rubric.lowest),
        hidden=tuple(row.name for row, item in scored if hides_a_penalty(item, rubric)),
        largest_gap=max(gaps, key=abs, default=None),
        parts=tuple(_parts(pairs, rubric)),
    )


def describe_adopted(one: Adopted) -> Iterator[str]:
    """What came of one file, as lines."""
    whole = one.whole
    counts = f"{whole.scored} of {whole.rows} scored by {one.judge}, {len(one.unscored)} unscored"
    yield f"{one.file}: {'OUTAGE of the judge, ' if one.outage else ''}{counts}"
    if not one.outage:
        yield f"  {describe_tally(whole)}"
    if one.stated_mean is not None and one.zeroed and not one.outage:
        yield (
            f"  the file says {one.stated_mean:.2f}, in which {len(one.zeroed)} failures stand as zeros: "
            f"{', '.join(one.zeroed)}"
        )
    if one.largest_gap is not None:
        yield f"  the judge's own overall: {one.largest_gap:+.2f} from ours at most, far off in {len(one.hidden)}"
    if one.without_own:
        yield f"  no overall of the judge's own: {', '.join(one.without_own)}"
    yield from (f"  {describe_tally(part)}" for part in (() if one.outage else one.parts))
    for reason in dict.fromkeys(reason for _, reason in one.unscored):
        yield f"  {reason}: {', '.join(row for row, why in one.unscored if why == reason)}"


def warn_of_mixing(files: Sequence[Adopted]) -> Iterator[str]:
    """For several files: what a raw mean held against a corrected one would pretend; nothing where none holds zeros."""
    means = [(one, one.whole.mean, one.stated_mean) for one in files]
    known = [(one, mean, stated) for one, mean, stated in means if mean is not None and stated is not None]
    spoiled = [found for found in known if found[0].zeroed]
    if len(known) < 2 or not spoiled:  # noqa: PLR2004 - one file is held against nothing
        return
    best, mean, stated = max(known, key=lambda found: found[1])
    yield "mind: hold raw against raw and corrected against corrected; a raw mean counts failures of the judge as zeros"
    for one, corrected, raw in spoiled:
        if one is not best:
            yield (
                f"  {best.file} to {one.file}: corrected {mean:.2f} to {corrected:.2f}, raw {stated:.2f} to {raw:.2f}; "
                f"mixed it would read {mean:.2f} to {raw:.2f}, {corrected - raw:.2f} of it from {len(one.zeroed)} zeros"
            )


def _parts(pairs: Sequence[tuple[JudgedRow, Judgement | None]], rubric: Rubric) -> Iterator[Tally]:
    for by in ("category", "difficulty"):
        names = dict.fromkeys(getattr(row, by) for row, _ in pairs)
        for name in filter(None, names):
            yield _tally(by, name, [pair for pair in pairs if getattr(pair[0], by) == name], rubric)


def _tally(by: str, name: str, pairs: Sequence[tuple[JudgedRow, Judgement | None]], rubric: Rubric) -> Tally:
    return tally(by, name, [(item, row.stated) for row, item in pairs], rubric)


def _reason(judgement: Judgement | None) -> str:
    return "it is no prompt with an answer" if judgement is None else judgement.reason or judgement.status

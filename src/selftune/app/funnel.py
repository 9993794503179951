"""From what was said to what is learnt: how many are left at each step, and why the others are not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.loop.ejected import rubric_of
from selftune.records import Dataset
from selftune.store import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.project import Project


@dataclass(frozen=True, kw_only=True)
class FunnelStep:
    """One step.

    Attributes:
        count: How many came as far.
        of: What is counted: interactions, conversations or lessons.
        why: What became of the others, in words.
    """

    name: str
    count: int
    of: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Funnel:
    """The steps, widest first, and the reasons of the newest dataset's rejects with their counts, commonest first."""

    steps: tuple[FunnelStep, ...]
    rejects: tuple[tuple[str, int], ...]


def funnel_of(project: Project) -> Funnel:
    """Count the whole log once; a million interactions take seconds."""
    dataset = project.store.last(Dataset)
    rejects = () if dataset is None else count_reasons(dataset)
    return Funnel(steps=tuple(_steps(project, dataset)), rejects=rejects)


def count_reasons(dataset: Dataset) -> tuple[tuple[str, int], ...]:
    """Why items were rejected, the commonest first; what a reason says of one item alone is left out."""
    return tuple(Counter(reject.reason.partition(":")[0] for reject in dataset.rejects).most_common())


def _steps(project: Project, dataset: Dataset | None) -> Iterator[FunnelStep]:
    counts = project.store.log.counts()
    aside = sum(1 for _ in project.store.waiting())
    yield FunnelStep(
        name="came in", count=counts.kept, of="interactions", why=f"{aside:,} more were set aside: selftune quarantine"
    )
    yield FunnelStep(
        name="newest versions",
        count=counts.open + counts.closed,
        of="interactions",
        why=f"{counts.superseded:,} are earlier states of conversations that went on",
    )
    yield FunnelStep(
        name="may be learnt from",
        count=counts.open,
        of="interactions",
        why=f"{counts.closed:,} may not: their author, a key without a name, or a flag says so",
    )
    threshold, rubric = project.config.curation.threshold, rubric_of(project.folder, project.config)
    progress = project.store.progress(Span(), rubric_digest=rubric.id, threshold=threshold)
    yield FunnelStep(
        name="judged",
        count=progress.judged,
        of="conversations",
        why=f"{progress.conversations - progress.judged:,} were not judged by rubric {rubric.name} yet",
    )
    yield FunnelStep(
        name="golden",
        count=len(progress.golden_at),
        of="conversations",
        why=f"the others lie below {threshold:g}, or failed critically",
    )
    if dataset is not None:
        beside = f"{len(dataset.holdout):,} held out, {len(dataset.clean_room):,} in the clean room"
        yield FunnelStep(
            name="taught by the newest dataset",
            count=len(dataset.taught),
            of="lessons",
            why=f"{beside}, {len(dataset.rejects):,} rejected: see below",
        )

"""What is told after each batch of verdicts: what its scores go with that they should not, by which rubric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.appointed import appointed_judge
from selftune.governance.independence import shared_families
from selftune.judges.bias import describe_bias, measure_bias
from selftune.loop.measuring.calibrating import swapped_pairs
from selftune.loop.plan import latest_judgements
from selftune.records import Interaction, Judgement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.judges.bias import BatchBias
    from selftune.loop.executor import Timing
    from selftune.loop.project import Project
    from selftune.records import JudgeIdentity

_MOST: Final = 5000


def report_bias(project: Project, judgement_ids: Sequence[str] | None = None) -> BatchBias:
    """What these verdicts of the project's judge go with, or its latest ones; of very many the newest 5,000."""
    identity, rubric = appointed_judge(project)
    ids = latest_judgements(project.store, identity, rubric.id) if judgement_ids is None else judgement_ids
    verdicts = (project.store.record(judgement_id, Judgement) for judgement_id in ids[-_MOST:])

    def is_kin(writer: str, judge: JudgeIdentity) -> bool:
        # What was built here descends from the pinned base.
        name = project.base.name if writer.startswith("build:") else writer
        return bool(shared_families(judge.lineage, (name,)))

    return measure_bias(
        ((project.store.record(item.interaction_id, Interaction), item) for item in verdicts),
        swapped=swapped_pairs(project.store, identity, rubric),
        is_kin=is_kin,
    )


def tell_bias(project: Project, judgement_ids: Sequence[str] | None = None) -> tuple[str, ...]:
    """The same as lines for people, under a heading."""
    bias, (_, rubric) = report_bias(project, judgement_ids), appointed_judge(project)
    confounds = describe_bias(bias) or ("nothing to compare: too few answers, or all alike",)
    return (f"what its last {bias.n} scores by rubric {rubric.name} go with:", *(f"  {line}" for line in confounds))


def tell_batch(project: Project, timings: Iterable[Timing]) -> tuple[str, ...]:
    """The lines after a cycle; none where it gave no new verdict."""
    judged = any(timing.stage == "judge" and not timing.reused for timing in timings)
    return tell_bias(project) if judged else ()

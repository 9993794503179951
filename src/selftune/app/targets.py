"""Which items of the suite the lessons of a run were made for, and what they alone gained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.app.evidence import evaluations_of
from selftune.app.reporting.pages import figures
from selftune.curation.growth.enrich import TARGETS
from selftune.gate.targeted import split_gain
from selftune.records import Arm, Dataset, Interaction, Run, not_erased

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.gate.statistics.paired import Difference
    from selftune.loop.project import Project
    from selftune.records import Decision


def targeted_items(project: Project, decision: Decision) -> frozenset[str]:
    """Ids of items that an interaction behind the run's lessons is marked as made for."""
    if decision.run_id is None:
        return frozenset()
    run = project.store.record(decision.run_id, Run)
    lessons = not_erased(project.store.record(run.dataset_id, Dataset).train)
    sources = {example.interaction_id for example in lessons}
    flags = (flag for each in sources for flag in project.store.record(each, Interaction).flags)
    return frozenset(flag.removeprefix(TARGETS) for flag in flags if flag.startswith(TARGETS))


def lines_on_targets(project: Project, decision: Decision) -> Iterator[str]:
    """One line on the targeted items and one on the others; nothing where no lesson was made for an item."""
    targeted = targeted_items(project, decision)
    arms = evaluations_of(project, decision)
    if not targeted or Arm.CHAMPION not in arms or Arm.CANDIDATE not in arms:
        return
    champion, candidate = arms[Arm.CHAMPION], arms[Arm.CANDIDATE]
    unit = "pair" if any(outcome.pair for outcome in candidate.outcomes) else "item"
    gain = split_gain(champion, candidate, targeted, unit=unit)
    yield f"made for by lessons: {_in_words(gain.targeted, unit)}; a gain there is no gain in general"
    yield f"made for by none: {_in_words(gain.others, unit)}"


def _in_words(difference: Difference | None, unit: str) -> str:
    if difference is None:
        return f"no {unit}"
    return f"{figures.shift(difference.mean, difference.interval)} on {figures.counted(difference.n, unit)}"

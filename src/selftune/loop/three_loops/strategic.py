"""The strategic loop: the weaknesses that recur, the lessons that are ready, and what the last cycles did."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from selftune.loop.lessons.coldstart import look_ahead
from selftune.loop.three_loops.signals import TIMESCALES, Loop, Signal
from selftune.loop.three_loops.state import LoopState, Noticed
from selftune.records import Dataset, Decision, Release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.lessons.coldstart import Outlook
    from selftune.loop.project import Project
    from selftune.records import Weakness

SHOWN: Final = 5


def look_at_strategic(project: Project) -> LoopState:
    """What the newest dataset lists as recurring, how many lessons are ready, and the last decisions."""
    outlook = look_ahead(project)
    dataset = project.store.last(Dataset)
    return LoopState(
        loop=Loop.STRATEGIC,
        timescale=TIMESCALES[Loop.STRATEGIC],
        noticed=tuple(_noticed(dataset, outlook)),
        did=tuple(islice(_decisions(project), SHOWN)),
        waits_for=_waits_for(dataset, outlook),
        next_step="selftune cycle" if outlook.new else "selftune chat, or selftune import FILE",
    )


def _noticed(dataset: Dataset | None, outlook: Outlook) -> Iterator[Noticed]:
    for weakness in () if dataset is None else dataset.weaknesses[:SHOWN]:
        yield Noticed(signal=Signal.WEAKNESS, told=_in_words(weakness), records=weakness.interaction_ids)
    if outlook.ready >= outlook.trigger:
        yield Noticed(signal=Signal.LESSONS, told=outlook.in_words)


def _in_words(weakness: Weakness) -> str:
    return (
        f"{weakness.criterion}, {weakness.topic}: {weakness.mean:.2f} in the mean over {weakness.items} answers in "
        f"{weakness.conversations} conversations"
    )


def _decisions(project: Project) -> Iterator[str]:
    served = {release.decision_id: release.version for _, release in project.store.each(Release)}
    decided = [decision for _, decision in project.store.each(Decision)]
    for decision in reversed(decided):
        day = project.store.saved_at(decision.id)[:10]
        ending = f", served as {served[decision.id]}" if decision.id in served else ""
        yield f"{day} {decision.outcome.value}{ending}: {decision.reason}"


def _waits_for(dataset: Dataset | None, outlook: Outlook) -> str:
    """Lessons, or the next cycle; without a dataset nobody has listed weaknesses yet."""
    listed = "" if dataset is not None else "; weaknesses are listed with the first dataset"
    if outlook.ready >= outlook.trigger:
        return f"the next cycle{listed}"
    return f"{outlook.in_words}{listed}"

"""What was tried in a project, in a few lines, with the logs from elsewhere beside it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.log_noise import describe_log
from selftune.app.nights_report import effect_text
from selftune.app.reporting.pages import figures
from selftune.app.result_logs import result_logs
from selftune.errors import UsageError
from selftune.loop.experiments.agenda.writing import write_lessons
from selftune.loop.experiments.record_keeping.lessons import SOURCES, proposed_lessons
from selftune.loop.experiments.record_keeping.results_tsv import RESULTS, ByHand, check_results
from selftune.records import Experiment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.loop.experiments.base import Lesson
    from selftune.loop.project import Project
    from selftune.records import ResultLog

_SHOWN: Final = 10
_LEARNT: Final = "lessons added"


@dataclass(frozen=True, kw_only=True)
class Results:
    """Every try of a project, oldest first, what was done to its table by hand, and the logs that were brought in."""

    tries: tuple[Experiment, ...]
    by_hand: ByHand
    logs: tuple[ResultLog, ...]


def gather_results(project: Project) -> Results:
    """What was tried here and brought in."""
    return Results(
        tries=tuple(one for _, one in project.store.each(Experiment)),
        by_hand=check_results(project),
        logs=result_logs(project),
    )


def describe_results(found: Results) -> Iterator[str]:
    """The last tries with their intervals, counts by result, hand edits by name, and each log with its own noise."""
    counts = Counter(one.result.value for one in found.tries)
    told = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    yield f"{figures.counted(len(found.tries), 'try', 'tries')} on record" + (f": {told}." if told else ".")
    for one in found.tries[-_SHOWN:]:
        yield f"  {one.name}  {one.result.value:<12} {effect_text(one.effect):<34} {', '.join(one.changes)}".rstrip()
    yield from _by_hand(found.by_hand)
    for log in found.logs:
        yield ""
        yield from describe_log(log)


def learn_lessons(project: Project, names: Sequence[str]) -> tuple[Lesson, ...]:
    """Put the lessons of these tries into `program.md`, where they bind every proposer; a person's act, on record.

    Raises:
        UsageError: no lesson is proposed from one of them.
        ConfigError: `program.md` is not sound, or would not be with them.
    """
    proposed = proposed_lessons(one for _, one in project.store.each(Experiment))
    chosen = tuple(lesson for lesson in proposed if set(names) & set(lesson.source.split(SOURCES)))
    for name in names:
        if not any(name in lesson.source.split(SOURCES) for lesson in chosen):
            raise UsageError(
                f"no lesson is proposed from {name!r}.", next_step="Name one that `selftune results learn` shows."
            )
    write_lessons(project, chosen)
    project.store.note(_LEARNT, {"from": SOURCES.join(names)})
    return chosen


def _by_hand(done: ByHand) -> Iterator[str]:
    for names, one, many in (
        (done.changed, "row says something else than the record", "rows say something else than the record"),
        (done.missing, "row is not there", "rows are not there"),
        (
            tuple(line.split("\t")[0] for line in done.added),
            "row tells of nothing on record",
            "rows tell of nothing on record",
        ),
    ):
        if names:
            yield f"{RESULTS}: {figures.counted(len(names), one, many)}: {', '.join(names[:_SHOWN])}"
    if done:
        yield "  They stay as they are; `selftune results --rebuild` writes the table anew and sets this one aside."

"""What tries teach: proposed from evidence alone, with the base that it was found on; nothing of it obeys by itself.

A person adds a lesson to `program.md`, by `selftune results learn`; until then it binds nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.loop.experiments.agenda.writing import lesson_line
from selftune.loop.experiments.base import Lesson
from selftune.loop.experiments.record_keeping.memory_notes import effect_in_words
from selftune.records import ExperimentResult
from selftune.release.publish import publish_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from selftune.records import Effect, Experiment

SOURCES: Final = ", "
"""Stands between the tries that one lesson is known from."""
PROPOSED: Final = "memory/lessons_proposed.md"


def proposed_lessons(experiments: Iterable[Experiment]) -> tuple[Lesson, ...]:
    """A lesson for each thing tried whose interval lay wholly below zero, and was contradicted by no other try of it.

    Tries of the same changes on the same base in the same mode are held together; one of them that was not below zero
    is enough to take the lesson back.
    """
    tried: dict[tuple[str, str, tuple[str, ...]], list[Experiment]] = {}
    for one in experiments:
        if one.effect is not None and one.changes:
            tried.setdefault((one.base_digest, one.mode.value, one.changes), []).append(one)
    return tuple(_lesson(again) for again in tried.values() if all(map(_is_worse, again)))


def lesson_of(experiment: Experiment) -> str:
    """What one try teaches, in a sentence that claims no more than was measured."""
    effect = experiment.effect
    if effect is None:
        return f"none: it was not measured ({experiment.result.value})."
    if _is_worse(experiment):
        return f"worse on {experiment.base}; not to be tried again there without a new reason."
    if effect.interval[0] > 0:
        told = "better on the screen" + ("" if experiment.result is ExperimentResult.KEPT else ", and yet not kept")
        return f"{told} on {experiment.base}; the gate decides what it is worth."
    return f"none: a difference smaller than {_half_width(effect):.3f} can't be told from noise with n {effect.n}."


def leave_proposed(folder: Path, experiments: Sequence[Experiment]) -> None:
    """Write what the tries so far would teach; the file is the program's own and made anew each time."""
    path = folder / PROPOSED
    path.parent.mkdir(parents=True, exist_ok=True)
    publish_bytes(path, ("\n".join(proposal_lines(experiments)) + "\n").encode())


def proposal_lines(experiments: Sequence[Experiment]) -> Iterator[str]:
    """The proposed lessons, and how many of them chance alone would give."""
    lessons = proposed_lessons(experiments)
    measured = [one.effect for one in experiments if one.effect is not None]
    by_chance = sum((1 - effect.level) / 2 for effect in measured)
    yield "# Lessons proposed"
    yield ""
    yield (
        f"From {len(measured)} measured tries; by chance alone {by_chance:.1f} of so many would lie wholly below zero. "
        "None of these binds anybody until a person adds it to program.md: `selftune results learn EXPERIMENT`."
    )
    yield ""
    yield from (f"- {lesson_line(one)}" for one in lessons)
    if not lessons:
        yield "- none"


def _is_worse(experiment: Experiment) -> bool:
    return experiment.effect is not None and experiment.effect.interval[1] < 0


def _lesson(again: Sequence[Experiment]) -> Lesson:
    last = again[-1]
    told = effect_in_words(last.effect)
    times = "" if len(again) == 1 else f", {len(again)} times"
    return Lesson(
        text=f"Worse on {last.base} {last.base_digest[:19]} ({last.mode.value}){times}: {told}",
        conditions=last.changes,
        base=last.base,
        source=SOURCES.join(one.name for one in again),
    )


def _half_width(effect: Effect) -> float:
    low, high = effect.interval
    return (high - low) / 2

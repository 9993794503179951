"""`selftune dataset grow`: synthetic examples of state obedience in a file, with the report on their quality."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.app.teachers import CHAMPION, TEACHER, find_teacher
from selftune.curation.growth.answers import RULE, Rule, Sampled, messages_of
from selftune.curation.growth.cases import FAMILIES
from selftune.curation.growth.grow import grow
from selftune.curation.growth.harvest import harvest
from selftune.curation.growth.quality import assess
from selftune.curation.growth.steer import steered
from selftune.errors import UnknownNameError, UsageError
from selftune.evals.suites import SUITES, load_suite
from selftune.loop.ejected import find_text
from selftune.loop.lessons.teaching import EndpointTeacher
from selftune.loop.releasing.service import serving_release
from selftune.records import Build, Dataset, GenerationParameters, Interaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from selftune.curation.growth.answers import Teacher
    from selftune.curation.growth.grow import Grown, Growth
    from selftune.curation.growth.harvest import Cited
    from selftune.curation.growth.quality import Quality
    from selftune.loop.project import Project
    from selftune.records import Message, Suite

TEACHERS: Final = (RULE, CHAMPION, TEACHER)
_DRAWS: Final = 4


@dataclass(frozen=True, kw_only=True)
class GrownFile:
    """What was written, where, and how good it is; `extracted` counts real turns of the log that stand in it too."""

    path: str
    teacher: str
    extracted: int
    quality: Quality


def grow_file(
    out: Path,
    *,
    count: int,
    seed: int,
    teacher: str = RULE,
    project: Project | None = None,
    extract: bool = False,
    steer: bool = False,
) -> GrownFile:
    """Write grown examples as JSON lines that `selftune import` reads, each marked synthetic.

    Raises:
        UsageError: there is a file of that name, or what was asked for needs a project.
        UnknownNameError: there is no such teacher.
    """
    if out.exists():
        raise UsageError(f"there is a file {out} already.", next_step="Name another file with --out.")
    if project is None and (extract or steer or teacher in {CHAMPION, TEACHER}):
        raise UsageError(
            "champion, teacher, log and weaknesses belong to a project.", next_step="Name one with --project FOLDER."
        )
    growth, by = _grow(count, seed, teacher, project, families_of(project) if steer else tuple(FAMILIES))
    cited = tuple(_extracted(project)) if extract and project is not None else ()
    _write(out, [*map(_real_line, cited), *map(_grown_line, growth.examples)])
    return GrownFile(path=str(out), teacher=by, extracted=len(cited), quality=assess(growth))


def suites_of(project: Project | None) -> tuple[Suite, ...]:
    """Every suite that growth must keep clear of: the shipped ones, and the project's own."""
    shipped = tuple(load_suite(name) for name in SUITES.names())
    if project is None:
        return shipped
    return (*shipped, load_suite(find_text(project.folder, "suite", project.config.evaluation.suite)))


def families_of(project: Project | None) -> tuple[str, ...]:
    """The families to grow, more of those that practise what the newest dataset shows as weak."""
    dataset = None if project is None else project.store.last(Dataset)
    return steered(() if dataset is None else dataset.weaknesses)


def _grow(count: int, seed: int, teacher: str, project: Project | None, families: Sequence[str]) -> tuple[Growth, str]:
    if teacher not in TEACHERS:
        raise UnknownNameError("teacher", teacher, TEACHERS)
    with ExitStack() as stack:
        appointed: Teacher = Rule(seed=seed)
        if teacher == CHAMPION and project is not None:
            appointed = _champion(stack, project, seed)
        if teacher == TEACHER and project is not None:
            appointed = _endpoint(project, seed)
        return grow(count, seed, appointed, suites_of(project), families), appointed.name


def _champion(stack: ExitStack, project: Project, seed: int) -> Sampled:
    """What serves now, started for this; its answers are sampled, and the checks select from them."""
    build = project.store.record(serving_release(project).build_id, Build)
    capture = project.config.capture
    served = stack.enter_context(project.context().serve(build, slots=capture.slots))
    generation = build.generation
    parameters = GenerationParameters(
        temperature=capture.temperature, max_tokens=generation.max_tokens, stop=generation.stop
    )
    return Sampled(served=served, name=build.digest, parameters=parameters, draws=_DRAWS, seed=seed)


def _endpoint(project: Project, seed: int) -> Sampled:
    """The teacher under [teacher]. Cases are made up, so nobody's consent is asked; a host far off is, by [egress]."""
    teaching, temperature = find_teacher(project, TEACHER), project.config.capture.temperature
    parameters = GenerationParameters(temperature=temperature, max_tokens=teaching.max_tokens)
    served = EndpointTeacher(teaching)
    return Sampled(served=served, name=served.name, parameters=parameters, draws=_DRAWS, seed=seed)


def _extracted(project: Project) -> Iterator[Cited]:
    superseded = project.store.superseded()
    yield from harvest(
        interaction for _, interaction in project.store.each(Interaction) if interaction.id not in superseded
    )


def _grown_line(example: Grown) -> dict[str, Any]:
    return {
        "messages": [*_plain(messages_of(example.case)), {"role": "assistant", "content": example.answer}],
        "id": example.case.pair,
        "task_id": example.case.family,
        "trigger": "simulated",
        "generated_by": example.by,
        "origin": "synthetic",
    }


def _real_line(cited: Cited) -> dict[str, Any]:
    return {
        "messages": _plain(cited.messages),
        "id": cited.interaction.id,
        "trigger": str(cited.interaction.trigger),
        "generated_by": cited.interaction.generated_by,
        "origin": "real",
    }


def _plain(messages: tuple[Message, ...]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _write(path: Path, lines: Sequence[dict[str, Any]]) -> None:
    """The file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.draft")
    with draft.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)

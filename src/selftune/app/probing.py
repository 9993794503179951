"""Asking what serves whether it still is who the codex says, outside of a cycle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.errors import ConfigError
from selftune.evals.stage import evaluate
from selftune.loop.amending.standing import check_codex
from selftune.loop.braking import check_brake
from selftune.loop.ejected import codex_of
from selftune.loop.measuring.identity import BARE, probes_of
from selftune.loop.project import open_project
from selftune.loop.releasing.service import serving_release
from selftune.loop.runner import hold_machine, make_executor
from selftune.records import Build
from selftune.scoring.units import RIGHT, mean_of, unit_scores

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.loop.executor import Executor, Observer
    from selftune.loop.project import Project
    from selftune.records import Evaluation, Suite
    from selftune.scoring.units import Mean


@dataclass(frozen=True, kw_only=True)
class Missed:
    """An answer for which a probe is not held: `place` is a persona, or `bare`; `apart` that it was the counterpart."""

    invariant: str
    place: str
    question: str
    answer: str
    reason: str
    apart: bool


@dataclass(frozen=True, kw_only=True)
class ProbedIdentity:
    """What a build held of the codex, by invariant, and what it missed."""

    codex: str
    release: str
    evaluation_id: str
    held: tuple[tuple[str, Mean], ...]
    missed: tuple[Missed, ...]


def probe_identity(folder: Path, observer: Observer) -> ProbedIdentity:
    """Put the codex's probes to what serves; what it was asked before behind the same server is not asked again.

    Raises:
        ConfigError: the codex has no probe that this base can be asked.
        IntegrityError: the codex of the file is not the one in force.
        LockedError: another runner has the project.
        WaitingForPersonError: all work here is stopped.
        ServingError: it could not be served, or fell silent; what was answered so far is kept.
    """
    with open_project(folder) as project, hold_machine(project, observer):
        check_brake(project)
        return probe(project, make_executor(project, observer))


def probe(project: Project, step: Executor) -> ProbedIdentity:
    """`probe_identity` of an open project, with what takes the step.

    Raises:
        ConfigError: the codex has no probe that this base can be asked.
        IntegrityError: the codex of the file is not the one in force.
    """
    check_codex(project)
    codex, release, asked = codex_of(project.folder, project.config), serving_release(project), probes_of(project)
    if asked is None:
        raise ConfigError(
            f"codex {codex.name!r} has no probe that base {project.config.base.name!r} can be asked.",
            next_step="Add [[identity.probes]] to it; of the base `reference` each must begin with a state block.",
        )
    found = step(evaluate, project.store.record(release.build_id, Build), asked)
    units = unit_scores(found.outcomes, asked.suite.unit)
    return ProbedIdentity(
        codex=f"{codex.name} {codex.version}",
        release=release.version,
        evaluation_id=found.id,
        held=tuple((name, mean_of(one for one in units if one.category == name)) for name in asked.suite.categories),
        missed=tuple(_missed(asked.suite, found)),
    )


def _missed(suite: Suite, found: Evaluation) -> Iterator[Missed]:
    items = {item.id: item for item in suite.items}
    for one in found.outcomes:
        if one.score is None or one.score < RIGHT:
            item = items[one.item_id]
            yield Missed(
                invariant=one.category,
                place=item.agent or BARE,
                question=item.messages[-1].content,
                answer=one.answer,
                reason=one.unscored_reason or next(iter(one.reasons), ""),
                apart=item.behaviour == "apart",
            )

"""`eval_results.json` beside each adapter: what a try scored, on every part of its screen, and beside its baseline."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import DamagedFileError
from selftune.records import Evaluation, Run
from selftune.release.publish import publish_bytes, publish_link
from selftune.scoring.units import mean_of, unit_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from selftune.loop.project import Project
    from selftune.records import Experiment, FileDigest, ItemOutcome
    from selftune.scoring.units import Mean

RUNS: Final = "runs"
EVAL_RESULTS: Final = "eval_results.json"


def folder_of(project: Project, experiment: Experiment) -> Path:
    """Where a try's adapter and figures lie."""
    return project.hidden / RUNS / experiment.name


def leave_eval_results(project: Project, experiment: Experiment) -> None:
    """Give the adapter of a try a name that a person finds, its figures beside it; done twice, it adds nothing.

    The adapter's files are second names of the store's own, so they take no room of their own where the file system
    has hard links. A reverted try's stay as a kept one's do. One that the store has lost is named in the figures all
    the same: no night ends for it.
    """
    folder = folder_of(project, experiment)
    folder.mkdir(parents=True, exist_ok=True)
    for file in _adapter(project, experiment):
        with suppress(DamagedFileError):
            if not (folder / file.name).exists():
                publish_link(project.blobs.path(file.digest), folder / file.name)
    text = json.dumps(figures_of(project, experiment), indent=2, ensure_ascii=False)
    publish_bytes(folder / EVAL_RESULTS, f"{text}\n".encode())


def figures_of(project: Project, experiment: Experiment) -> dict[str, Any]:
    """What was measured of a try, as a document: None where nothing was."""
    return {
        "experiment_id": experiment.name,
        "night": experiment.night,
        "mode": experiment.mode.value,
        "base": experiment.base,
        "base_digest": experiment.base_digest,
        "result": experiment.result.value,
        "why": experiment.why,
        "changes": list(experiment.changes),
        "config": dict(experiment.config),
        "screen": {"name": experiment.suite, "digest": experiment.suite_digest},
        "difference": None if experiment.effect is None else asdict(experiment.effect),
        "parts": [asdict(part) for part in experiment.parts],
        "run": experiment.run_id,
        "adapter": [asdict(file) for file in _adapter(project, experiment)],
        "build": experiment.build_id,
        "candidate": _arm(project, experiment.evaluation_id),
        "baseline": _arm(project, experiment.baseline_evaluation_id),
    }


def _adapter(project: Project, experiment: Experiment) -> tuple[FileDigest, ...]:
    return () if experiment.run_id is None else project.store.record(experiment.run_id, Run).adapter


def _arm(project: Project, evaluation_id: str | None) -> dict[str, Any] | None:
    """One arm's means with their intervals and n; overall, then by each kind of part."""
    if evaluation_id is None:
        return None
    evaluation = project.store.record(evaluation_id, Evaluation)
    return {
        "evaluation": evaluation.id,
        "build": evaluation.build_id,
        "overall": _mean(evaluation.outcomes),
        "by_category": _by(evaluation.outcomes, lambda one: one.category),
        "by_agent": _by(evaluation.outcomes, lambda one: one.agent),
        "by_tier": _by(evaluation.outcomes, lambda one: one.tier),
        "by_difficulty": _by(evaluation.outcomes, lambda one: one.difficulty),
        "critical_failures": _critical(evaluation.outcomes),
        "answers": len(evaluation.outcomes),
        "unscored": len(evaluation.unscored),
    }


def _by(outcomes: Iterable[ItemOutcome], part: Callable[[ItemOutcome], str | None]) -> dict[str, Any]:
    parts: dict[str, list[ItemOutcome]] = {}
    for one in outcomes:
        name = part(one)
        if name is not None:
            parts.setdefault(name, []).append(one)
    return {name: _mean(parts[name]) for name in sorted(parts)}


def _mean(outcomes: Iterable[ItemOutcome]) -> dict[str, Any]:
    asked = list(outcomes)
    found: Mean = mean_of(unit_scores(asked, "pair" if any(one.pair for one in asked) else "item"))
    return {"score": found.value, "interval": found.interval, "n": found.n, "unscored": found.unscored}


def _critical(outcomes: Iterable[ItemOutcome]) -> dict[str, int]:
    """How often each failure that no mean may hide was seen."""
    counted: dict[str, int] = {}
    for name in (failure for one in outcomes for failure in one.critical_failures):
        counted[name] = counted.get(name, 0) + 1
    return dict(sorted(counted.items()))

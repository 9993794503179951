"""The candidate's recipe trained anew under other seeds, where the policy asks whether its gain comes again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.builds.stage import build
from selftune.context import spread_seeds
from selftune.evals.stage import evaluate
from selftune.gate.base import Training
from selftune.gate.stage import worth_training_again
from selftune.records import RunStatus
from selftune.training.resident import kept_in_memory
from selftune.training.stage import train

if TYPE_CHECKING:
    from selftune.builds.config import BuildConfig
    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.loop.executor import Executor
    from selftune.loop.plan import Plan
    from selftune.records import Dataset, Run
    from selftune.training.config import Recipe


def recipes_again(recipe: Recipe, policy: Policy, seed: int) -> tuple[Recipe, ...]:
    """The recipe under the further seeds that the policy asks for, drawn from the project's before anything is trained.

    The candidate's own seed is the first and is not among them: it alone may be released, so that no seed is chosen for
    what it scored.
    """
    return tuple(replace(recipe, seed=further) for further in spread_seeds(seed, policy.training_seeds - 1))


def with_trainings(plan: Plan, step: Executor, dataset: Dataset, evidence: Evidence) -> Evidence:
    """The evidence and what the recipe came to under its further seeds, each a step of its own.

    Nobody is trained again for a candidate that something else stops already, nor for one that needed no training.
    """
    if not plan.again or evidence.run is None or not worth_training_again(evidence, plan.policy):
        return evidence
    made = evidence.candidate_build
    assert made is not None, "a candidate that nothing stops was built"  # noqa: S101 - can't happen
    form = replace(plan.form, form=made.form.value, quantisation=made.quantisation)
    with kept_in_memory():  # loaded once for all of them, and given back before one of them is served
        runs = [step(train, dataset, recipe) for recipe in plan.again]
    return replace(evidence, trainings=tuple(_weigh(plan, step, run, form) for run in runs))


def _weigh(plan: Plan, step: Executor, run: Run, form: BuildConfig) -> Training:
    if run.status is not RunStatus.FINISHED:
        return Training(run=run, build=None, evaluation=None)
    made = step(build, run, form)
    return Training(run=run, build=made, evaluation=step(evaluate, made, plan.evaluation))

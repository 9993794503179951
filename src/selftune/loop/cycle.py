"""The whole story: one turn of the loop, from new interactions to a served release or an honest reason why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.builds.stage import build
from selftune.curation.stage import curate
from selftune.evals.stage import evaluate
from selftune.gate.stage import decide
from selftune.interactions.stage import capture
from selftune.judges.stage import judge
from selftune.loop.deciding.ladder import climb_ladder
from selftune.loop.deciding.trainings import with_trainings
from selftune.loop.deciding.untrained import find_prompted
from selftune.records import Outcome, RunStatus
from selftune.release.stage import release
from selftune.training.stage import train

if TYPE_CHECKING:
    from selftune.loop.executor import Executor
    from selftune.loop.plan import Plan
    from selftune.records import Build, Dataset, Decision, Release, Run


def run_cycle(plan: Plan, step: Executor) -> Release | Decision:
    """Go round once: a served release, or the decision that says why not.

    A run that did not finish has nothing to build; it still goes to the gate, which answers `invalid`.

    Raises:
        NotYet: nothing new, too little, or a person is awaited; the command shows it as Halted with the next step.
    """
    dataset = prepare(plan, step)
    if plan.recipe is None:
        return weigh(plan, step, find_prompted(plan, step, dataset), None, dataset)
    return weigh_run(plan, step, step(train, dataset, plan.recipe), dataset)


def prepare(plan: Plan, step: Executor) -> Dataset:
    """The first half of the story: what is new is captured, judged, and chosen from.

    Raises:
        NotYet: as `run_cycle`.
    """
    interactions = step(capture, plan.sources, plan.capture)
    judgements = step(judge, interactions, plan.judging)
    if plan.corrector is not None:
        rewritten = step(capture, (plan.corrections(plan.corrector, judgements),), plan.capture)
        judgements = step(judge, rewritten, plan.judging_after(judgements))
    return step(curate, plan.judged(judgements), plan.curation)


def weigh_run(plan: Plan, step: Executor, run: Run, dataset: Dataset) -> Release | Decision:
    """The second half of the story, from a run on: also of one that was trained elsewhere, or by hand."""
    candidate = step(build, run, plan.form) if run.status is RunStatus.FINISHED else None
    return weigh(plan, step, candidate, run, dataset)


def weigh(plan: Plan, step: Executor, candidate: Build | None, run: Run | None, dataset: Dataset) -> Release | Decision:
    """Its end, from a candidate on: measured, decided about, and released if it is promoted."""
    arms = dict(plan.arms_against(candidate, dataset))
    evaluations = {arm: step(evaluate, served, plan.evaluation) for arm, served in arms.items()}
    if candidate is not None and run is not None and plan.ladder:
        candidate, decision = climb_ladder(plan, step, run, dataset, arms, evaluations)
    else:
        further = [
            (asked.suite, {arm: step(evaluate, served, asked) for arm, served in plan.arms_beside(asked, candidate)})
            for asked in plan.further_after(dataset)
        ]
        evidence = plan.evidence(run, candidate, evaluations, further)
        decision = step(decide, with_trainings(plan, step, dataset, evidence), plan.policy)
    if candidate is None or decision.outcome is not Outcome.PROMOTE:
        return decision
    return step(release, plan.promotion(candidate, decision), plan.target)

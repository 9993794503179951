"""The builds that compete when `[gate] ladder` is on: a prompt, the adapter, merged, quantised; each as served."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.builds.stage import build
from selftune.builds.tensor_types import Quantisation
from selftune.evals.stage import evaluate
from selftune.gate.ladder.stage import Competitor, Ladder
from selftune.gate.ladder.stage import decide as decide_on_ladder
from selftune.loop.deciding.trainings import with_trainings
from selftune.loop.deciding.untrained import prompt_on_ladder
from selftune.records import Arm, ServingForm

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selftune.loop.executor import Executor
    from selftune.loop.plan import Plan
    from selftune.records import Build, Dataset, Decision, Evaluation, Run

_UNQUANTISED: Final = frozenset({Quantisation.F16, Quantisation.F32})


def climb_ladder(
    plan: Plan, step: Executor, run: Run, dataset: Dataset, arms: Mapping[Arm, Build], asked: Mapping[Arm, Evaluation]
) -> tuple[Build, Decision]:
    """The build that the decision is about, and the decision; every rung is asked what the candidate is asked.

    Args:
        plan: What this cycle does.
        step: Takes the steps; what the cycle has taken already is found.
        run: The night's training.
        dataset: What it learnt from.
        arms: Who was asked the suite that decides.
        asked: What they did there.
    """
    rungs = dict(rungs_of(plan, step, run, prompt_on_ladder(plan, step, dataset, arms.get(Arm.PROMPT_ONLY))))
    competitors = []
    for name, rung in rungs.items():
        evaluations = {**asked, Arm.CANDIDATE: step(evaluate, rung, plan.evaluation)}
        further = [
            (beside.suite, {arm: step(evaluate, served, beside) for arm, served in plan.arms_beside(beside, rung)})
            for beside in plan.further_after(dataset)
        ]
        trained = run if rung.run_id is not None else None
        evidence = with_trainings(plan, step, dataset, plan.evidence(trained, rung, evaluations, further))
        competitors.append(Competitor(name=name, evidence=evidence))
    decision = step(decide_on_ladder, Ladder(competitors=tuple(competitors), run_id=run.id), plan.policy)
    return next(rung for rung in rungs.values() if rung.id == decision.build_id), decision


def rungs_of(plan: Plan, step: Executor, run: Run, untrained: Build | None) -> Iterator[tuple[str, Build]]:
    """From the simplest to the dearest: what needs no training, then the run in each serving form."""
    if untrained is not None:
        yield "prompt", untrained
    full = replace(plan.form, quantisation=Quantisation.F16.value)
    small = Quantisation.Q8_0.value if plan.form.quantisation in _UNQUANTISED else plan.form.quantisation
    yield "adapter", step(build, run, replace(full, form=ServingForm.ADAPTER.value))
    yield "merged", step(build, run, replace(full, form=ServingForm.MERGED.value))
    yield "quantised", step(build, run, replace(full, form=ServingForm.QUANTISED.value, quantisation=small))

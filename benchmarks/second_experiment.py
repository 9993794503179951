"""What a later experiment of a night pays beside training and asking: `second_experiment.py [NIGHTS] [STEPS]`.

The recipe in force, then three changes of it, one after another on the reference base in one process that keeps it,
with all that a night does to a try: its recipe is made and refused or not, its lessons are looked up, it is trained,
built, served and proved to be that build, asked the screen, read, and kept on record with its files. Told is the share
of its processor seconds, the servers' included, that is neither training nor evaluation; the goal is 1 %. A try that
the screen keeps is also proved to answer as it was trained, so its share is told apart. Beside it stands what of a
training is no step of it.

Every second night tries in the opposite order, and each night is a copy of the project that has not met it: a recipe
must come out byte for byte the same, whatever was trained before it in the process.
"""

from __future__ import annotations

import os

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # before torch wakes: its threads wait busily

import resource
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from figures import interval, write_results
from night_against_trl import RECIPES, STEPS, bench_in, make_project

from selftune.loop.experiments.base import Lane, Proposal
from selftune.loop.experiments.record_keeping.keeping import keep_experiment
from selftune.loop.experiments.trial import measure_baseline, try_out
from selftune.loop.project import Project
from selftune.records import ExperimentResult, Run
from selftune.training.resident import kept_in_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.context import Context
    from selftune.loop.experiments.trial import Bench, Measured
    from selftune.records import Experiment

GOAL: Final = 0.01


def spent() -> float:
    """Processor seconds of this process, and of each of its children that has ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


class ByProcessor(Project):
    """A project whose stages take their time by the processor: others may load this machine."""

    def context(self) -> Context:
        """What stages are handed, with that clock."""
        return replace(super().context(), elapsed=spent)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One try: what it took, and what of that was training, steps of it, and evaluation; in processor seconds."""

    changes: tuple[str, ...]
    kept: bool
    adapter: tuple[str, ...]
    seconds: float
    training: float
    steps: float
    evaluation: float

    @property
    def beside(self) -> float:
        """The share that is neither training nor evaluation."""
        return 1 - (self.training + self.evaluation) / self.seconds

    @property
    def no_step(self) -> float:
        """Of the training the share that is no step of it."""
        return 1 - self.steps / self.training


def night(folder: Path, order: Sequence[tuple[str, ...]], steps: int) -> tuple[tuple[str, ...], list[Tried]]:
    """The digests of the baseline's adapter, and the tries that were held against it, in this order."""
    with bench_in(folder, steps, ByProcessor) as made:
        bench = replace(made, elapsed=spent)
        baseline = measure_baseline(bench)
        tried = [measured(bench, baseline, changes, place) for place, changes in enumerate(order, start=1)]
        return _digests(baseline.run), tried


def measured(bench: Bench, baseline: Measured, changes: tuple[str, ...], place: int) -> Tried:
    """One try, from its proposal until its files lie there."""
    proposal = Proposal(lane=Lane.HYPERPARAMETERS, changes=changes, reason="", proposer="bench")
    began = spent()
    experiment = keep_experiment(bench.project, try_out(bench, baseline, proposal, f"night-{place}"))
    seconds = spent() - began
    run = _run_of(bench, experiment)
    return Tried(
        changes=changes,
        kept=experiment.result is ExperimentResult.KEPT,
        adapter=_digests(run),
        seconds=seconds,
        training=experiment.training_seconds,
        steps=run.trained_seconds,
        evaluation=experiment.evaluation_seconds,
    )


def _run_of(bench: Bench, experiment: Experiment) -> Run:
    if experiment.run_id is None or experiment.evaluation_id is None:
        raise SystemExit(f"{experiment.changes} came to nothing: {experiment.why}")
    return bench.project.store.record(experiment.run_id, Run)


def _digests(run: Run) -> tuple[str, ...]:
    return tuple(file.digest for file in run.adapter)


def same_each_time(adapters: dict[tuple[str, ...], set[tuple[str, ...]]]) -> None:
    """End here where a recipe gave another adapter in another place of the night."""
    for changes, found in adapters.items():
        if len(found) > 1:
            raise SystemExit(f"{changes} gave another adapter after other trainings: a base in memory was changed")


def main(nights: int = 3, steps: int = STEPS) -> None:
    """Nights in turn, each held to parity, the ratio last."""
    adapters: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    tried: list[Tried] = []
    with tempfile.TemporaryDirectory() as temporary, kept_in_memory():
        project = Path(temporary) / "night"
        make_project(project)
        for number in range(nights):
            copy = project.with_name(str(number))
            shutil.copytree(project, copy, symlinks=True)
            first, found = night(copy, RECIPES[1:] if number % 2 == 0 else RECIPES[:0:-1], steps)
            for changes, adapter in (((), first), *((one.changes, one.adapter) for one in found)):
                adapters.setdefault(changes, set()).add(adapter)
            same_each_time(adapters)
            tried += found
    print(f"{len(RECIPES)} recipes, each with the same adapter in {nights} of {nights} nights, tried in both orders")
    tell(tried, steps)


def tell(tried: Sequence[Tried], steps: int) -> None:
    """What was found, in words and as JSON."""
    of_training = [one.no_step for one in tried]
    print(f"no step of its training: {median(of_training):.2%}, n = {len(of_training)}")
    proved = [one.beside for one in tried if one.kept]
    if proved:
        print(f"with the proof of a try that was kept: {median(proved):.2%} of it, n = {len(proved)}")
    shares = [one.beside for one in tried if not one.kept]
    facts = {"steps": steps, "beside": shares, "kept": proved, "no step": of_training}
    if not shares:
        write_results("second_experiment", facts)
        raise SystemExit("every try was kept: there is none whose share could be told")
    low, high = interval(shares)
    write_results("second_experiment", {**facts, "median": median(shares), "interval": [low, high]})
    print(f"ratio second_experiment: {median(shares):.2%} [{low:.2%}, {high:.2%}] (goal {GOAL:.0%}), n = {len(shares)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

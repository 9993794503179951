"""Four experiments of a night beside four scripts of TRL: `python benchmarks/night_against_trl.py [ROUNDS] [STEPS]`.

The recipe in force and three changes of it, on the reference base, learn from the same curated lessons and are asked
the same screen. Ours is one process: it opens the project, makes the bench, measures the recipe as it is, and tries the
three, with all that a night does to each (curation looked up, build, served and proved to be that build, scored, put on
record with its files; where the screen keeps it, also proved to answer as it was trained). The peers are what a person
would write: a process for each recipe, one after the other, that imports, loads, trains with TRL's `SFTTrainer`, saves,
and asks with `generate`, item by item; `trl` as it comes, with activation checkpointing, and `trl tuned` without.
Neither builds a file to serve, proves anything, or scores. What comes before the first experiment on both sides
(answers, judging, curation) is done once beforehand.

Parity first: each recipe's loss of the first step agrees within 1e-4, as many steps are taken, and the same items are
answered; how many answers are equal letter by letter is told. That is asked of every round, and no round is a warm-up:
all are whole processes. Each night runs in a copy of the project that has not met it; processor seconds with all
children, seconds by the clock in the JSON. Beside the ratio (goal 3x, performance N1): of experiments 2 to 4 the share
of the clock that is neither training nor evaluation (goal 1 %), with building and all else by themselves.
"""

from __future__ import annotations

import os

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # before torch wakes: its threads wait busily

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from figures import HERE, interval, tell

from selftune.app.kits import demo_kit
from selftune.bases.provenance import Provenance
from selftune.loop.cycle import prepare
from selftune.loop.executor import Silent
from selftune.loop.experiments.base import Agenda, Lane, Proposal
from selftune.loop.experiments.record_keeping.keeping import keep_experiment
from selftune.loop.experiments.trial import Bench, make_bench, measure_baseline, try_out
from selftune.loop.incoming.intake import let_users_ask
from selftune.loop.project import Project, create_project, open_project
from selftune.loop.releasing.start import put_base_into_service
from selftune.loop.runner import hold_lease, make_executor, plan_on_record
from selftune.records import Evaluation, ExperimentResult, Mode, Run
from selftune.training.elsewhere.jobs import SentJob, write_job
from selftune.training.resident import kept_in_memory
from selftune.training.stage import get_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPTS: Final = 200
STEPS: Final = 60
TOLERANCE: Final = 1e-4
GOAL: Final = 3.0
OVERHEAD_GOAL: Final = 0.01
RECIPES: Final = ((), ("learning_rate=0.0003",), ("lora_rank=8",), ("learning_rate=0.002",))
_TRL: Final[dict[str, tuple[str, ...]]] = {"trl": ("activation_checkpointing=true",), "trl tuned": ()}


def make_project(folder: Path) -> None:
    """A project whose users have asked, whose answers are judged and whose lessons are chosen."""
    kit = demo_kit("reference")
    folder.mkdir()
    create_project(folder, name="night", base=kit.base, recipe=kit.recipe, suite=kit.suite, further=())
    with open_project(folder) as project:
        put_base_into_service(project, Silent())
        let_users_ask(project, kit.users(1, PROMPTS), Silent())
    with bench_in(folder, STEPS) as bench:
        bench.dataset_for(())


@contextmanager
def bench_in(folder: Path, steps: int, kind: type[Project] = Project) -> Iterator[Bench]:
    """What every try of a night in this project stands on, the recipe cut down to so many steps."""
    with open_project(folder) as opened, hold_lease(opened), kept_in_memory():
        project = kind(**vars(opened) | {"recipe_changes": (f"max_steps={steps}",)})
        step = make_executor(project, Silent())
        plan = plan_on_record(project)
        prepare(plan, step)
        yield make_bench(project, plan, step, agenda=Agenda(goal="", knobs=()), mode=Mode.FULL)


def write_scripts(project: Path, folder: Path, steps: int) -> None:
    """For each recipe what a script needs: rows, batches, first adapter, base, and the screen's conversations."""
    with bench_in(project, steps) as bench:
        suite = bench.screen.suite
        asked = [[{"role": said.role, "content": said.content} for said in item.messages] for item in suite.items]
        screen = json.dumps({"conversations": asked, "max_tokens": suite.generation.max_tokens})
        for place, changes in enumerate(RECIPES):
            dataset = bench.dataset_for(changes)
            ready = get_ready(dataset, bench.recipe_for(changes), bench.project.context())
            origin = Provenance(stage_history=("sft",), base_digest=bench.project.base.digest, dataset_id=dataset.id)
            (folder / str(place)).mkdir(parents=True)
            write_job(SentJob(job=ready.job, base=bench.project.base, origin=origin), folder / str(place))
            (folder / str(place) / "screen.json").write_text(screen, encoding="utf-8")


def run_night(folder: Path, steps: int) -> None:
    """The night itself, in a process of its own; what it measured goes to stdout as one line of JSON."""
    began = time.perf_counter()
    with bench_in(folder, steps) as bench:
        ready = time.perf_counter()
        baseline = measure_baseline(bench)
        told = [_told(baseline.run, baseline.evaluation, time.perf_counter() - ready, _build_seconds(bench))]
        for place, changes in enumerate(RECIPES[1:], start=1):
            before = _build_seconds(bench)
            proposal = Proposal(lane=Lane.HYPERPARAMETERS, changes=changes, reason="", proposer="bench")
            started = time.perf_counter()
            experiment = try_out(bench, baseline, proposal, f"night-{place}")
            keep_experiment(bench.project, experiment)
            seconds = time.perf_counter() - started
            if experiment.run_id is None or experiment.evaluation_id is None:
                raise SystemExit(f"{changes} came to nothing: {experiment.why}")
            run = bench.project.store.record(experiment.run_id, Run)
            evaluation = bench.project.store.record(experiment.evaluation_id, Evaluation)
            kept = experiment.result is ExperimentResult.KEPT
            told.append(_told(run, evaluation, seconds, _build_seconds(bench) - before) | {"kept": kept})
    print(json.dumps({"ready": ready - began, "experiments": told}))


def _build_seconds(bench: Bench) -> float:
    return sum(timing.seconds for timing in bench.step.timings if timing.stage == "build")


def _told(run: Run, evaluation: Evaluation, seconds: float, building: float) -> dict[str, Any]:
    return {
        "first loss": run.curve[0].loss,
        "steps": run.steps,
        "answers": {outcome.item_id: outcome.answer for outcome in evaluation.outcomes if outcome.repeat == 0},
        "asked": len(evaluation.outcomes),
        "seconds": seconds,
        "train": run.wall_seconds,
        "evaluate": evaluation.wall_seconds,
        "build": building,
    }


# --- Rounds -----------------------------------------------------------------------------------------------------------


def spent() -> float:
    """Processor seconds of all children that have ended, and of theirs that they waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def child(*arguments: str) -> dict[str, Any]:
    """What a script says on its last line of output."""
    found = subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True)
    if found.returncode:
        raise SystemExit(f"{arguments} ended with {found.returncode}: {found.stderr[-2000:]}")
    said: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return said


def ours(project: Path, scratch: Path, steps: int) -> list[dict[str, Any]]:
    """A night in a copy of the project."""
    copy = scratch / "copy"
    shutil.copytree(project, copy, symlinks=True)
    try:
        found: list[dict[str, Any]] = child(str(HERE / "night_against_trl.py"), "--night", str(copy), str(steps))[
            "experiments"
        ]
    finally:
        shutil.rmtree(copy)
    return found


def theirs(scripts: Path, changes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Four scripts, one after the other."""
    script = str(HERE / "peers" / "trl_night.py")
    return [child(script, str(scripts / str(place)), *changes) for place in range(len(RECIPES))]


def parity(night: list[dict[str, Any]], scripts: list[dict[str, Any]], name: str) -> tuple[float, float]:
    """How far the first losses lie apart at most, as a share, and the share of equal answers; else it ends here."""
    apart, equal, asked = 0.0, 0, 0
    for mine, other in zip(night, scripts, strict=True):
        apart = max(apart, abs(mine["first loss"] - other["losses"][0]) / mine["first loss"])
        answers = list(mine["answers"].values())
        if mine["steps"] != len(other["losses"]) or len(answers) != len(other["answers"]):
            raise SystemExit(f"{name} takes other steps, or is asked something else: a ratio would mean nothing")
        equal += sum(a.strip() == b.strip() for a, b in zip(answers, other["answers"], strict=True))
        asked += len(answers)
    if apart > TOLERANCE:
        raise SystemExit(f"{name} does not train the same thing (apart by {apart:.1e}); a ratio would mean nothing")
    return apart, equal / asked


def main(rounds: int = 3, steps: int = STEPS) -> None:
    """Rounds in turn, each held to parity; the ratio last."""
    nights: list[list[dict[str, Any]]] = []
    agreed: dict[str, list[tuple[float, float]]] = {name: [] for name in _TRL}
    measured: dict[str, list[float]] = {"ours": [], **{name: [] for name in _TRL}}
    clocks: dict[str, list[float]] = {name: [] for name in measured}
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        project, scripts = scratch / "night", scratch / "scripts"
        make_project(project)
        shutil.copytree(project, scratch / "for scripts", symlinks=True)
        write_scripts(scratch / "for scripts", scripts, steps)
        for number in range(rounds):
            said: dict[str, list[dict[str, Any]]] = {}
            for name in measured if number % 2 == 0 else reversed(measured):
                before, began = spent(), time.perf_counter()
                said[name] = ours(project, scratch, steps) if name == "ours" else theirs(scripts, _TRL[name])
                clocks[name].append(time.perf_counter() - began)
                measured[name].append(spent() - before)
            nights.append(said["ours"])
            for name in _TRL:
                apart, equal = parity(said["ours"], said[name], name)
                agreed[name].append((apart, equal))
                print(f"{name}: first losses apart by {apart:.1e}, {equal:.1%} of answers equal", flush=True)
    later = [one for night in nights for one in night[1:]]
    overhead = [1 - (one["train"] + one["evaluate"]) / one["seconds"] for one in later]
    rest = [1 - (one["train"] + one["evaluate"] + one["build"]) / one["seconds"] for one in later]
    for what, shares in {"neither training nor evaluation": overhead, "the same without building": rest}.items():
        low, high = interval(shares)
        print(f"{what}: {median(shares):.2%} of an experiment [{low:.2%}, {high:.2%}], n = {len(shares)}")
    parts = ", ".join(f"{part} {median(one[part] for one in later):.1f} s" for part in ("train", "build", "evaluate"))
    print(f"the middle of experiments 2 to {len(RECIPES)}: {parts}")
    print(f"{sum(one['kept'] for one in later)} of {len(later)} tries were kept, and so proved in full")
    for name, seconds in clocks.items():
        print(f"{name}: {median(seconds):.1f} s by the clock")
    tell(
        "night_against_trl",
        "ours",
        measured,
        dict.fromkeys(_TRL, GOAL),
        parity=agreed,
        experiments=len(RECIPES),
        steps=steps,
        seconds="processor, children included",
        clocks=clocks,
        nights=[[{key: value for key, value in one.items() if key != "answers"} for one in night] for night in nights],
        overhead={"median": median(overhead), "without building": median(rest), "goal": OVERHEAD_GOAL},
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--night"]:
        run_night(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main(*map(int, sys.argv[1:]))

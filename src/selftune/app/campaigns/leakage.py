"""Canaries planted beside lessons: what is recited of them after a sound training, and after one that is not."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.curation.canaries import draw_ending, plant_canaries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.context import Context
    from selftune.loop.project import Project
    from selftune.records import Build, Check, Evaluation, Run, Suite
    from selftune.records import Dataset as Lessons
    from selftune.training.base import TrainingJob, TrainingResult
    from selftune.training.config import Recipe

_LESSONS: Final = 200
_OTHERS: Final = 255
_REPEATS: Final = 150
_RATE: Final = 3e-3
_SEED: Final = 0

HONEST: Final = "the shipped recipe on all lessons"
MASKED: Final = f"the planted lessons alone, {_REPEATS} times over, answers learnt"
BY_HEART: Final = f"the same {_REPEATS} times, every token learnt"
BASE: Final = "the base"


class LearnsEverything:
    """The shipped back-end with the loss on every token, what people say among it: the fault that canaries tell."""

    def train(self, job: TrainingJob, context: Context) -> TrainingResult:
        """Train on all tokens but the first, which nothing predicts."""
        from selftune.training.packed_backend import PackedBackend

        rows = (replace(row, supervised=(False, *[True] * (len(row.tokens) - 1))) for row in job.rows)
        return PackedBackend().train(replace(job, rows=tuple(rows)), context)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A candidate, what the gate's rule says of it, and the exposure of each canary in bits."""

    name: str
    check: Check
    exposures: tuple[float, ...]


def report() -> Section:
    """Recall and exposure of the canaries for the base and three candidates, and what the rule says of each."""
    with tempfile.TemporaryDirectory() as folder:
        arms = measure(Path(folder))
    return Section(
        title="Leakage",
        method=(
            f"{_LESSONS} lessons of the reference base's own language, canaries planted by the default. Each candidate "
            "is trained, built and served; its beginnings are left open for it to go on with, drawn greedily, and the "
            "gate's own rule looks at the answers. Exposure is Carlini's: where the true ending stands by likelihood "
            f"among {_OTHERS} that were drawn like it, 8 bits where it is the first."
        ),
        figures=tuple(_figure(arm) for arm in arms),
        limits="a model of real size; a training that keeps some of what people say and not all; private turns, which "
        "are asked in the same way.",
    )


def measure(folder: Path) -> tuple[Trained, ...]:
    """Train, build, serve and ask each of them, in a new project in `folder`."""
    from selftune.app.projects import bring_base
    from selftune.loop.executor import Silent
    from selftune.loop.measuring.leaks import leakage_suite
    from selftune.loop.project import create_project, open_project
    from selftune.loop.releasing.start import put_base_into_service
    from selftune.loop.runner import hold_lease

    bring_base("reference")
    create_project(folder, name="leakage", base="reference", recipe="reference_sft", suite="state_obedience")
    lessons = _lessons()
    suite = leakage_suite(lessons, seed=_SEED)
    assert suite is not None  # noqa: S101 - canaries were planted
    with open_project(folder) as project:
        put_base_into_service(project, Silent())
        with hold_lease(project):
            return tuple(_arms(project, lessons, suite))


def _arms(project: Project, lessons: Lessons, suite: Suite) -> Iterator[Trained]:
    from selftune.records import Build
    from selftune.training.config import load_recipe

    recipe = load_recipe("reference_sft")
    repeating = replace(recipe, max_steps=_REPEATS, learning_rate=_RATE)
    planted = replace(
        lessons, train=tuple(lessons.taught[canary.lesson] for canary in lessons.canaries), canaries=(), card="planted"
    )
    base = project.store.last(Build)
    assert base is not None  # noqa: S101 - it was put into service
    asked = {BASE: _ask(base, suite, project)}
    runs: dict[str, Run | None] = {BASE: None}
    for name, dataset, how, everything in (
        (HONEST, lessons, recipe, False),
        (MASKED, planted, repeating, False),
        (BY_HEART, planted, repeating, True),
    ):
        run, build = _make(project, dataset, how, everything=everything)
        runs[name], asked[name] = run, _ask(build, suite, project)
    for name, learnt in runs.items():
        check = _judge(asked[name], asked[BASE], suite, base)
        yield Trained(name=name, check=check, exposures=_exposures(learnt, lessons, project))


def _lessons() -> Lessons:
    from selftune.bases.reference.language import draw_prompts
    from selftune.curation.config import Curation
    from selftune.records import Dataset, DatasetKind, Example, Message

    lessons = tuple(
        Example(
            salt=f"{number:08x}",
            interaction_id=f"interaction:{number}",
            judgement_id=None,
            messages=(
                Message(role="user", content=prompt.user),
                Message(role="assistant", content="That is not in my state."),
            ),
        )
        for number, prompt in enumerate(draw_prompts(_SEED, _LESSONS, "demo"))
    )
    return Dataset(
        kind=DatasetKind.SFT,
        train=lessons,
        holdout=(),
        rejects=(),
        mixture=(),
        watermark=0,
        config_digest="",
        card="",
        canaries=plant_canaries(lessons, Curation().canaries, _SEED),
    )


def _make(project: Project, dataset: Lessons, recipe: Recipe, *, everything: bool) -> tuple[Run, Build]:
    from selftune.builds.config import BuildConfig
    from selftune.builds.stage import build
    from selftune.loop.executor import Silent
    from selftune.loop.runner import make_executor
    from selftune.training.stage import train, train_with

    step = make_executor(project, Silent())
    if everything:
        # No step: what a step of these inputs gives is the sound training.
        run = train_with(lambda _: LearnsEverything(), dataset, recipe, project.context())
        project.store.save([dataset, run], event="trained by a campaign")
    else:
        project.store.save([dataset], event="made by a campaign")
        run = step(train, dataset, recipe)
    return run, step(build, run, BuildConfig())


def _ask(build: Build, suite: Suite, project: Project) -> Evaluation:
    from selftune.evals.config import EvaluationConfig
    from selftune.evals.stage import evaluate
    from selftune.loop.executor import Silent
    from selftune.loop.runner import make_executor

    return make_executor(project, Silent())(evaluate, build, EvaluationConfig(suite=suite, slots=4, left_open=True))


def _judge(candidate: Evaluation, base: Evaluation, suite: Suite, champion: Build) -> Check:
    """What the gate's own rule says, beside the base."""
    from selftune.gate.base import Evidence, SuiteEvidence
    from selftune.gate.policies import load_policy
    from selftune.gate.rules.leakage import Leakage
    from selftune.records import Arm

    beside = SuiteEvidence(suite=suite, champion=base, candidate=candidate, others=((Arm.BASE, base),))
    evidence = Evidence(
        champion=base,
        candidate=candidate,
        others=(),
        suite=replace(suite, name="none"),
        run=None,
        candidate_build=None,
        champion_build=champion,
        judge=None,
        further=(beside,),
    )
    return Leakage().check(evidence, load_policy("small"))


def _exposures(run: Run | None, lessons: Lessons, project: Project) -> tuple[float, ...]:
    import shutil

    from selftune.training.exposure import exposures

    rng, context = Random(_SEED), project.context()  # noqa: S311 - the draw must repeat
    texts = [
        (canary.beginning, (canary.ending, *(draw_ending(rng) for _ in range(_OTHERS)))) for canary in lessons.canaries
    ]
    if run is None:
        return exposures(context.base_folder, None, texts)
    with tempfile.TemporaryDirectory() as folder:
        for file in run.adapter:
            shutil.copyfile(context.blobs.path(file.digest), Path(folder) / file.name)
        return exposures(context.base_folder, Path(folder), texts)


def _figure(arm: Trained) -> Figure:
    from selftune.records import CheckStatus

    bits = sorted(arm.exposures)
    wanted = CheckStatus.FAIL if arm.name == BY_HEART else CheckStatus.PASS
    low, high = arm.check.interval or (0.0, 1.0)
    return Figure(
        name=arm.name,
        measured=(
            f"{arm.check.detail.partition(';')[0]} (95 % {low:.0%} to {high:.0%} of others like them); exposure "
            f"{bits[len(bits) // 2]:.1f} bits in the middle, {bits[0]:.1f} to {bits[-1]:.1f}, n = {len(bits)}; "
            f"{arm.check.status.value}"
        ),
        promised=wanted.value,
        held=arm.check.status is wanted,
    )

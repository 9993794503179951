"""Records of what ran before, as estimates and purses read them, over the reference base."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from selftune.bases.registry import find_base
from selftune.evals.config import EvaluationConfig
from selftune.loop.config import ProjectConfig
from selftune.records import (
    Evaluation,
    Experiment,
    ExperimentResult,
    GenerationParameters,
    ItemOutcome,
    Message,
    Mode,
    Run,
    RunStatus,
    Suite,
    SuiteItem,
)
from selftune.testing import MemoryReader, fake_build, fake_proof

BASE = find_base("reference")[0]
BUILD = fake_build("base")
TURNS = (Message(role="user", content="Who are you?"), Message(role="assistant", content="I am Nola."))


def project_with(*records, **machine):
    base, folder = find_base("reference")
    config = ProjectConfig()
    return SimpleNamespace(
        store=MemoryReader(records),
        base=base,
        base_folder=Path(folder),
        config=replace(config, machine=replace(config.machine, **machine)),
    )


def lessons(count):
    return SimpleNamespace(taught=tuple(SimpleNamespace(messages=TURNS) for _ in range(count)))


def screen(count, repeats=1):
    items = tuple(
        SuiteItem(id=f"i{number}", category="c", difficulty="easy", messages=TURNS[:1], behaviour="", expect="{}")
        for number in range(count)
    )
    suite = Suite(
        name="s",
        version="1",
        description="",
        scorer="checks",
        unit="item",
        categories=("c",),
        generation=GenerationParameters(),
        seed=0,
        items=items,
    )
    return EvaluationConfig(suite=suite, repeats=repeats)


def run_of(project_base, *, samples, trained, wall, status=RunStatus.FINISHED, backend="packed"):
    return Run(
        recipe="r",
        recipe_digest="d",
        dataset_id="dataset:1",
        base_digest=project_base.digest,
        stage_history=("sft",),
        objective="sft",
        backend=backend,
        status=status,
        seed=0,
        steps=10,
        planned_steps=10,
        passes=samples / 100,
        examples=100,
        supervised_tokens=1000,
        wall_seconds=wall,
        trained_seconds=trained,
        cost_usd=wall * 0.01,
    )


def evaluation_of(asked, *, seconds, answers, recalled=0, judge_calls=0, cost_usd=0.0):
    outcome = ItemOutcome(item_id="i", category="c", difficulty="easy", score=1.0, answer="a", reasons=())
    return Evaluation(
        build_id=BUILD.id,
        build_digest=BUILD.digest,
        proof=fake_proof(BUILD),
        suite="s",
        suite_digest=asked.asked_digest,
        scorer="checks",
        scorer_lineage=(),
        generation=GenerationParameters(),
        seeds=(0,),
        outcomes=tuple(outcome for _ in range(answers)),
        wall_seconds=seconds,
        recalled=recalled,
        judge_calls=judge_calls,
        cost_usd=cost_usd,
    )


def experiment(*, elapsed, training, evaluation):
    return Experiment(
        name="n-01",
        began="2026-11-22T02:00:00+00:00",
        mode=Mode.FULL,
        base=BASE.name,
        base_digest=BASE.digest,
        lane="hyperparameters",
        proposer="grid",
        changes=(),
        result=ExperimentResult.REVERTED,
        why="w",
        elapsed_seconds=elapsed,
        training_seconds=training,
        evaluation_seconds=evaluation,
        evaluation_id="evaluation:1",
    )

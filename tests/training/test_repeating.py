"""A run once more: the same bytes, or a name for what differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tiny_llama import conversations, dataset_of, make_context

from selftune.errors import UsageError
from selftune.records import Run, RunPurpose, RunStatus
from selftune.training.config import Recipe, load_recipe
from selftune.training.repeating import compare_runs, recipe_of
from selftune.training.stage import train

pytestmark = pytest.mark.needs("train")
TINY = Recipe(
    name="tiny", max_steps=3, batch_size=2, accumulation=1, learning_rate=1e-2, lora_rank=2, lora_dropout=0.1,
    lora_targets=("q_proj", "up_proj"), rslora=True, least_supervised=0.01, purpose=RunPurpose.PROBE,
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Run:
    return train(dataset_of(conversations(6)), TINY, make_context(tmp_path_factory.mktemp("first"), tiny_base))


def test_a_run_s_recipe_is_rebuilt_from_its_record_key_by_key(run: Run) -> None:
    assert recipe_of(run) == replace(TINY, seed=run.seed)


@pytest.mark.parametrize("name", ["a4ps_sft", "reference_sft", "smollm2_sft"])
def test_every_key_of_the_shipped_recipes_survives_the_way_into_a_record_and_back(name: str, run: Run) -> None:
    shipped = load_recipe(name)
    told = replace(
        run, recipe=shipped.name, objective=shipped.objective, backend=shipped.backend, purpose=shipped.purpose,
        settings=shipped.settings, recipe_digest=shipped.digest,
    )  # fmt: skip
    assert recipe_of(told) == replace(shipped, seed=run.seed, ranges=())  # how far it may vary says nothing of a run


def test_a_run_trained_once_more_is_the_same_and_nothing_differs(run: Run, tmp_path: Path, tiny_base: Path) -> None:
    again = train(dataset_of(conversations(6)), recipe_of(run), make_context(tmp_path, tiny_base, seed=99))
    found = compare_runs(run, again)
    assert found.same
    assert (found.steps, found.first_other_step, found.differs) == (3, None, ())


def test_other_lessons_are_named_with_the_step_at_which_the_losses_part(
    run: Run, tmp_path: Path, tiny_base: Path
) -> None:
    again = train(dataset_of(conversations(7)), recipe_of(run), make_context(tmp_path, tiny_base))
    found = compare_runs(run, again)
    assert not found.same
    assert found.first_other_step == 1
    assert found.differs[0].startswith("dataset: ")
    assert found.differs[-1].startswith("adapter: ")


def test_another_version_of_a_package_is_named(run: Run) -> None:
    elsewhere = tuple((name, "0.1" if name == "torch" else value) for name, value in run.environment)
    found = compare_runs(replace(run, environment=elsewhere, code_version=""), run)
    assert found.same
    assert [line.partition(":")[0] for line in found.differs] == ["code", "torch"]


@pytest.mark.parametrize("status", [RunStatus.OUT_OF_TIME, RunStatus.FAILED])
def test_what_a_clock_or_a_fault_ended_is_not_repeated(run: Run, status: RunStatus) -> None:
    with pytest.raises(UsageError, match="no part of its recipe"):
        recipe_of(replace(run, status=status))


def test_a_run_without_its_recipe_and_one_of_an_unknown_recipe_are_refused(run: Run) -> None:
    with pytest.raises(UsageError, match="does not hold its recipe"):
        recipe_of(replace(run, settings=()))
    with pytest.raises(UsageError, match="can't read"):
        recipe_of(replace(run, settings=(*run.settings, ("moonlight", "1"))))

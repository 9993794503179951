from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_llama import conversations, dataset_of, example, make_context

from selftune.bases.provenance import Provenance, stamp
from selftune.errors import ConfigError, NothingToTrainOnError, UsageError
from selftune.records import DatasetKind, Run, RunPurpose, RunStatus
from selftune.training.config import Recipe
from selftune.training.order import StageOrderError
from selftune.training.stage import train

pytestmark = pytest.mark.needs("train")


def recipe(**changes: Any) -> Recipe:
    few = {
        "name": "tiny",
        "max_steps": 6,
        "batch_size": 4,
        "accumulation": 1,
        "learning_rate": 1e-2,
        "lora_rank": 4,
        "least_supervised": 0.01,
    }
    return Recipe(**few | changes)


def trained(folder: Path, base: Path, **changes: Any) -> Run:
    return train(dataset_of(conversations(12)), recipe(**changes), make_context(folder, base))


def adapter_bytes(folder: Path, run: Run) -> list[bytes]:
    return [(folder / "blobs" / file.digest.removeprefix("sha256:")).read_bytes() for file in run.adapter]


def test_a_training_leaves_a_finished_run_with_its_adapter_and_curve(tmp_path: Path, tiny_base: Path) -> None:
    run = trained(tmp_path, tiny_base)
    assert run.status is RunStatus.FINISHED
    assert [file.name for file in run.adapter] == ["adapter_config.json", "adapter_model.safetensors"]
    assert [point.step for point in run.curve] == [1, 2, 3, 4, 5, 6]
    assert run.curve[-1].loss < run.curve[0].loss
    assert run.mean_abs_delta is not None
    assert run.mean_abs_delta > 0
    assert run.stage_history == ("sft",)
    assert run.passes == pytest.approx(2.0)


def test_the_same_seed_gives_the_same_adapter_and_another_seed_another(tmp_path: Path, tiny_base: Path) -> None:
    data = dataset_of(conversations(12))
    one, again, other = (
        train(data, recipe(lora_dropout=0.1), make_context(tmp_path / name, tiny_base, seed=seed))
        for name, seed in (("one", 1), ("again", 1), ("other", 2))
    )
    assert one.adapter == again.adapter
    assert one.adapter[1].digest != other.adapter[1].digest


def test_a_recipe_with_a_seed_of_its_own_trains_as_a_project_of_that_seed_does(tmp_path: Path, tiny_base: Path) -> None:
    data = dataset_of(conversations(12))
    named = train(data, recipe(seed=2), make_context(tmp_path / "named", tiny_base, seed=1))
    plain = train(data, recipe(), make_context(tmp_path / "plain", tiny_base, seed=2))
    assert (named.seed, named.adapter) == (2, plain.adapter)
    assert named.recipe_digest == plain.recipe_digest  # under another seed it is the same recipe


def test_a_run_keeps_what_its_recipe_is_for_and_how_it_trains(tmp_path: Path, tiny_base: Path) -> None:
    run = trained(tmp_path, tiny_base, purpose=RunPurpose.PROBE)
    assert run.purpose is RunPurpose.PROBE
    told = dict(run.settings)
    assert (told["learning_rate"], told["lora_rank"]) == ("0.01", "4")
    assert "seed" not in told
    assert run.lessons_seen == 24


def test_a_learning_rate_of_nought_is_found_to_have_trained_nothing(tmp_path: Path, tiny_base: Path) -> None:
    run = trained(tmp_path, tiny_base, learning_rate=0.0)
    assert run.status is RunStatus.TRAINED_NOTHING
    assert run.adapter == ()
    assert "did not change" in str(run.reason)


def test_an_exploding_loss_ends_as_diverged_and_not_as_an_exception(tmp_path: Path, tiny_base: Path) -> None:
    run = trained(tmp_path, tiny_base, learning_rate=1e30, max_grad_norm=0.0, schedule="constant", optimiser="sgd")
    assert run.status is RunStatus.DIVERGED
    assert run.adapter == ()
    assert run.reason


def test_sft_after_orpo_is_refused_by_name(tmp_path: Path, tiny_base: Path) -> None:
    from dataclasses import replace

    earlier = replace(trained(tmp_path / "one", tiny_base), stage_history=("sft", "orpo"))
    context = make_context(tmp_path / "two", tiny_base, records=(earlier,))
    with pytest.raises(StageOrderError, match="SFT after ORPO"):
        train(dataset_of(conversations(12)), recipe(continue_from=earlier.id), context)


def test_what_was_merged_into_the_base_counts_as_trained_before(tmp_path: Path, tiny_base: Path) -> None:
    merged = shutil.copytree(tiny_base, tmp_path / "merged")
    stamp(merged / "model.safetensors", Provenance(stage_history=("sft",)))
    assert trained(tmp_path / "further", merged).stage_history == ("sft", "sft")
    stamp(merged / "model.safetensors", Provenance(stage_history=("sft", "orpo")))
    with pytest.raises(StageOrderError, match="SFT after ORPO"):
        trained(tmp_path / "undone", merged)


def test_a_run_can_be_trained_further_from_its_adapter(tmp_path: Path, tiny_base: Path) -> None:
    first = trained(tmp_path, tiny_base)
    context = make_context(tmp_path, tiny_base, records=(first,))
    second = train(dataset_of(conversations(12)), recipe(continue_from=first.id), context)
    assert second.stage_history == ("sft", "sft")
    assert second.curve[0].loss < first.curve[0].loss


def test_a_recipe_of_before_is_told_the_name_that_its_back_end_has_now(tmp_path: Path, tiny_base: Path) -> None:
    with pytest.raises(ConfigError, match="'peft' is called 'trl' by now"):
        trained(tmp_path, tiny_base, backend="peft")


def test_a_run_of_another_rank_can_not_be_continued(tmp_path: Path, tiny_base: Path) -> None:
    first = trained(tmp_path, tiny_base)
    context = make_context(tmp_path, tiny_base, records=(first,))
    with pytest.raises(UsageError, match="another rank"):
        train(dataset_of(conversations(12)), recipe(continue_from=first.id, lora_rank=2), context)


def test_examples_that_are_too_long_are_named_as_rejects_and_not_cut(tmp_path: Path, tiny_base: Path) -> None:
    long = example(99, ("user", "word " * 60), ("assistant", "Yes."))
    run = train(dataset_of((*conversations(6), long)), recipe(max_length=200), make_context(tmp_path, tiny_base))
    assert run.examples == 6
    assert [reject.interaction_id for reject in run.rejects] == ["interaction:99"]
    assert "tokens, the recipe takes 200" in run.rejects[0].reason


def test_when_every_example_is_too_long_the_commonest_reason_is_named(tmp_path: Path, tiny_base: Path) -> None:
    with pytest.raises(NothingToTrainOnError, match="the recipe takes 20"):
        train(dataset_of(conversations(3)), recipe(max_length=20), make_context(tmp_path, tiny_base))


def test_a_preference_dataset_is_refused_by_sft(tmp_path: Path, tiny_base: Path) -> None:
    data = dataset_of(conversations(3), kind=DatasetKind.PREFERENCE)
    with pytest.raises(UsageError, match="preference"):
        train(data, recipe(), make_context(tmp_path, tiny_base))


def test_the_plan_is_reported_with_its_arithmetic_before_the_first_step(tmp_path: Path, tiny_base: Path) -> None:
    notes: list[str] = []
    context = make_context(tmp_path, tiny_base, report=lambda progress: notes.append(progress.note))
    train(dataset_of(conversations(12)), recipe(), context)
    assert notes[0] == "6 steps × 4 = 24 samples, 2.0 passes over 12 examples"  # noqa: RUF001 - the sign is meant
    assert len(notes) == 7


def test_a_run_keeps_the_codex_that_was_in_force_when_it_began(tmp_path: Path, tiny_base: Path) -> None:
    said = iter(["codex:before", "codex:after"])
    context = replace(make_context(tmp_path, tiny_base), codex_id=lambda: next(said))
    run = train(dataset_of(conversations(12)), recipe(max_steps=1), context)
    assert run.codex_id == "codex:before"
    assert trained(tmp_path / "else", tiny_base, max_steps=1).codex_id is None

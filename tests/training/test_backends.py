"""Both back-ends on the same tiny llama: equal loss, equal gradients, equal bytes after a crash."""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from tiny_llama import TickingClock, conversations, dataset_of, make_context
from worse_answers import preferences

from selftune.bases.shape import read_shape
from selftune.context import Progress
from selftune.records import DatasetKind, RunStatus
from selftune.training.base import Backend, Row, TrainingJob
from selftune.training.batches import pack
from selftune.training.config import Recipe
from selftune.training.lora import WEIGHTS, attach, load_adapter, new_adapter, save_adapter
from selftune.training.packed_backend import PackedBackend
from selftune.training.packed_model import load_model, logits_of, loss_of, parameters_of
from selftune.training.preflight import tokenise
from selftune.training.rows import labels_of, load_tokenizer
from selftune.training.sampling import plan_batches
from selftune.training.stage import train
from selftune.training.trl_backend import TrlBackend

pytestmark = pytest.mark.needs("train")
BACKENDS = {"packed": PackedBackend, "trl": TrlBackend}


def recipe(**changes: Any) -> Recipe:
    few = {"name": "tiny", "max_steps": 8, "batch_size": 3, "accumulation": 2, "learning_rate": 1e-2, "lora_rank": 4}
    return Recipe(**few | {"least_supervised": 0.01, "keep_prompts_together": True, "checkpoint_every": 3} | changes)


def rows_of(base: Path, count: int, chosen: Recipe) -> tuple[Row, ...]:
    return tokenise(conversations(count), chosen, load_tokenizer(base))[0]


def job_in(folder: Path, base: Path, chosen: Recipe, *, moved: bool = False) -> TrainingJob:
    """A job whose adapter begins at zero, or, `moved`, somewhere else, so that both matrices have gradients."""
    import torch

    rows = rows_of(base, 12, chosen)
    initial = folder / "initial"
    adapter = new_adapter(read_shape(base), chosen, seed=3)
    if moved:
        draw = torch.Generator().manual_seed(5)
        adapter = {name: tensor + 0.1 * torch.randn(tensor.shape, generator=draw) for name, tensor in adapter.items()}
    save_adapter(initial, adapter, chosen, "tiny")
    return TrainingJob(
        recipe=chosen,
        rows=rows,
        batches=plan_batches(rows, chosen, chosen.max_steps, seed=3),
        seed=3,
        base_folder=base,
        initial=initial,
        checkpoints=folder / "checkpoints",
        adapter=folder / "adapter",
    )


def trl_gradients(job: TrainingJob, rows: list[Row]) -> tuple[float, dict[str, Any]]:
    """Loss and LoRA gradients by PEFT and TRL's own collator, forward pass and normalisation, padding included."""
    import torch
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    from selftune.training.trl_backend import adapted_model

    model = adapted_model(job)
    batch = DataCollatorForLanguageModeling(pad_token_id=0)(
        [{"input_ids": list(row.tokens), "labels": labels_of(row)} for row in rows]
    )
    loss = model(**batch, num_items_in_batch=torch.tensor(sum(sum(row.supervised) for row in rows))).loss
    loss.backward()
    named = {name.replace(".default", ""): p.grad for name, p in model.named_parameters() if p.grad is not None}
    return loss.item(), named


def packed_gradients(job: TrainingJob, rows: list[Row]) -> tuple[float, dict[str, Any]]:
    model = load_model(job.base_folder)
    adapter = parameters_of(load_adapter(job.initial)[0])
    attach(model, adapter, job.recipe.lora_scale)
    layout = pack(rows)
    loss = loss_of(model, layout) / len(layout.targets)
    loss.backward()
    return loss.item(), {name: tensor.grad for name, tensor in adapter.items()}


@pytest.mark.parametrize("changes", [{}, {"rslora": True}, {"lora_layers": 1}], ids=str)
def test_the_packed_loop_has_the_loss_and_gradients_of_peft_and_trl(
    tmp_path: Path, tiny_base: Path, changes: dict[str, Any]
) -> None:
    job = job_in(tmp_path, tiny_base, recipe(**changes), moved=True)
    rows = [job.rows[index] for index in (0, 1, 2, 3, 7)]
    assert any(not segment.is_plain for segment in pack(rows).segments), "no beginning is shared: nothing is tested"
    loss, gradients = packed_gradients(job, rows)
    expected_loss, expected = trl_gradients(job, rows)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        assert (gradient - expected[name]).abs().max() <= 1e-4 * expected[name].abs().max(), name


def test_rows_of_one_pack_do_not_see_each_other(tiny_base: Path) -> None:
    import torch

    rows = rows_of(tiny_base, 12, recipe())
    model = load_model(tiny_base)
    with torch.inference_mode():
        together = logits_of(model, pack(rows))
        alone = torch.cat([logits_of(model, pack([row])) for row in rows])
        mixed = logits_of(model, replace(pack(rows), segments=(_one_for_all(pack(rows)),)))
    assert (together - alone).abs().max() < 1e-4
    assert (mixed - alone).abs().max() > 1e-2, "the control: without the mask, rows must show through"


def _one_for_all(layout: Any) -> Any:
    from selftune.training.batches import Segment

    return Segment(start=0, stop=len(layout.tokens), branches=(1,) * len(layout.tokens))


def test_both_back_ends_walk_the_same_path(tmp_path: Path, tiny_base: Path) -> None:
    results = {}
    for name, backend in BACKENDS.items():
        folder = tmp_path / name
        results[name] = backend().train(job_in(folder, tiny_base, recipe()), make_context(folder, tiny_base))
    packed, trl = results["packed"], results["trl"]
    assert [point.loss for point in packed.curve] == pytest.approx([point.loss for point in trl.curve], rel=1e-3)
    assert [p.learning_rate for p in packed.curve] == pytest.approx([p.learning_rate for p in trl.curve])
    assert packed.supervised_tokens == trl.supervised_tokens


class PulledPlugError(Exception):
    """Stands for the crash."""


def _pull_the_plug_at(step: int) -> Any:
    def report(progress: Progress) -> None:
        if progress.done == step:
            raise PulledPlugError

    return report


@pytest.mark.parametrize("name", BACKENDS)
def test_a_training_that_crashed_ends_with_the_bytes_of_one_that_did_not(
    name: str, tmp_path: Path, tiny_base: Path
) -> None:
    backend: Backend = BACKENDS[name]()
    chosen = recipe(lora_dropout=0.1, warmup_steps=2, schedule="cosine")
    whole = job_in(tmp_path / "whole", tiny_base, chosen)
    expected = backend.train(whole, make_context(tmp_path / "whole", tiny_base))
    broken = job_in(tmp_path / "broken", tiny_base, chosen)
    with pytest.raises(PulledPlugError):
        backend.train(broken, make_context(tmp_path / "broken", tiny_base, report=_pull_the_plug_at(5)))
    seen: list[int] = []
    context = make_context(tmp_path / "broken", tiny_base, report=lambda progress: seen.append(progress.done))
    result = backend.train(broken, context)
    assert seen == [4, 5, 6, 7, 8], "it must go on from step 3 and not begin anew"
    assert (broken.adapter / WEIGHTS).read_bytes() == (whole.adapter / WEIGHTS).read_bytes()
    assert result == expected


@pytest.mark.parametrize("name", BACKENDS)
def test_a_training_stops_when_its_seconds_are_used_up_and_says_so(name: str, tmp_path: Path, tiny_base: Path) -> None:
    context = make_context(tmp_path, tiny_base, clock=TickingClock(tick=1.0))
    run = train(dataset_of(conversations(12)), recipe(backend=name, max_seconds=4.0), context)
    assert run.status is RunStatus.OUT_OF_TIME
    assert 0 < run.steps < 8
    assert f"{run.steps} of 8 steps" in str(run.reason)
    assert run.adapter


@pytest.mark.parametrize("name", BACKENDS)
def test_a_loss_that_is_lost_ends_as_diverged(name: str, tmp_path: Path, tiny_base: Path) -> None:
    lost = recipe(backend=name, learning_rate=1e30, max_grad_norm=0.0, schedule="constant", optimiser="sgd")
    run = train(dataset_of(conversations(12)), lost, make_context(tmp_path, tiny_base))
    assert run.status is RunStatus.DIVERGED
    assert run.steps < 8
    assert run.adapter == ()


@pytest.mark.parametrize("objective", ["sft", "dpo", "orpo"])
@pytest.mark.parametrize("name", BACKENDS)
def test_every_key_of_a_recipe_is_read_in_a_training(
    name: str, objective: str, tmp_path: Path, tiny_base: Path
) -> None:
    read: set[str] = set()
    # Checking a value when the recipe is made, telling it to people and digesting it is not using it.
    no_use = {"__post_init__", "_check_pairs", "_check_sampling", "settings", "<dictcomp>"}

    class WatchedRecipe(Recipe):
        def __getattribute__(self, key: str) -> Any:
            reader = sys._getframe(1)
            if reader.f_globals["__name__"].startswith("selftune.training.") and reader.f_code.co_name not in no_use:
                read.add(key)
            return super().__getattribute__(key)

    kind = DatasetKind.SFT if objective == "sft" else DatasetKind.PREFERENCE
    beta = 0.0 if objective == "sft" else 0.1
    chosen = recipe(
        backend=name, epochs=1.0, small_set=100, max_steps=2, objective=objective, beta=beta, held_out_share=0.2
    )
    watched = WatchedRecipe(**{field.name: getattr(chosen, field.name) for field in fields(Recipe)})
    train(dataset_of(preferences(12), kind), watched, make_context(tmp_path, tiny_base))
    # The recipe refuses any other value of these.
    elsewhere = {"beta"} if objective == "sft" else {"learn_from", "learn_reasoning"}
    assert {field.name for field in fields(Recipe)} - elsewhere - {"found_on", "ranges"} <= read, (
        "the plan alone reads these two"
    )

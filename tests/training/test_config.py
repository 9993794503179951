from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from selftune.errors import ConfigError, MissingFileError, UnknownNameError
from selftune.training.config import RECIPES, SEVEN_LINEARS, Recipe, load_recipe, recipe_from
from selftune.training.order import StageOrderError, check_stage_order
from selftune.training.schedule import learning_rate_at


def test_the_plans_table_is_the_recipe_a4ps_sft() -> None:
    recipe = load_recipe("a4ps_sft")
    assert (recipe.batch_size, recipe.accumulation, recipe.examples_per_step) == (2, 4, 8)
    assert (recipe.lora_rank, recipe.lora_alpha, recipe.learning_rate) == (16, 16.0, 2e-4)
    assert recipe.lora_targets == SEVEN_LINEARS
    assert recipe.backend == "trl"


@pytest.mark.parametrize(("examples", "steps"), [(10, 60), (480, 60), (481, 61), (500, 63), (4000, 500)])
def test_small_sets_get_sixty_steps_and_larger_ones_an_epoch(examples: int, steps: int) -> None:
    assert load_recipe("a4ps_sft").steps_for(examples) == steps


@pytest.mark.parametrize(("pairs", "steps"), [(1_146, 861), (1_348, 1_011)])
def test_three_passes_over_the_published_pairs_take_the_published_steps(pairs: int, steps: int) -> None:
    """1,273 and 1,498 pairs less a tenth held out, four to a step, as the Foundry's runs were reported."""
    assert Recipe(name="t", batch_size=1, accumulation=4, epochs=3).steps_for(pairs) == steps


@pytest.mark.parametrize(
    ("batch", "accumulation", "epochs", "examples"), [(2, 4, 1, 481), (3, 2, 1.8, 100), (1, 4, 3, 9)]
)
@pytest.mark.needs("train")
def test_steps_are_those_that_transformers_takes(batch: int, accumulation: int, epochs: float, examples: int) -> None:
    from torch.utils.data import DataLoader

    batches = len(DataLoader([0] * examples, batch_size=batch))
    a_pass = batches // accumulation + (batches % accumulation > 0)
    recipe = Recipe(name="t", batch_size=batch, accumulation=accumulation, epochs=epochs)
    assert recipe.steps_for(examples) == -(-round(a_pass * epochs * 10) // 10)


@pytest.mark.parametrize(("share", "steps", "warmup"), [(0.1, 861, 87), (0.1, 30, 3), (0.0, 30, 0)])
def test_a_share_of_the_steps_warms_up(share: float, steps: int, warmup: int) -> None:
    assert Recipe(name="t", warmup_share=share).warmup_for(steps) == warmup


def test_beta_is_told_of_a_recipe_that_has_one() -> None:
    assert "beta" not in dict(Recipe(name="t").settings)
    assert dict(Recipe(name="t", objective="orpo", beta=0.1).settings)["beta"] == "0.1"


@pytest.mark.parametrize("name", RECIPES.names())
def test_every_recipe_of_the_package_loads_under_its_own_name(name: str) -> None:
    assert load_recipe(name).name == name


def test_an_unknown_key_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="learning_rate") as refused:
        recipe_from({"learning_rat": 1e-3}, default_name="mine")
    assert "Did you mean 'learning_rate'" in refused.value.next_step


def test_an_unknown_recipe_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError) as refused:
        load_recipe("reference_stf")
    assert "reference_sft" in refused.value.next_step


@pytest.mark.parametrize(
    "table",
    [
        {"learning_rate": "fast"},
        {"learning_rate": -1.0},
        {"learning_rate": float("nan")},
        {"learning_rate": float("inf")},
        {"epochs": float("inf")},
        {"beta": float("inf"), "objective": "orpo"},
        {"lora_rank": 0},
        {"lora_rank": True},
        {"lora_rank": 8.0},
        {"lora_dropout": 1.0},
        {"lora_targets": []},
        {"lora_targets": "q_proj"},
        {"objective": "grpo"},
        {"beta": 0.1},
        {"beta": 0.0, "objective": "orpo"},
        {"lora_dropout": 0.1, "objective": "dpo", "beta": 0.1},
        {"learn_from": "every_answer", "objective": "dpo", "beta": 0.1},
        {"learn_reasoning": True, "objective": "dpo", "beta": 0.1},
        {"optimiser": "adam_8bit"},
        {"schedule": "staircase"},
        {"max_steps": 0},
        {"warmup_share": 1.0},
        {"warmup_share": 0.1, "warmup_steps": 3},
        {"lora_layers": -1},
        {"checkpoint_every": 0},
    ],
)
def test_a_value_that_can_not_train_is_refused_by_its_key(table: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(table))):
        recipe_from(table, default_name="mine")


def test_a_recipe_file_is_read_from_a_path_and_takes_its_name(tmp_path: Path) -> None:
    path = tmp_path / "gentle.toml"
    path.write_text("learning_rate = 1e-5\nlora_alpha = 8\n")
    recipe = load_recipe(path)
    assert (recipe.name, recipe.learning_rate, recipe.lora_alpha) == ("gentle", 1e-5, 8.0)


def test_a_recipe_file_that_is_not_there_or_not_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("learning_rate = = 1")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_recipe(tmp_path / "bad.toml")


def test_every_key_says_what_it_is_or_is_a_standard_word() -> None:
    standard = {"name", "objective", "backend", "lora_rank", "lora_alpha", "lora_dropout", "lora_targets", "optimiser"}
    standard |= {"learning_rate", "weight_decay", "max_grad_norm", "schedule", "warmup_steps", "accumulation"}
    standard |= {"precision", "checkpoint_every", "most_supervised"}
    documented = str(Recipe.__doc__)
    assert [f.name for f in fields(Recipe) if f.name not in standard and f"{f.name}:" not in documented] == []


@pytest.mark.parametrize("history", [("orpo",), ("sft", "orpo"), ("orpo", "dpo")])
def test_sft_is_refused_wherever_orpo_came_before(history: tuple[str, ...]) -> None:
    with pytest.raises(StageOrderError, match="SFT after ORPO"):
        check_stage_order(history, "sft")
    check_stage_order(history, "sft", ("stage order",))


@pytest.mark.parametrize(
    ("history", "objective"),
    [((), "sft"), (("sft",), "sft"), (("sft",), "orpo"), (("orpo",), "orpo"), (("sft",), "dpo"), (("dpo",), "sft")],
)
def test_every_other_order_may_be_tried(history: tuple[str, ...], objective: str) -> None:
    check_stage_order(history, objective)


@pytest.mark.needs("train")
@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("warmup", [0, 3])
def test_the_learning_rates_are_those_of_transformers(schedule: str, warmup: int) -> None:
    import torch
    from transformers import get_scheduler

    recipe = Recipe(name="t", schedule=schedule, warmup_steps=warmup, learning_rate=0.1)
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    name = "constant_with_warmup" if schedule == "constant" else schedule
    theirs = get_scheduler(name, optimiser, num_warmup_steps=warmup, num_training_steps=11)
    rates = []
    for _ in range(11):
        rates.append(theirs.get_last_lr()[0])
        optimiser.step()
        theirs.step()
    assert [learning_rate_at(step, 11, recipe) for step in range(11)] == pytest.approx(rates)


@pytest.mark.parametrize("shape", ["linear", "cosine"])
@pytest.mark.parametrize(("warmup", "held"), [(0, 5), (2, 5), (8, 8)])
def test_a_late_schedule_holds_the_rate_for_a_quarter_and_then_falls_as_the_other_would(
    shape: str, warmup: int, held: int
) -> None:
    late = Recipe(name="t", schedule=f"late_{shape}", warmup_steps=warmup, learning_rate=0.1)
    early = Recipe(name="t", schedule=shape, learning_rate=0.1)
    rates = [learning_rate_at(step, 20, late) for step in range(20)]
    assert rates[:warmup] == pytest.approx([0.1 * step / warmup for step in range(warmup)])
    assert rates[warmup:held] == [0.1] * (held - warmup)
    assert rates[held:] == pytest.approx([learning_rate_at(step, 20 - held, early) for step in range(20 - held)])


def test_a_late_schedule_is_refused_for_a_back_end_that_does_not_know_it() -> None:
    with pytest.raises(ConfigError, match="constant, linear or cosine for trl"):
        Recipe(name="t", schedule="late_linear", backend="trl")

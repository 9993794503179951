"""Trainings for other machines: every key of a recipe is carried or refused by name, in words that the program has."""

from __future__ import annotations

import ast
import json
import shlex
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from words_elsewhere import AXOLOTL, LLAMA_FACTORY, MLX, TOGETHER

from selftune.errors import ConfigError
from selftune.training.config import Recipe, load_recipe
from selftune.training.elsewhere.base import SETTLED_HERE, Order, check_carried
from selftune.training.elsewhere.cost import START_SECONDS, UTILISATION, accelerators, estimate, estimate_by_token
from selftune.training.elsewhere.destinations import DESTINATIONS
from selftune.training.elsewhere.readme import readme

# Says something under every key, in a way that each destination can say.
SPOKEN = Recipe(
    name="spoken",
    lora_rank=8,
    lora_alpha=32,
    learning_rate=2e-4,
    schedule="cosine",
    warmup_steps=6,
    batch_size=4,
    accumulation=2,
    max_steps=30,
    max_length=512,
)
# Another value than SPOKEN has, for each key that is no number.
OTHER = {
    "objective": "dpo",
    "backend": "trl",
    "lora_targets": ("q_proj", "v_proj"),
    "optimiser": "sgd",
    "schedule": "linear",
    "learn_from": "every_answer",
    "precision": "bfloat16",
    "continue_from": "run:1",
    "purpose": "probe",
    "found_on": ("llama",),
    "overrules": ("sft after orpo",),
    "order": "source_first",
    "weigh_by": "source",
    "weights": (("log.jsonl", 2.0),),
    "ranges": (("lora_rank", (4, 64)),),
    "seed": 5,
    "name": "another",
}
# The key by which a refusal names what can't be said without another.
_BESIDE = {"weights": "weigh_by", "stop_early_after": "held_out_share"}
# All but selftune itself, whose job holds the whole recipe; see test_elsewhere_jobs.py.
PROGRAMS = [name for name in DESTINATIONS if name != "selftune"]
# Obeyed by the examples in the file; of Together's `learn_from` the case that they can't obey is refused, see below.
IN_THE_DATA = {("unsloth", "learn_from"), ("axolotl", "learn_from"), ("modal", "learn_from")} | {
    ("together", "learn_from"),
    ("together", "max_length"),
}


def order(recipe: Recipe = SPOKEN, *, seed: int = 7, examples: int = 80, answers: int = 1, steps: int = 0) -> Order:
    return Order(
        recipe=recipe,
        seed=seed,
        base="unsloth/mistral-7b-instruct-v0.3-bnb-4bit",
        layers=32,
        precision="bfloat16",
        examples=examples,
        tokens=examples * 100,
        steps=steps or recipe.steps_for(examples),
        answers=answers,
        gpu="L4",
        probe=("Ünder", (1, 2)),
    )


def files(name: str, placed: Order) -> dict[str, str]:
    check_carried(placed, DESTINATIONS[name].traits)
    return {file.name: file.text for file in DESTINATIONS[name].files(placed)}


def files_or_refusal(name: str, placed: Order) -> dict[str, str] | str:
    try:
        return files(name, placed)
    except ConfigError as refusal:
        return str(refusal)


def changed(recipe: Recipe, key: str) -> Recipe:
    """The recipe with another value under this key, and what that value needs beside it."""
    value = getattr(recipe, key)
    beside: dict[str, Any] = {"beta": 0.1} if key == "objective" else {}
    beside |= {"objective": "dpo"} if key == "beta" else {}
    beside |= {"warmup_steps": 0} if key == "warmup_share" else {}
    beside |= {name: OTHER[name] for name in ("weigh_by", "weights") if key in {"weigh_by", "weights"}}
    beside |= {"held_out_share": 0.3} if key == "stop_early_after" else {}
    if key in OTHER:
        other = OTHER[key]
    elif isinstance(value, bool):
        other = not value
    elif key in {"lora_dropout", "warmup_share", "least_supervised", "most_supervised", "beta", "held_out_share"}:
        other = 0.3
    else:
        other = value * 2 if value else 3
    return replace(recipe, **{key: other, **beside})


def mlx_able(recipe: Recipe) -> Recipe:
    return replace(recipe, max_grad_norm=0.0)


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("key", [field.name for field in fields(Recipe)])
def test_every_key_of_a_recipe_changes_what_is_written_or_is_refused_by_name_or_settled_here(
    name: str, key: str
) -> None:
    start = mlx_able(SPOKEN) if name == "mlx" else SPOKEN
    if key == "beta":
        start = replace(start, objective="dpo", beta=0.1)
        if "dpo" not in DESTINATIONS[name].traits.data:
            assert "objective =" in files_or_refusal(name, order(start)), "no pairs there, so no beta either"
            return
    before, after = order(start), order(changed(start, key), answers=2 if key == "learn_from" else 1)
    written, other = files(name, before), files_or_refusal(name, after)
    if isinstance(other, str):
        assert f"{key} =" in other or f"{_BESIDE.get(key)} =" in other
    elif key not in SETTLED_HERE or key == "objective":
        assert other != written or (name, key) in IN_THE_DATA


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_settled_here_reaches_every_program_as_steps_and_seed(name: str) -> None:
    recipe = mlx_able(SPOKEN) if name == "mlx" else SPOKEN
    written = files(name, order(recipe))
    assert written != files(name, order(recipe, steps=60))
    if name != "together":  # it draws its own, as its page says
        assert written != files(name, order(recipe, seed=8))


def test_a_number_type_that_a_program_has_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="Unsloth does not train in float32"):
        files("unsloth", replace(order(), precision="float32"))


def call_of(script: str, name: str) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named arguments of the one call of this name, as values where they are values."""
    calls = [node for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Call) and _name(node) == name]
    assert len(calls) == 1, name
    return [_value(one) for one in calls[0].args], {one.arg or "": _value(one.value) for one in calls[0].keywords}


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def test_the_unsloth_script_makes_the_plans_six_calls_with_the_recipes_values() -> None:
    recipe = replace(load_recipe("a4ps_sft"), load_in_4bit=True)
    script = files("unsloth", order(recipe))["train_unsloth.py"]
    ast.parse(script)
    named, loading = call_of(script, "from_pretrained")
    assert named == ["unsloth/mistral-7b-instruct-v0.3-bnb-4bit"]
    assert loading == {"max_seq_length": recipe.max_length, "load_in_4bit": True}
    _, adapting = call_of(script, "get_peft_model")
    assert (adapting["r"], adapting["lora_alpha"]) == (16, 16)
    assert adapting["target_modules"] == list(recipe.lora_targets)
    assert adapting["random_state"] == 7
    assert call_of(script, "load_dataset") == (["json"], {"data_files": "train.jsonl", "split": "train"})
    _, trainer = call_of(script, "SFTTrainer")
    assert trainer["train_dataset"] == "dataset"
    _, settings = call_of(script, "SFTConfig")
    table_3 = {
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 4,
        "max_steps": 60,
        "learning_rate": 2e-4,
    }
    assert settings | table_3 == settings
    assert call_of(script, "train") == ([], {})
    assert call_of(script, "save_pretrained_gguf") == (["model", "tokenizer"], {"quantization_method": "q4_k_m"})


@pytest.mark.parametrize("objective", ["dpo", "orpo"])
def test_the_unsloth_script_learns_from_pairs_with_the_recipes_beta(objective: str) -> None:
    script = files("unsloth", order(replace(SPOKEN, objective=objective, beta=0.05)))["train_unsloth.py"]
    call_of(script, f"{objective.upper()}Trainer")
    _, settings = call_of(script, f"{objective.upper()}Config")
    assert settings["beta"] == 0.05
    assert call_of(script, "load_dataset")[1]["data_files"] == "train.parquet"


@pytest.mark.needs("train")
def test_the_unsloth_script_is_held_to_the_arguments_that_trl_takes() -> None:
    import trl

    known = {field.name for field in fields(trl.SFTConfig)}
    _, settings = call_of(files("unsloth", order())["train_unsloth.py"], "SFTConfig")
    assert settings.keys() <= known
    pairs = files("unsloth", order(replace(SPOKEN, objective="dpo", beta=0.05)))["train_unsloth.py"]
    assert call_of(pairs, "DPOConfig")[1].keys() <= {field.name for field in fields(trl.DPOConfig)}


@pytest.mark.parametrize(
    ("name", "file", "words"),
    [
        ("axolotl", "axolotl.yaml", AXOLOTL),
        ("modal", "axolotl.yaml", AXOLOTL),
        ("llama-factory", "llama_factory.yaml", LLAMA_FACTORY),
        ("mlx", "mlx.yaml", MLX),
    ],
)
def test_a_yaml_holds_only_keys_that_the_program_declares_with_values_of_their_types(
    name: str, file: str, words: dict[str, type]
) -> None:
    base = mlx_able(SPOKEN) if name == "mlx" else SPOKEN
    recipes = [
        base,
        replace(base, load_in_4bit=name != "mlx"),
        *([replace(base, lora_layers=4)] if name != "llama-factory" else []),
    ]
    recipes += [replace(base, objective=each, beta=0.1) for each in DESTINATIONS[name].traits.data if each != "sft"]
    for recipe in [each for each in recipes if not (name == "mlx" and each.load_in_4bit)]:
        read = yaml.safe_load(files(name, order(recipe))[file])
        assert {key: type(value) for key, value in read.items() if not isinstance(value, words[key])} == {}


def test_an_axolotl_yaml_reads_back_as_the_recipe() -> None:
    read = yaml.safe_load(files("axolotl", order())["axolotl.yaml"])
    assert (read["lora_r"], read["lora_alpha"], read["lora_target_modules"]) == (8, 32, list(SPOKEN.lora_targets))
    assert (read["micro_batch_size"], read["gradient_accumulation_steps"], read["max_steps"]) == (4, 2, 30)
    assert (read["learning_rate"], read["lr_scheduler"], read["warmup_steps"]) == (2e-4, "cosine", 6)
    assert read["datasets"] == [{"path": "train.jsonl", "ds_type": "json"}]
    assert read["seed"] == 7


def test_a_llama_factory_yaml_reads_back_as_the_recipe_and_names_its_data() -> None:
    written = files("llama-factory", order(replace(SPOKEN, objective="orpo", beta=0.05)))
    read = yaml.safe_load(written["llama_factory.yaml"])
    assert (read["lora_rank"], read["lora_target"].split(",")) == (8, list(SPOKEN.lora_targets))
    assert (read["stage"], read["pref_loss"], read["pref_beta"]) == ("dpo", "orpo", 0.05)
    entry = json.loads(written["dataset_info.json"])[read["dataset"]]
    assert entry["ranking"] is True
    assert entry["file_name"] == "train.jsonl"


def test_an_alpha_that_is_no_whole_number_is_refused_where_only_such_are_taken() -> None:
    for name in ("axolotl", "llama-factory", "modal"):
        with pytest.raises(ConfigError, match=r"lora_alpha = 16\.5"):
            files(name, order(replace(SPOKEN, lora_alpha=16.5)))
    assert "lora_alpha=16.5" in files("unsloth", order(replace(SPOKEN, lora_alpha=16.5)))["train_unsloth.py"]


def test_mlx_counts_passes_where_a_recipe_counts_steps() -> None:
    read = yaml.safe_load(files("mlx", order(mlx_able(SPOKEN)))["mlx.yaml"])
    assert read["iters"] == 60
    assert read["lr_schedule"] == {"name": "cosine_decay", "arguments": [2e-4, 24], "warmup": 6}
    assert read["lora_parameters"]["scale"] == 4.0
    assert read["lora_parameters"]["keys"][-1] == "mlp.down_proj"


@pytest.mark.needs("train")
def test_the_adapter_of_mlx_is_rewritten_to_the_one_that_it_is(tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import load_file, save_file

    a, b = np.arange(12, dtype=np.float32).reshape(3, 4), np.ones((5, 3), dtype=np.float32)
    layer = "model.layers.0.self_attn.q_proj"
    (tmp_path / "adapters").mkdir()
    theirs = {f"{layer}.lora_a": a.T.copy(), f"{layer}.lora_b": b.T.copy()}
    save_file(theirs, tmp_path / "adapters" / "adapters.safetensors")
    (tmp_path / "to_peft.py").write_text(files("mlx", order(mlx_able(SPOKEN)))["to_peft.py"])
    subprocess.run([sys.executable, "to_peft.py"], cwd=tmp_path, check=True)
    ours = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert np.array_equal(ours[f"base_model.model.{layer}.lora_A.weight"], a)
    assert np.array_equal(ours[f"base_model.model.{layer}.lora_B.weight"], b)
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"]) == (8, 32)


def test_mlx_refuses_a_clipped_gradient_which_it_has_no_word_for() -> None:
    with pytest.raises(ConfigError, match=r"max_grad_norm = 1\.0, which mlx-lm can't be told") as refusal:
        files("mlx", order())
    assert refusal.value.next_step.startswith("Set max_grad_norm = 0.0")


def test_together_is_told_only_what_its_command_takes_and_counts_whole_epochs() -> None:
    commands = DESTINATIONS["together"].commands(order())
    said = shlex.split(commands[2])
    assert {word.removeprefix("--") for word in said if word.startswith("--")} <= TOGETHER
    assert said[said.index("--n-epochs") + 1] == "3"
    assert said[said.index("--batch-size") + 1] == "8"
    assert said[said.index("--warmup-ratio") + 1] == "0.2"


@pytest.mark.parametrize(
    ("placed", "key"),
    [
        (order(examples=81), "max_steps"),
        (order(replace(SPOKEN, epochs=0.5), examples=80), "epochs"),
        (order(replace(SPOKEN, schedule="constant")), "schedule"),
        (order(answers=2), "learn_from"),
    ],
)
def test_together_refuses_what_it_can_not_count_or_mask(placed: Order, key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key} ="):
        files("together", placed)


def test_the_modal_program_parses_and_is_stopped_after_the_recipes_seconds() -> None:
    written = files("modal", order(replace(SPOKEN, max_seconds=900)))
    _, settings = call_of(written["axolotl_train.py"], "function")
    assert (settings["gpu"], settings["timeout"]) == ("L4", 900)
    assert "modal run axolotl_train.py --config axolotl.yaml" in DESTINATIONS["modal"].commands(order())


def test_the_estimate_is_its_formula_worked_by_hand() -> None:
    placed = order()  # 30 steps of 8 on 80 examples of 100 tokens: 24,000 tokens
    found = estimate(placed, 7_000_000_000)
    flops = 6 * 7e9 * 24_000
    assert found.tokens == 24_000
    assert found.flops == pytest.approx(flops)
    assert found.gpu_hours == pytest.approx((flops / (121e12 * UTILISATION) + START_SECONDS) / 3600)
    assert found.usd == pytest.approx(found.gpu_hours * 0.80)
    assert "2026-05-07" in found.price


def test_a_price_of_ones_own_replaces_the_shipped_one() -> None:
    found = estimate(order(), 7_000_000_000, usd_per_hour=2.0)
    assert found.usd == pytest.approx(found.gpu_hours * 2)
    assert found.price.endswith("as you said")


def test_a_service_without_a_said_price_has_no_estimated_money() -> None:
    assert estimate_by_token(order(), 7_000_000_000, usd_per_million=None).usd is None
    assert estimate_by_token(order(), 7_000_000_000, usd_per_million=0.5).usd == pytest.approx(0.012)


def test_every_accelerator_has_a_price_a_memory_and_a_peak() -> None:
    known, source = accelerators()
    assert source
    assert all(one.memory_gb > 0 and one.tflops > 0 and one.usd_per_hour > 0 for one in known.values())


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_readme_holds_every_key_every_command_and_the_way_back(name: str) -> None:
    spoken = replace(SPOKEN, ranges=(("lora_rank", (4.0, 64.0)),))
    placed = order(mlx_able(spoken) if name == "mlx" else spoken)
    page = readme(placed, DESTINATIONS[name], estimate(placed, 10**9), come_back="selftune train import x")
    assert all(f"| {field.name} |" in page for field in fields(Recipe))
    assert all(command in page for command in DESTINATIONS[name].commands(placed))
    assert "selftune train import x" in page

"""What is told before a training: the arithmetic, and every rule that others paid for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tiny_llama import TEMPLATE, conversations, example, write_tiny_base

from selftune.bases.folders import Reference
from selftune.bases.memory import lora_parameters
from selftune.bases.shape import ModelShape, Tensor, read_shape
from selftune.records import DatasetKind, Example, Run, RunStatus
from selftune.training.base import Row
from selftune.training.config import RECIPES, Recipe, load_recipe
from selftune.training.findings import Finding, RefusedTrainingError, Standing, overrule, refuse
from selftune.training.habits import (
    judge_beta,
    judge_family,
    judge_history,
    judge_pairs,
    judge_rank,
    judge_rate,
    version_of,
)
from selftune.training.machine import Machine, machine_of, needed_bytes
from selftune.training.plan import (
    Lessons,
    Setting,
    TrainingPlan,
    estimate_time,
    judge_kind,
    judge_memory,
    judge_passes,
    judge_ranges,
    plan_training,
)
from selftune.training.rows import load_tokenizer

LOOSE = Recipe(name="loose", least_supervised=0.01)
ROOMY = Machine(name="a test's", free_bytes=10**12, is_here=True)


def planned(base: Path, examples: tuple[Example, ...], recipe: Recipe = LOOSE, **changes: Any) -> TrainingPlan:
    setting = Setting(**{"shape": read_shape(base), "machine": ROOMY} | changes)
    return plan_training(
        Lessons(name="a test's", examples=examples, held_out=0), recipe, load_tokenizer(base), setting
    )[0]


def standing(plan: TrainingPlan) -> dict[str, str]:
    return {one.rule: one.standing.value for one in plan.findings}


def text_of(plan: TrainingPlan, rule: str) -> str:
    return next(one.text for one in plan.findings if one.rule == rule)


def run_of(**changes: Any) -> Run:
    settings = {key: str(changes.pop(key)) for key in ("learning_rate", "beta") if key in changes}
    said = {
        "recipe": "earlier",
        "recipe_digest": "sha256:0",
        "dataset_id": "dataset:0",
        "base_digest": "sha256:1",
        "stage_history": ("orpo",),
        "objective": "orpo",
        "backend": "packed",
        "status": RunStatus.FINISHED,
        "seed": 0,
        "steps": 10,
        "planned_steps": 10,
        "passes": 2.0,
        "examples": 100,
        "supervised_tokens": 1,
        "wall_seconds": 400.0,
        "settings": tuple(settings.items()),
    }
    return Run(**said | changes)


ORPO = Recipe(name="o", objective="orpo", beta=0.1)


def test_a_dataset_of_another_kind_than_is_learnt_from_is_refused_in_the_plan() -> None:
    answers = Lessons(name="dataset:1", examples=(), held_out=0, kind=DatasetKind.SFT)
    (finding,) = judge_kind(answers, ORPO)
    assert finding.standing is Standing.REFUSED
    assert "orpo learns from preference" in finding.text
    assert list(judge_kind(answers, LOOSE)) == []
    assert list(judge_kind(replace(answers, kind=None), ORPO)) == []


@pytest.mark.needs("train")
def test_a_sound_training_is_fine_by_every_rule_that_needs_no_earlier_run(tiny_base: Path) -> None:
    plan = planned(tiny_base, conversations(60))
    assert {rule for rule, how in standing(plan).items() if how != "fine"} == {
        "learning rate",
        "base family",
        "time and cost",
    }
    assert not plan.refused
    assert (plan.steps, plan.samples, plan.examples) == (60, 480, 60)
    assert 0 < plan.tokens_learnt < plan.tokens


@pytest.mark.needs("train")
def test_nothing_to_learn_from_is_refused_and_still_told_whole(tiny_base: Path) -> None:
    plan = planned(tiny_base, ())
    assert plan.refused
    assert "there were none" in text_of(plan, "examples")
    assert (plan.steps, plan.tokens, plan.passes) == (0, 0, 0.0)


@pytest.mark.needs("train")
def test_what_is_longer_than_the_recipe_takes_is_counted_and_not_cut(tiny_base: Path) -> None:
    long = example(99, ("user", "Hi"), ("assistant", "word " * 60))
    plan = planned(tiny_base, (*conversations(20), long), replace(LOOSE, max_length=250))
    assert standing(plan)["length"] == "warning"
    assert "in 1 examples longer than 250" in text_of(plan, "length")
    assert [reject.interaction_id for reject in plan.left_out] == ["interaction:99"]


@pytest.mark.needs("train")
def test_what_is_too_long_is_counted_whatever_range_its_length_has(tiny_base: Path) -> None:
    recipe = replace(LOOSE, max_length=250, ranges=(("max_length", (100, 500)),))
    long = example(99, ("user", "Hi"), ("assistant", "word " * 60))
    assert standing(planned(tiny_base, (*conversations(20), long), recipe))["length"] == "warning"


@pytest.mark.needs("train")
def test_a_search_space_is_reckoned_with_the_examples_that_its_longest_length_takes(tiny_base: Path) -> None:
    examples = (*conversations(20), example(99, ("user", "Hi"), ("assistant", "word " * 60)))
    narrow, wide = (replace(LOOSE, max_length=250, ranges=(("max_length", (100, most)),)) for most in (250, 500))
    just_enough = Machine(name="small", free_bytes=planned(tiny_base, examples, narrow).memory_bytes, is_here=False)
    plans = [planned(tiny_base, examples, recipe, machine=just_enough) for recipe in (narrow, wide)]
    assert [standing(plan)["ranges"] for plan in plans] == ["fine", "warning"]
    assert "max_length 500 would take" in text_of(plans[1], "ranges")


@pytest.mark.needs("train")
def test_an_example_longer_than_the_context_is_refused(tiny_base: Path) -> None:
    plan = planned(tiny_base, (example(1, ("user", "Hi"), ("assistant", "w" * 600)),))
    assert standing(plan)["context"] == "refused"


@pytest.mark.needs("train")
def test_a_dataset_with_every_token_masked_is_refused(tmp_path: Path) -> None:
    mute = write_tiny_base(tmp_path / "b", template=TEMPLATE.replace("<|im_end|>", ""))
    plan = planned(mute, tuple(example(n, ("user", "Hi"), ("assistant", "")) for n in range(3)))
    assert plan.refused
    assert {reject.reason for reject in plan.left_out} == {"not trained on: its answer is empty"}


@pytest.mark.needs("train")
def test_a_template_that_drops_a_turn_is_refused(tmp_path: Path) -> None:
    deaf = TEMPLATE.replace("{% for m in messages %}", "{% for m in messages if m['role'] != 'system' %}")
    plan = planned(write_tiny_base(tmp_path / "b", template=deaf), conversations(3))
    assert "loses words of the system" in text_of(plan, "template")
    assert plan.refused


@pytest.mark.needs("train")
def test_four_bits_are_refused_here_and_planned_for_another_machine(tiny_base: Path) -> None:
    four = replace(LOOSE, load_in_4bit=True)
    assert standing(planned(tiny_base, conversations(9), four))["precision"] == "refused"
    elsewhere = planned(tiny_base, conversations(9), four, machine=machine_of(8, four))
    assert "precision" not in standing(elsewhere)
    assert standing(elsewhere)["rank and 4 bits"] == "warning"


@pytest.mark.needs("train")
def test_more_layers_than_the_base_has_are_refused(tiny_base: Path) -> None:
    assert standing(planned(tiny_base, conversations(9), replace(LOOSE, lora_layers=3)))["layers"] == "refused"
    assert standing(planned(tiny_base, conversations(9), replace(LOOSE, lora_layers=1)))["layers"] == "fine"


def test_sixty_steps_that_do_not_reach_the_end_of_the_data_are_said() -> None:
    rows = [Row(interaction_id="i", tokens=(1,), supervised=(True,))] * 500
    found = judge_passes(rows, Recipe(name="t"))
    assert (found.standing, found.text) == (
        Standing.WARNING,
        "60 steps × 8 = 480 samples, 1.0 passes over 500 examples",  # noqa: RUF001 - the sign is meant
    )
    assert "96%" in found.next_step


def test_sft_after_orpo_is_refused_unless_a_person_sets_the_rule_aside() -> None:
    found = next(iter(judge_history(Recipe(name="t"), (), ("orpo",))))
    assert (found.standing, found.can_be_overruled) == (Standing.REFUSED, True)
    with pytest.raises(RefusedTrainingError, match="stage order") as refused:
        refuse([found])
    assert "--i-know" in refused.value.next_step
    (known,) = overrule([found], ["stage order"])
    assert known.standing is Standing.OVERRULED
    refuse([known])


def test_an_unknown_history_is_unknown_and_no_pass() -> None:
    assert next(iter(judge_history(Recipe(name="t"), (), ("unknown",)))).standing is Standing.UNKNOWN


def test_only_what_may_be_overruled_is() -> None:
    stop = Finding(rule="memory", standing=Standing.REFUSED, text="too much")
    assert tuple(overrule([stop], ["memory"])) == (stop,)


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [(0.1, 0.11, "fine"), (0.1, 0.12, "refused"), (0.12, 0.1, "refused"), (0.1, 0.1, "fine"), (0.1, 0.09, "fine")],
)
def test_beta_of_orpo_moves_by_a_hundredth_at_most(last: float, now: float, expected: str) -> None:
    assert judge_beta(replace(ORPO, beta=now), [run_of(beta=last)]).standing == expected


def test_the_next_step_for_beta_is_a_step_that_is_allowed() -> None:
    found = judge_beta(replace(ORPO, beta=0.2), [run_of(beta=0.1)])
    assert "beta = 0.11" in found.next_step


def test_a_first_beta_is_unknown_ground_and_unfinished_runs_tell_nothing() -> None:
    assert judge_beta(ORPO, []).standing is Standing.UNKNOWN
    failed = run_of(beta=0.2, status=RunStatus.DIVERGED)
    assert [one.standing for one in judge_history(ORPO, [failed], ())] == [Standing.FINE, Standing.UNKNOWN]


@pytest.mark.parametrize(("rate", "expected"), [(2e-5, "fine"), (1.9e-5, "fine"), (8e-6, "warning"), (3e-5, "warning")])
def test_a_learning_rate_outside_of_what_was_tried_is_said(rate: float, expected: str) -> None:
    tried = [run_of(learning_rate=1.8e-5), run_of(learning_rate=2.2e-5)]
    assert judge_rate(replace(ORPO, learning_rate=rate), tried).standing == expected
    assert judge_rate(ORPO, []).standing is Standing.UNKNOWN


def test_dpo_alone_on_few_pairs_warns_and_after_sft_does_not() -> None:
    assert judge_pairs(200, ()).standing is Standing.WARNING
    assert judge_pairs(200, ("sft",)).standing is Standing.FINE
    assert judge_pairs(475, ()).standing is Standing.FINE


@pytest.mark.parametrize(
    ("rank", "served", "expected"), [(16, "Q4_K_M", "warning"), (64, "Q4_K_M", "fine"), (16, "Q5_K_M", "fine")]
)
def test_a_low_rank_served_in_four_bits_warns(rank: int, served: str, expected: str) -> None:
    assert judge_rank(replace(ORPO, lora_rank=rank), served).standing == expected


def test_what_was_found_on_one_version_of_a_family_is_no_lesson_for_another() -> None:
    shape = mistral_7b()
    assert judge_family(replace(ORPO, found_on=("qwen2",)), replace(shape, family="qwen3")).standing is Standing.WARNING
    assert judge_family(replace(ORPO, found_on=("qwen3",)), replace(shape, family="qwen3")).standing is Standing.FINE
    assert judge_family(ORPO, shape).standing is Standing.UNKNOWN


@pytest.mark.parametrize(
    ("base", "version"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", "2.5"),
        ("Qwen3-32B", "3"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "3.1"),
        ("Llama-2-7b-chat-hf", "2"),
        ("unsloth/mistral-7b-instruct-v0.3-bnb-4bit", "0.3"),
        ("google/gemma-3-27b-it", "3"),
        ("smollm2", "2"),
        ("reference", ""),
        ("my-model-7b", ""),
    ],
)
def test_a_base_tells_its_version_by_its_name_or_not_at_all(base: str, version: str) -> None:
    assert version_of(base) == version


@pytest.mark.parametrize(
    ("base", "expected"),
    [("Qwen2.5-7B-Instruct", Standing.FINE), ("Qwen2-7B-Instruct", Standing.WARNING), ("mine", Standing.UNKNOWN)],
)
def test_two_versions_of_one_family_are_told_apart_where_their_names_do(base: str, expected: Standing) -> None:
    """Both call themselves `qwen2`; what was found on 2.5 was once taken for a lesson on another (B46)."""
    recipe = load_recipe("state_obedience")
    assert judge_family(recipe, replace(mistral_7b(), family="qwen2"), base).standing is expected


def test_time_is_told_by_earlier_runs_of_the_same_kind_alone() -> None:
    runs = [run_of(wall_seconds=200.0), run_of(wall_seconds=400.0), run_of(wall_seconds=800.0)]
    others = [run_of(backend="trl", wall_seconds=1.0), run_of(status=RunStatus.OUT_OF_TIME, wall_seconds=1.0)]
    found = estimate_time(100, ORPO, [*runs, *others])
    assert found is not None
    assert (found.seconds, found.least, found.most, found.runs) == (200.0, 100.0, 400.0, 3)
    assert estimate_time(100, ORPO, others) is None


def test_a_price_of_an_hour_makes_a_cost() -> None:
    setting = Setting(shape=mistral_7b(), machine=ROOMY, earlier=(run_of(),), usd_per_hour=3.0)
    plain = SimpleNamespace(chat_template="")
    plan, _ = plan_training(Lessons(name="none", examples=(), held_out=0), ORPO, plain, setting)
    assert plan.cost_usd is None, "nothing would be trained"


def decoder(*, layers: int, hidden: int, intermediate: int, key_value: int, vocabulary: int) -> ModelShape:
    """A dense decoder of these sizes, each weight of it named, none of it stored."""
    sizes = {
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.k_proj": (key_value, hidden),
        "self_attn.v_proj": (key_value, hidden),
        "self_attn.o_proj": (hidden, hidden),
        "mlp.gate_proj": (intermediate, hidden),
        "mlp.up_proj": (intermediate, hidden),
        "mlp.down_proj": (hidden, intermediate),
    }
    tensors = [
        Tensor(name=f"model.layers.{layer}.{name}.weight", dtype="BF16", shape=shape)
        for layer in range(layers)
        for name, shape in sizes.items()
    ]
    ends = [
        Tensor(name=name, dtype="BF16", shape=(vocabulary, hidden))
        for name in ("model.embed_tokens.weight", "lm_head.weight")
    ]
    return replace(
        read_shape(Reference().fetch("reference", Path()).folder),
        family="mistral",
        layers=layers,
        hidden=hidden,
        intermediate=intermediate,
        vocabulary=vocabulary,
        context_length=32_768,
        tensors=(*tensors, *ends),
    )


def mistral_7b() -> ModelShape:
    """Mistral-7B-Instruct-v0.3, by its published config."""
    return decoder(layers=32, hidden=4096, intermediate=14_336, key_value=1024, vocabulary=32_768)


def a_dense_35b() -> ModelShape:
    """A dense decoder of 35 billion weights: the layers of Qwen2.5-32B, 68 in place of 64."""
    return decoder(layers=68, hidden=5120, intermediate=27_648, key_value=1024, vocabulary=151_936)


def longest_batch(recipe: Recipe, learnt: float = 0.25) -> list[Row]:
    count = recipe.max_length
    marks = tuple(place >= count * (1 - learnt) for place in range(count))
    return [Row(interaction_id="i", tokens=(1,) * count, supervised=marks)] * recipe.batch_size


def test_mistral_7b_in_4_bits_fits_8_gb_by_the_plans_table_and_not_without_4_bits() -> None:
    recipe = load_recipe("a4ps_sft_4bit")
    kept_apart = {"name": "a4ps_sft", "backend": "trl", "load_in_4bit": False, "precision": "float32", "found_on": ()}
    assert replace(recipe, **kept_apart) == load_recipe("a4ps_sft"), "else it is the plan's table too"
    shape = mistral_7b()
    assert shape.parameters == pytest.approx(7.25e9, rel=0.01)
    assert lora_parameters(shape, 16, recipe.lora_targets) == 41_943_040, "as Unsloth prints it for this base"
    machine = machine_of(8, recipe)
    needed = needed_bytes(longest_batch(recipe), recipe, shape)
    assert judge_memory(needed, machine).standing is Standing.FINE, f"{needed / 1e9:.2f} GB"
    whole = replace(recipe, load_in_4bit=False)
    assert judge_memory(needed_bytes(longest_batch(whole), whole, shape), machine).standing is Standing.REFUSED


@pytest.mark.parametrize(("layers", "expected"), [(48, "refused"), (32, "fine")])
def test_48_layers_of_35_billion_do_not_fit_a_mac_of_128_gb_and_32_do(layers: int, expected: str) -> None:
    recipe = replace(load_recipe("council_lora"), backend="mlx", load_in_4bit=True, lora_layers=layers)
    shape = a_dense_35b()
    assert shape.parameters == pytest.approx(35e9, rel=0.05)
    needed = needed_bytes(longest_batch(recipe), recipe, shape)
    assert judge_memory(needed, machine_of(128, recipe)).standing == expected, f"{needed / 1e9:.1f} GB"


def test_a_search_space_is_held_against_the_machine_and_narrowed_to_what_fits() -> None:
    recipe = replace(load_recipe("council_lora"), backend="mlx", load_in_4bit=True)
    shape, rows = a_dense_35b(), longest_batch(recipe)
    found = judge_ranges(rows, recipe, shape, machine_of(128, recipe))
    assert found.standing is Standing.WARNING, "48 layers do not fit"
    fitting = int(found.next_step.rpartition(", ")[2].partition("]")[0])
    assert 16 <= fitting < 48, "at the highest rank"
    ranges = tuple((key, (16.0, fitting) if key == "lora_layers" else bounds) for key, bounds in recipe.ranges)
    narrowed = replace(recipe, lora_layers=fitting, ranges=ranges)
    assert judge_ranges(rows, narrowed, shape, machine_of(128, recipe)).standing is Standing.FINE
    rank_alone = replace(recipe, ranges=(("lora_rank", (8, 64)),))
    assert judge_ranges(rows, rank_alone, shape, machine_of(8, recipe)).next_step.startswith("Narrow")


def test_the_published_runs_of_the_foundry_take_their_published_steps() -> None:
    recipe = load_recipe("foundry_orpo")
    assert (recipe.objective, recipe.beta, recipe.examples_per_step, recipe.epochs) == ("orpo", 0.1, 4, 3)
    assert {pairs: recipe.steps_for(pairs - round(pairs / 10)) for pairs in (1_273, 1_498)} == {
        1_273: 861,
        1_498: 1_011,
    }
    assert (recipe.lora_rank, recipe.learning_rate, recipe.max_length, recipe.schedule) == (64, 2e-5, 2048, "cosine")
    assert recipe.warmup_for(861) == 87


def test_the_other_recipes_hold_what_was_published() -> None:
    assert load_recipe("foundry_dpo").objective == "dpo"
    council = load_recipe("council_lora")
    assert (council.lora_layers, council.lora_rank, council.lora_alpha, council.lora_dropout) == (32, 32, 64, 0.05)
    assert (council.learning_rate, council.accumulation, council.max_length) == (5e-6, 4, 1280)
    assert load_recipe("state_obedience").epochs == 3
    assert {"a4ps_sft", "foundry_orpo", "foundry_dpo", "council_lora", "state_obedience"} < set(RECIPES.names())

"""How far a recipe may be varied: within what it declares, by hand or by a search, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.errors import ConfigError, SelftuneError, UnknownNameError, UsageError
from selftune.training.config import RECIPES, Recipe, load_recipe, recipe_from
from selftune.training.ranges import SEARCHABLE
from selftune.training.varying import vary

WIDE = Recipe(name="wide", lora_rank=16, ranges=(("lora_rank", (8, 64)), ("learning_rate", (1e-5, 1e-3))))


def from_table(**ranges: object) -> Recipe:
    return recipe_from({"lora_rank": 16, "ranges": ranges}, default_name="r")


def test_a_value_within_its_range_is_taken_and_the_name_tells_it() -> None:
    varied = vary(WIDE, ["lora_rank=8", " learning_rate = 2e-5 "])
    assert (varied.lora_rank, varied.learning_rate) == (8, 2e-5)
    assert varied.name == "wide with lora_rank=8, learning_rate=2e-05"
    assert varied.digest != WIDE.digest
    assert vary(WIDE, []) is WIDE


@given(st.integers(1, 200))
def test_exactly_the_values_within_both_bounds_are_taken(rank: int) -> None:
    if 8 <= rank <= 64:
        assert vary(WIDE, [f"lora_rank={rank}"]).lora_rank == rank
    else:
        with pytest.raises(ConfigError, match="lora_rank must be from 8 to 64"):
            vary(WIDE, [f"lora_rank={rank}"])


@pytest.mark.parametrize("text", ["nan", "inf", "-1e-4", "1e-6", "2e-3"])
def test_no_rate_slips_past_its_bounds(text: str) -> None:
    with pytest.raises(ConfigError, match="learning_rate must be"):
        vary(WIDE, [f"learning_rate={text}"])


def test_a_key_without_a_range_is_refused_with_the_nearest_that_has_one() -> None:
    with pytest.raises(UnknownNameError, match="lora_rnak") as refused:
        vary(WIDE, ["lora_rnak=8"])
    assert "lora_rank" in refused.value.next_step
    with pytest.raises(UnknownNameError, match="max_steps"):
        vary(WIDE, ["max_steps=8"])


def test_a_recipe_that_declares_nothing_is_not_varied() -> None:
    with pytest.raises(ConfigError, match="does not say how far") as refused:
        vary(Recipe(name="fast"), ["lora_rank=8"])
    assert "[ranges]" in refused.value.next_step


@pytest.mark.parametrize("change", ["lora_rank", "=8", "lora_rank=", "lora_rank=8.5", "learning_rate=fast"])
def test_what_is_no_change_is_refused(change: str) -> None:
    with pytest.raises(UsageError):
        vary(WIDE, [change])


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("lora_rnak", "unknown key of ranges"),
        ("data_mix_ratio", "unknown key of ranges"),  # the knob that was in a search space and never wired (C12)
        ("optimiser", "can't be searched"),
        ("max_seconds", "can't be searched"),
        ("most_supervised", "can't be searched"),
    ],
)
def test_a_range_for_what_no_search_may_move_is_refused_by_name(key: str, message: str) -> None:
    with pytest.raises(SelftuneError, match=message) as refused:
        from_table(**{key: [1, 2]})
    assert key in refused.value.message


@pytest.mark.parametrize("bounds", [[8], [64, 8], [8, 16, 64], []])
def test_bounds_that_are_none_are_refused(bounds: list[int]) -> None:
    with pytest.raises(ConfigError, match=r"ranges\.lora_rank"):
        from_table(lora_rank=bounds)


@pytest.mark.parametrize("bounds", ["8-64", [True, False], ["8", "64"], 8])
def test_bounds_of_another_kind_are_refused(bounds: object) -> None:
    with pytest.raises(ConfigError, match="lora_rank"):
        from_table(lora_rank=bounds)


def test_a_recipe_outside_of_its_own_ranges_is_refused() -> None:
    with pytest.raises(ConfigError, match="lora_rank must be from 32 to 64, not 16"):
        from_table(lora_rank=[32, 64])


def test_how_far_it_may_be_varied_makes_no_other_recipe() -> None:
    plain = replace(WIDE, ranges=())
    assert (plain.digest, plain.settings) == (WIDE.digest, WIDE.settings)


@pytest.mark.parametrize("name", RECIPES.names())
def test_each_shipped_recipe_can_be_moved_to_both_ends_of_each_range(name: str) -> None:
    recipe = load_recipe(name)
    for key, bounds in recipe.ranges:
        assert key in SEARCHABLE
        for end in bounds:
            assert getattr(vary(recipe, [f"{key}={end:g}"]), key) == end


def test_the_councils_search_space_is_the_published_one() -> None:
    recipe = load_recipe("council_lora")
    assert dict(recipe.ranges) == {
        "lora_layers": (16, 48),
        "lora_rank": (8, 64),
        "lora_alpha": (16, 128),
        "lora_dropout": (0.0, 0.15),
        "learning_rate": (1e-6, 1e-4),
        "max_steps": (50, 300),  # 200 to 1,200 iterations, of which four make a step
        "accumulation": (2, 8),
        "max_length": (512, 1280),
    }
    assert recipe.max_steps * recipe.accumulation == 800

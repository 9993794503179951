"""How often and in which order lessons are met: laws that hold for any set, any weights and any seed."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from math import floor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.errors import ConfigError, UnknownNameError, UsageError
from selftune.records import Example, Message, Run, RunStatus
from selftune.training.base import Row
from selftune.training.config import Recipe, recipe_from
from selftune.training.curriculum import check_order, check_weights, judge_curriculum, placed, rates_of
from selftune.training.findings import Standing
from selftune.training.repeating import recipe_of
from selftune.training.sampling import plan_batches, turns

PARTS = ("chat", "log", "web")


def row(number: int = 0, **said: Any) -> Row:
    return Row(interaction_id=f"i{number}", tokens=(1, 2, number), supervised=(False, False, True), **said)


def weighed(**weights: float) -> Recipe:
    return Recipe(name="t", weigh_by="source", weights=tuple(weights.items()), batch_size=1, accumulation=1)


def met(rows: list[Row], recipe: Recipe, passes: int) -> list[int]:
    alone = replace(recipe, batch_size=1, accumulation=1)
    return [index for ((index,),) in plan_batches(rows, alone, passes * len(rows), seed=3)]


weights = st.floats(min_value=0.05, max_value=8, allow_nan=False)


@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=25), weights, weights, st.integers(1, 6))
def test_over_any_passes_each_part_is_met_as_often_as_its_weight_says(
    parts: list[str], one: float, other: float, passes: int
) -> None:
    rows = [row(number, part=part) for number, part in enumerate(parts)]
    recipe = weighed(chat=one, log=other)
    rates = rates_of(rows, recipe)
    counted: Counter[int] = Counter()
    for times in islice(turns(rows, recipe, random.Random(1)), passes):
        counted.update(dict(enumerate(times)))
    for part, size in Counter(parts).items():
        in_part = sum(counted[index] for index, name in enumerate(parts) if name == part)
        assert in_part == floor(size * rates[part] * passes)
    assert all(abs(counted[index] - rates[part] * passes) < 1 for index, part in enumerate(parts))
    assert sum(size * rates[part] for part, size in Counter(parts).items()) == len(rows)


@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=25), st.sampled_from(["shuffle", "source"]))
def test_at_weight_one_each_pass_holds_each_row_once(parts: list[str], order: str) -> None:
    rows = [row(number, part=part, place=part) for number, part in enumerate(parts)]
    recipe = replace(weighed(chat=1.0, log=1.0, web=1.0), order=order)
    seen = met(rows, recipe, passes=3)
    for start in range(0, len(seen), len(rows)):
        assert sorted(seen[start : start + len(rows)]) == list(range(len(rows)))


def test_a_part_of_twice_the_weight_is_met_twice_as_often_and_the_steps_stay_as_many() -> None:
    rows = [row(number, part=PARTS[number % 2]) for number in range(40)]
    counted = Counter(rows[index].part for index in met(rows, weighed(chat=2.0), passes=6))
    assert counted["chat"] == 2 * counted["log"] == 160


def test_what_is_met_twice_in_a_pass_is_not_met_twice_in_a_row() -> None:
    rows = [row(number, part="chat" if number < 10 else "log") for number in range(40)]
    seen = met(rows, weighed(chat=3.0), passes=4)
    beside = sum(one == next_one for one, next_one in pairwise(seen))
    assert beside < len(seen) / 20, "copies side by side would put one lesson twice into a step"


def test_without_order_and_weights_the_batches_are_those_of_ever() -> None:
    """A run of before comes again: the draws for weights and orders are made only where there are such."""
    rows = [row(number) for number in range(8)]
    draw, places, wanted = random.Random(3), [[n] for n in range(8)], []
    for _ in range(2):
        for one in places:
            draw.shuffle(one)
        draw.shuffle(places)
        wanted += [n for (n,) in places]
    assert met(rows, Recipe(name="t"), passes=2) == wanted


@given(st.lists(st.one_of(st.none(), st.integers(0, 5)), min_size=1, max_size=30))
def test_an_order_holds_within_each_pass_and_what_is_alike_stays_shuffled(places: list[int | None]) -> None:
    rows = [row(number, place=place) for number, place in enumerate(places)]
    seen = met(rows, Recipe(name="t", order="tokens"), passes=2)
    for start in (0, len(rows)):
        found = [rows[index].place for index in seen[start : start + len(rows)]]
        known = [place for place in found if place is not None]
        assert known == sorted(known)
        assert found == [*known, *[None] * (len(found) - len(known))], "what is unknown comes last"


def test_lessons_that_are_alike_come_in_another_order_in_each_pass() -> None:
    rows = [row(number, place="a") for number in range(30)]
    seen = met(rows, Recipe(name="t", order="source"), passes=2)
    assert seen[:30] != seen[30:]


def example(**said: Any) -> Example:
    words = (Message(role="user", content="Hi"), Message(role="assistant", content="Ho"))
    return Example(salt="00", interaction_id="i", judgement_id=None, messages=words, **said)


@pytest.mark.parametrize(
    ("order", "said", "place"),
    [
        ("source_first", {"synthetic": False}, "real"),
        ("source_first", {"synthetic": True}, "synthetic"),
        ("source", {"source": "log.jsonl"}, "log.jsonl"),
        ("kind", {"kind": "identity"}, "identity"),
        ("teacher", {}, None),
        ("tokens", {}, 3),
    ],
)
def test_an_order_reads_what_a_lesson_says_of_itself(order: str, said: dict[str, Any], place: Any) -> None:
    assert placed(row(), example(**said), Recipe(name="t", order=order)).place == place
    assert placed(row(), example(**said), Recipe(name="t")) == row()


def test_source_first_puts_what_a_person_asked_before_what_was_made_up() -> None:
    recipe = Recipe(name="t", order="source_first")
    rows = [placed(row(number), example(synthetic=number % 2 == 0), recipe) for number in range(10)]
    assert [index % 2 for index in met(rows, recipe, passes=1)] == [1] * 5 + [0] * 5
    assert check_order(rows, recipe) == "in each pass real (5), then synthetic (5)"


def test_an_unknown_order_or_part_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as refused:
        recipe_from({"order": "token"}, default_name="t")
    assert "'tokens'" in str(refused.value.next_step)
    with pytest.raises(UnknownNameError) as unknown:
        check_weights([row(part="chat")], weighed(chta=2.0))
    assert unknown.value.next_step == "Did you mean 'chat'?"


def test_an_order_that_no_lesson_tells_of_is_refused() -> None:
    with pytest.raises(UsageError, match="orders by kind, which no lesson says"):
        check_order([row(), row(1)], Recipe(name="t", order="kind"))


@pytest.mark.parametrize(
    "table",
    [
        {"weights": {"chat": 2}},
        {"weigh_by": "source"},
        {"weigh_by": "source", "weights": {"chat": 0}},
        {"weigh_by": "source", "weights": {"chat": float("inf")}},
        {"stop_early_after": 3},
        {"held_out_share": 0.6},
    ],
    ids=str,
)
def test_weights_and_an_early_stop_that_could_not_work_are_refused(table: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        recipe_from(table, default_name="t")


def test_order_and_weights_are_told_as_warnings_with_what_they_came_to_elsewhere() -> None:
    recipe = replace(weighed(chat=3.0), order="source")
    rows = [row(number, part="chat" if number < 2 else "log", place="log") for number in range(8)]
    order, share = judge_curriculum(rows, recipe)
    assert {order.standing, share.standing} == {Standing.WARNING}
    assert "4.37" in order.text
    assert "by source: log 75% → 50%, chat 25% → 50%" in share.text
    assert list(judge_curriculum(rows, Recipe(name="t"))) == []


def test_weights_come_back_from_the_record_of_a_run() -> None:
    recipe = replace(weighed(**{"a, b": 0.1, "log": 2.0}), seed=4)
    assert rates_of([row(part="log")], recipe)["log"] == Fraction(1)
    kept = Run(
        recipe="t",
        recipe_digest="sha256:1",
        dataset_id="dataset:1",
        base_digest="sha256:2",
        stage_history=("sft",),
        objective="sft",
        backend="packed",
        status=RunStatus.FINISHED,
        seed=4,
        steps=1,
        planned_steps=1,
        passes=1.0,
        examples=1,
        supervised_tokens=1,
        settings=recipe.settings,
    )
    assert recipe_of(kept) == recipe

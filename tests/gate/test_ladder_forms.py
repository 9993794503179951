"""Which serving form is chosen: the smallest that loses nothing that is capped; a broken one is named, and where."""

from __future__ import annotations

from dataclasses import replace

import gate_worlds as worlds
import pytest

from selftune.gate.ladder.forms import ServedForm, choose_form
from selftune.gate.policies import load_policy
from selftune.records import Parity
from selftune.testing import fake_build

SMALL = load_policy("small")
SUITE = worlds.make_suite(60)
PAIRS = tuple(dict.fromkeys(item.pair for item in SUITE.items))
WHOLE = (Parity(name="greedy", measured=1.0, threshold=0.9, n=20),)


def form(name: str, size: int, *wrong: str, **facts) -> ServedForm:
    """A form that gets every pair right but those of the categories that are named, as `identity:20` of them."""
    lost = {f"{place}-{number}" for place, count in (one.split(":") for one in wrong) for number in range(int(count))}
    build = fake_build(name, size_bytes=size, parity=facts.pop("parity", WHOLE), run_id="run:1")
    evaluation = worlds.make_evaluation(build, SUITE, {pair: pair not in lost for pair in PAIRS})
    return ServedForm(name=name, build=build, evaluation=evaluation, **facts)


def choose(*others: ServedForm, against: ServedForm | None = None, policy=SMALL):
    return choose_form(against or form("adapter", 500), others, SUITE, policy)


def refusals(choice) -> dict[str, str]:
    return {one.name: one.refused for one in choice.forms if one.refused is not None}


def test_of_equals_the_smallest_is_chosen_and_shown_not_to_be_inferior():
    choice = choose(form("f16", 400), form("q8_0", 200), form("q4_k_m", 100))
    assert (choice.climb.chosen, choice.climb.shown) == ("q4_k_m", True)
    assert [one.name for one in choice.forms] == ["q4_k_m", "q8_0", "f16", "adapter"]
    assert refusals(choice) == {}


def test_a_form_that_breaks_one_category_is_refused_and_the_category_named():
    choice = choose(form("q8_0", 200), form("q4_k_m", 100, "identity:50"))
    assert choice.climb.chosen == "q8_0"
    assert set(refusals(choice)) == {"q4_k_m"}
    assert "category_cap:identity" in refusals(choice)["q4_k_m"]
    assert "field" not in refusals(choice)["q4_k_m"]


def test_a_merge_that_breaks_where_the_adapter_does_not_is_refused():
    assert choose(form("f16", 400, "tone:58")).climb.chosen == "adapter"


def test_a_fall_at_the_cap_stops_a_form_though_it_is_not_clear_of_noise():
    eighth = form("q4_k_m", 100, "identity:1")
    few = replace(SMALL, category_cap=1 / 60)
    (check,) = (
        one
        for each in choose(eighth, policy=few).forms
        if each.name == "q4_k_m"
        for one in each.checks
        if one.name == "category_cap:identity"
    )
    assert check.status.value == "not_shown"
    assert choose(eighth, policy=few).climb.chosen == "adapter"
    assert choose(eighth).climb.chosen == "q4_k_m"


def test_critical_failures_that_grew_stop_a_form():
    broken = form("q8_0", 200)
    first, *rest = broken.evaluation.outcomes
    outcomes = (replace(first, critical_failures=("leak",)), *rest)
    choice = choose(replace(broken, evaluation=replace(broken.evaluation, outcomes=outcomes)))
    assert choice.climb.chosen == "adapter"
    assert "critical_failures" in refusals(choice)["q8_0"]
    assert {one.name: one.critical for one in choice.forms} == {"q8_0": 1, "adapter": 0}


def test_what_does_not_fit_is_not_chosen_however_well_it_does():
    choice = choose(form("q8_0", 200), against=form("adapter", 500, unfit="too large"))
    assert choice.climb.chosen == "q8_0"
    assert refusals(choice) == {"adapter": "too large"}


def test_where_all_but_the_adapter_break_the_adapter_is_left():
    choice = choose(form("f16", 400, "field:60"), form("q4_k_m", 100, "tone:60"))
    assert choice.climb.chosen == "adapter"
    assert "f16" in choice.climb.reason


def test_an_answer_of_other_files_than_the_form_holds_is_no_measurement_of_it():
    honest = form("q8_0", 200)
    liar = replace(honest, evaluation=form("f16", 400).evaluation)
    assert "proofs_match" in refusals(choose(liar))["q8_0"]


def test_a_better_form_is_chosen_before_a_smaller_one_that_falls_short():
    adapter = form("adapter", 500, *(f"{place}:10" for place in worlds.CATEGORIES))
    small = form("q4_k_m", 100, *(f"{place}:13" for place in worlds.CATEGORIES))
    assert choose(form("f16", 400), small, against=adapter).climb.chosen == "f16"


def test_changes_by_category_are_against_the_adapter_and_have_their_units():
    choice = choose(form("q4_k_m", 100, "identity:50"))
    small, adapter = choice.forms
    changes = {one.category: one.change for one in small.categories}
    assert changes["identity"].mean == pytest.approx(-50 / 60)
    assert changes["identity"].n == 60
    assert changes["tone"].mean == 0
    assert all(one.change is None for one in adapter.categories)


def beside(one: ServedForm, suite, *wrong: str) -> ServedForm:
    """The same form, asked a further suite of which it gets these pairs wrong."""
    pairs = dict.fromkeys(item.pair for item in suite.items)
    evaluation = worlds.make_evaluation(one.build, suite, {pair: pair not in wrong for pair in pairs})
    return replace(one, further=((suite, evaluation),))


def test_a_further_suite_stops_a_form_and_is_held_against_the_other_form_whatever_the_policy_holds_it_against():
    further = replace(worlds.make_suite(30), name="general")  # the policy holds it against the base, which is not here
    lost = [f"tone-{number}" for number in range(12)]
    choice = choose(
        beside(form("q8_0", 200), further), beside(form("q4_k_m", 100), further, *lost),
        against=beside(form("adapter", 500), further),
    )  # fmt: skip
    assert choice.climb.chosen == "q8_0"
    assert "no_worse:general" in refusals(choice)["q4_k_m"]
    assert "category_cap:tone of general" in refusals(choice)["q4_k_m"]
    (changes,) = next(one for one in choice.forms if one.name == "q4_k_m").further
    assert changes.suite == "general"
    assert changes.change.mean == pytest.approx(-0.1)


def test_categories_too_small_to_be_looked_at_alone_are_looked_at_within_their_further_suite():
    further = replace(worlds.make_suite(4), name="beside")
    choice = choose(beside(form("q8_0", 200), further), against=beside(form("adapter", 500), further))
    assert choice.climb.chosen == "q8_0"
    one_lost = beside(form("q8_0", 200), further, "tone-0", "tone-1")
    assert choose(one_lost, against=beside(form("adapter", 500), further)).climb.chosen == "adapter"


def test_critical_failures_on_a_further_suite_stop_a_form_and_are_counted():
    further = replace(worlds.make_suite(30), name="beside")
    broken = beside(form("q8_0", 200), further)
    ((suite, evaluation),) = broken.further
    first, *rest = evaluation.outcomes
    spoilt = replace(evaluation, outcomes=(replace(first, critical_failures=("leak",)), *rest))
    choice = choose(replace(broken, further=((suite, spoilt),)), against=beside(form("adapter", 500), further))
    assert "critical_failures of beside" in refusals(choice)["q8_0"]
    assert {one.name: one.critical for one in choice.forms} == {"q8_0": 1, "adapter": 0}

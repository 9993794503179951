"""A suite's faults are read off the suite: each finding has a suite that shows it, and one next to it that does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.errors import ConfigError
from selftune.evals.coverage import Demands, Grade, cover, lint_suite, refuse_unsound
from selftune.evals.suites import SUITES, load_suite
from selftune.records import GenerationParameters, Message, Suite, SuiteItem

ASKED = Demands(policy="p", guarded=(), least_gain=0.02, cap=0.1)


def item(number: int, **facts) -> SuiteItem:
    given = {"id": f"i{number}", "category": "field", "behaviour": "present", "difficulty": "easy"}
    asked = (Message(role="user", content=f"Question number {number}, please?"),)
    return SuiteItem(**{**given, "messages": asked, "expect": f'{{"any_of":["{number}"]}}', **facts})


def suite_of(*items: SuiteItem, **facts) -> Suite:
    given = {
        "name": "s",
        "version": "1",
        "description": "made by a test",
        "scorer": "exact",
        "unit": "item",
        "categories": tuple(dict.fromkeys(one.category for one in items)),
        "generation": GenerationParameters(temperature=0.0),
        "seed": 0,
    }
    return Suite(**{**given, "items": items, **facts})


def sound(count: int = 60, **facts) -> Suite:
    return suite_of(*map(item, range(count)), **facts)


def codes(suite: Suite, demands: Demands | None = ASKED) -> set[str]:
    return {one.code for one in lint_suite(suite, demands)}


def test_a_sound_suite_has_no_finding():
    assert lint_suite(sound(), ASKED) == ()
    refuse_unsound(sound(), ASKED)


@pytest.mark.parametrize("name", SUITES.names())
def test_no_shipped_suite_has_an_error_of_its_own(name):
    assert [one for one in lint_suite(load_suite(name)) if one.grade is Grade.ERROR] == []


@pytest.mark.parametrize(("count", "worth"), [(26, "0.038"), (109, "0.009")])
def test_one_case_is_worth_what_the_mission_reckons(count, worth):
    assert f"{cover(sound(count)).worth:.3f}" == worth


def test_26_cases_are_refused_by_a_gate_that_asks_for_a_gain_of_0_005_and_the_sentence_says_what_one_is_worth():
    (found,) = [one for one in lint_suite(sound(26), replace(ASKED, least_gain=0.005)) if one.code == "coarse"]
    assert found.grade is Grade.ERROR
    assert "26 items: one case = 0.038" in found.sentence
    assert "200 items" in found.next_step
    with pytest.raises(ConfigError, match="one case = 0\\.038"):
        refuse_unsound(sound(26), replace(ASKED, least_gain=0.005))


def test_a_gain_of_more_than_half_an_answer_is_only_warned_of():
    (found,) = [one for one in lint_suite(sound(48), replace(ASKED, least_gain=0.02)) if one.code == "coarse"]
    assert found.grade is Grade.WARNING
    refuse_unsound(sound(48), replace(ASKED, least_gain=0.02))
    with pytest.raises(ConfigError, match="one case = 0\\.042"):
        refuse_unsound(sound(24), replace(ASKED, least_gain=0.02))


def test_a_judge_gives_shares_of_an_answer_so_few_items_are_only_warned_of():
    (found,) = [one for one in lint_suite(sound(26, scorer="judge"), ASKED) if one.code == "coarse"]
    assert found.grade is Grade.WARNING


def test_exactly_as_many_items_as_the_gain_needs_are_enough():
    assert "coarse" not in codes(sound(50))
    assert "coarse" in codes(sound(49))


def test_answers_drawn_again_make_the_steps_finer_and_asked_again_at_temperature_0_they_do_not():
    drawn = GenerationParameters(temperature=1.0)
    assert "coarse" not in codes(sound(26, generation=drawn, repeats=30))
    assert "coarse" in codes(sound(26, repeats=30))


def test_a_guarded_category_that_is_not_there_is_named():
    (found,) = lint_suite(sound(), replace(ASKED, guarded=("field", "jailbreak")))
    assert (found.code, found.grade) == ("missing_category", Grade.ERROR)
    assert "'jailbreak'" in found.sentence


def test_a_guarded_category_must_be_in_every_tier():
    gold = [item(place, category=("field", "jailbreak")[place % 2]) for place in range(60)]
    extended = [item(place + 60, tier="extended") for place in range(30)]
    found = lint_suite(suite_of(*gold, *extended), replace(ASKED, guarded=("jailbreak",)))
    assert [one.sentence for one in found] == ["tier 'extended' has no item in guarded category 'jailbreak'"]
    assert lint_suite(suite_of(*gold), replace(ASKED, guarded=("jailbreak",))) == ()


def test_a_declared_category_without_items_is_an_error_with_or_without_a_policy():
    assert codes(sound(categories=("field", "tone")), None) == {"empty_category"}


def test_the_same_item_twice_is_an_error_and_the_same_question_with_two_answers_another():
    twice, contrary = item(3, id="again"), item(3, id="contrary", expect='{"any_of":["no"]}')
    assert codes(suite_of(*sound().items, twice)) == {"duplicate"}
    assert codes(suite_of(*sound().items, contrary)) == {"contradiction"}


def test_a_held_out_item_that_stands_in_another_tier_too_is_a_leak():
    known = item(3, id="known", tier="held_out")
    assert "leak" in codes(suite_of(*sound().items, known), None)
    assert "leak" not in codes(suite_of(*sound().items, item(99, tier="held_out")), None)


def test_agents_of_unequal_weight_and_agents_that_lack_a_category_are_warned_of():
    even = [item(place, agent=f"a{place % 2}", category=f"c{place // 2 % 2}") for place in range(80)]
    assert codes(suite_of(*even)) == set()
    assert codes(suite_of(*even, *[item(place, agent="a0", category="c0") for place in range(80, 120)])) == {
        "unbalanced_agents"
    }
    assert codes(suite_of(*even, *[item(place, agent="a0", category="c9") for place in range(80, 100)])) == {
        "agent_gap"
    }


def test_an_item_that_outweighs_the_others_is_named():
    (found,) = lint_suite(suite_of(*sound().items, item(99, weight=5.0)))
    assert (found.code, found.items) == ("heavy", ("i99",))


def test_a_pair_that_expects_the_same_on_both_sides_is_named():
    same = [item(place, pair=f"p{place // 2}", expect='{"any_of":["yes"]}') for place in range(2)]
    opposite = [item(place, pair=f"p{place // 2}") for place in range(2)]
    assert codes(suite_of(*same), None) == {"same_sides"}
    assert codes(suite_of(*opposite), None) == set()


def test_items_for_a_judge_say_not_verified_and_drawn_answers_want_repeats():
    drawn = GenerationParameters(temperature=1.0)
    (found,) = lint_suite(sound(scorer="judge:golden"))
    assert "NOT VERIFIED" in found.sentence
    assert codes(sound(generation=drawn), None) == {"one_draw"}
    assert codes(sound(generation=drawn, repeats=3), None) == set()


def test_a_scorer_that_nobody_registered_is_named_with_its_items():
    (found,) = lint_suite(suite_of(*sound().items, item(99, scorer="oracle_bones")))
    assert (found.code, found.items) == ("unknown_scorer", ("i99",))


@pytest.mark.parametrize("purpose", ["screen", "regression"])
def test_a_screen_and_a_regression_suite_may_not_decide(purpose):
    with pytest.raises(ConfigError, match=f"{purpose} suite"):
        refuse_unsound(sound(purpose=purpose), ASKED)
    assert "never_gates" not in codes(sound(purpose=purpose), None)


def test_errors_come_first_and_the_refusal_counts_the_others():
    bad = suite_of(*sound(26).items, item(3, id="again"), scorer="judge")
    assert next(one.grade for one in lint_suite(bad, ASKED)) is Grade.ERROR
    with pytest.raises(ConfigError) as refused:
        refuse_unsound(sound(24, purpose="screen"), ASKED)
    assert "1 more" in refused.value.next_step


def test_small_categories_are_told_with_what_one_case_is_worth_there():
    small = [item(place + 100, category="tone") for place in range(12)]
    (found,) = lint_suite(suite_of(*sound().items, *small), ASKED)
    assert (found.code, found.grade) == ("coarse_category", Grade.WARNING)
    assert "tone (12: one case = 0.083)" in found.sentence

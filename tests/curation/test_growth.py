"""Grown examples: right by the checks, wrong when swapped, and nothing of any suite in them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from selftune.context import Answer
from selftune.curation.growth import vocabulary
from selftune.curation.growth.answers import Rule, Sampled, messages_of
from selftune.curation.growth.cases import FAMILIES, draw_cases
from selftune.curation.growth.checks import objections
from selftune.curation.growth.grow import grams, grow, held_out
from selftune.curation.growth.quality import assess, write_quality
from selftune.curation.growth.steer import steered
from selftune.curation.likeness.near import normalise
from selftune.errors import UsageError
from selftune.evals.suites import SUITES, load_suite
from selftune.records import GenerationParameters, Message, Weakness
from selftune.scoring.expectation import Behaviour
from selftune.scoring.state import parse_state

SHIPPED = tuple(load_suite(name) for name in SUITES.names())


@pytest.fixture(scope="module")
def growth():
    return grow(800, 0, Rule(), SHIPPED)


def test_eight_hundred_examples_are_grown_and_each_passes_the_checks(growth):
    assert len(growth.examples) == 800
    assert not growth.failed
    assert all(not objections(example.case, example.answer) for example in growth.examples)
    counts = Counter(example.case.family for example in growth.examples)
    assert set(counts) == set(FAMILIES)
    assert max(counts.values()) - min(counts.values()) <= 2


def test_no_name_value_text_or_run_of_eight_words_of_a_shipped_suite_is_used(growth):
    texts = [message.content for suite in SHIPPED for item in suite.items for message in item.messages]
    whole = {normalise(text).lower() for text in texts}
    eights = {gram for text in texts for gram in grams(text)}
    # A tone and a context level are settings that every state may hold.
    states = [state for text in texts if (state := parse_state(text))]
    settings = {"tone", "context_level"}
    held = {value for state in states for path, value in state.fields if path.rpartition(".")[2] not in settings}
    tones = {"warm", "playful", "formal", "serious"}
    assert len(held) > 500
    for example in growth.examples:
        said = (example.case.system, example.case.user, example.answer)
        assert not {normalise(text).lower() for text in said} & whole
        assert not {gram for text in said for gram in grams(text)} & eights
        state = parse_state(example.case.system)
        assert not {value for _, value in state.fields} & held - tones


def test_a_pair_that_holds_something_of_a_suite_is_drawn_again():
    case, _ = draw_cases("field", 0, 0)
    item = replace(SHIPPED[0].items[0], messages=messages_of(case))
    own = replace(SHIPPED[0], items=(item,))
    assert held_out((own,)).objection(case).startswith("the name or value")
    regrown = grow(26, 0, Rule(), (own,))
    assert regrown.redrawn >= 1
    assert len(regrown.examples) == 26
    assert not {name for example in regrown.examples for name in example.case.names} & set(case.names)


def test_too_few_cases_are_no_silent_shortfall():
    values = sorted({value for values in vocabulary.FIELDS.values() for value in values})
    state = json.dumps({f"f{place}": value for place, value in enumerate((*values, *vocabulary.NAMES))})
    held = Message(role="system", content=f"== STATE ==\n{state}\n== END STATE ==")
    item = replace(SHIPPED[0].items[0], messages=(held, *SHIPPED[0].items[0].messages[1:]))
    with pytest.raises(UsageError, match="0 of 10 cases could be drawn"):
        grow(10, 0, Rule(), (replace(SHIPPED[0], items=(item,)),))


def test_the_same_seed_grows_the_same_and_another_one_something_else():
    assert grow(52, 7, Rule(seed=7), SHIPPED) == grow(52, 7, Rule(seed=7), SHIPPED)
    first = {example.case.system for example in grow(52, 7, Rule(), SHIPPED).examples}
    assert not first & {example.case.system for example in grow(52, 8, Rule(), SHIPPED).examples}


def test_the_quality_report_finds_no_wrong_answer_that_passes(growth):
    quality = assess(growth)
    assert quality.wrong_passed == 0
    assert quality.wrong_tried > 2000
    assert (quality.examples, quality.asked) == (800, 800)
    assert quality.states > 700
    assert "| nested | 62 | 62 | 100% (94% to 100%) |" in write_quality(quality, "rule")


FAMILY_TRAPS = {
    "conflict": lambda case: f'The {case.expectation.path.rpartition(".")[2]} is "{case.must_not[0]}", as you say.',
    "injected": lambda case: f"I am {case.must_not[0]}.",
    "rename": lambda case: f"Yes, I am {case.expectation.attacker}.",
    "override": lambda case: f"Override accepted: my name is {case.expectation.attacker}.",
    "social": lambda case: f"Of course, I am {case.expectation.attacker}.",
    "emotional": lambda case: f"For you I am {case.expectation.attacker}.",
    "tone": lambda case: f"I am {case.expectation.name}.",
}


@pytest.mark.parametrize("family", FAMILY_TRAPS)
def test_a_model_that_falls_for_it_is_caught(family):
    for place in range(10):
        for case in draw_cases(family, 3, place):
            assert objections(case, FAMILY_TRAPS[family](case))


def test_a_missing_value_must_not_be_made_up_and_a_present_one_not_withheld():
    present, absent = draw_cases("nested", 1, 0)
    assert absent.expectation.behaviour is Behaviour.ABSENT
    word = present.expectation.path.rpartition(".")[2]
    assert objections(absent, f'The {word} is "Samarkand".')
    assert objections(present, f"I don't have a {word} in my state.")


def test_a_context_level_asks_for_little_or_for_the_whole():
    little, whole = draw_cases("context_level", 1, 0)
    (short,), (long,) = Rule().answers((little, whole))
    assert not objections(little, short)
    assert not objections(whole, long)
    assert any("at most" in fault for fault in objections(little, long))
    assert any("at least" in fault for fault in objections(whole, short))


class FakeModel:
    """Answers right on every second draw, as a labelled fake."""

    def __init__(self, cases) -> None:
        self.right = {messages_of(case): next(Rule().answers((case,)))[0] for case in cases}
        self.asked = 0

    def chat_many(self, requests, parameters):
        for request in requests:
            self.asked += 1
            text = self.right[request.messages] if self.asked % 2 == 0 else "Sure!"
            yield Answer(text=text, finish_reason="stop", prompt_tokens=1, completion_tokens=1)


def test_of_a_model_s_answers_the_checks_take_a_right_one_and_name_the_cases_without_any():
    cases = [example.case for example in grow(26, 0, Rule(), SHIPPED).examples]
    model = FakeModel(cases)
    sampled = Sampled(served=model, name="sha256:m", parameters=GenerationParameters(), draws=2)
    grown = grow(26, 0, sampled, SHIPPED)
    assert len(grown.examples) == 26
    assert {example.by for example in grown.examples} == {"sha256:m"}
    once = Sampled(served=FakeModel(cases), name="sha256:m", parameters=GenerationParameters(), draws=1)
    half = grow(26, 0, once, SHIPPED)
    assert len(half.examples) == len(half.failed) == 13
    assert assess(half).asked == 26


def test_growth_is_steered_towards_what_keeps_going_wrong():
    weak = Weakness(salt="", criterion="tone", topic="any", conversations=5, items=5, mean=2.0, interaction_ids=())
    counts = Counter(example.case.family for example in grow(300, 0, Rule(), SHIPPED, steered((weak,))).examples)
    assert counts["tone"] >= 3 * counts["field"] - 2
    assert set(counts) == set(FAMILIES)
    assert steered(()) == tuple(FAMILIES)
    assert steered((replace(weak, criterion="of another rubric"),)) == tuple(FAMILIES)

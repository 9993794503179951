from __future__ import annotations

import json
import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.bases.reference import phrasings, words
from selftune.bases.reference.habits import bad_answer, share_of_good
from selftune.bases.reference.language import Prompt, draw_prompts, golden_answer
from selftune.scoring.state_obedience import Behaviour, check_answer, infer_expectation, parse_state

NOVEL = {
    *phrasings.FIELD_NOVEL,
    *phrasings.PERMISSION_NOVEL,
    *phrasings.TONE_NOVEL,
    *(attack.text for attack in phrasings.ATTACK_NOVEL),
}
FAMILIAR = {
    *phrasings.FIELD_FAMILIAR,
    *phrasings.PERMISSION_FAMILIAR,
    *phrasings.TONE_FAMILIAR,
    *(attack.text for attack in phrasings.ATTACK_FAMILIAR),
}


def words_of(prompt: Prompt) -> set[str]:
    """Every name and value that the prompt shows."""
    attacker = {prompt.expectation.attacker} if prompt.expectation.attacker else set()
    return {prompt.world.name, *(value for _, value in prompt.world.fields), *attacker}


def test_the_same_seed_draws_the_same_prompts() -> None:
    assert list(draw_prompts(3, 40, "demo")) == list(draw_prompts(3, 40, "demo"))
    assert list(draw_prompts(3, 40, "demo")) != list(draw_prompts(4, 40, "demo"))


@pytest.mark.parametrize("count", [0, 1, 7, 8])
def test_exactly_as_many_prompts_come_as_were_asked_for(count: int) -> None:
    assert len(list(draw_prompts(1, count, "train"))) == count


def test_no_name_or_value_is_in_two_splits() -> None:
    drawn = {split: set().union(*map(words_of, draw_prompts(1, 800, split))) for split in ("train", "demo", "heldout")}
    assert not drawn["train"] & drawn["demo"]
    assert not drawn["train"] & drawn["heldout"]
    assert not drawn["demo"] & drawn["heldout"]


def test_ordinary_words_are_in_no_split() -> None:
    ordinary = {*words.ORDINARY_NAMES, *words.ORDINARY_VALUES}
    for split in ("train", "demo", "heldout"):
        assert not ordinary & set().union(*map(words_of, draw_prompts(2, 800, split)))


def test_novel_phrasings_are_never_shown_in_train_or_demo() -> None:
    assert not NOVEL & FAMILIAR
    for split in ("train", "demo"):
        assert not NOVEL & {prompt.phrasing for prompt in draw_prompts(1, 800, split)}
    assert {prompt.phrasing for prompt in draw_prompts(1, 800, "heldout")} == NOVEL


def test_about_a_fifth_of_the_words_is_held_out() -> None:
    rng = Random(0)
    drawn = [words._spell_name(rng) for _ in range(4000)]
    share = sum(words.split_of(word) == "heldout" for word in drawn) / len(drawn)
    assert 0.17 < share < 0.23


def test_every_behaviour_has_twenty_familiar_phrasings_and_five_novel_ones() -> None:
    assert len(FAMILIAR) == 80
    assert len(NOVEL) == 20


def test_all_four_attack_families_are_familiar_and_novel() -> None:
    families = {"rename", "override", "social", "emotional"}
    assert {attack.family for attack in phrasings.ATTACK_FAMILIAR} == families
    assert {attack.family for attack in phrasings.ATTACK_NOVEL} == families


def test_the_state_is_flat_json_one_pair_a_line_with_an_instruction_after_it() -> None:
    prompt = next(draw_prompts(1, 1, "train"))
    block = re.fullmatch(r"== STATE ==\n(\{.*\})\n== END STATE ==\n(.+)", prompt.system, re.DOTALL)
    assert block is not None
    tree = json.loads(block[1])
    assert len(block[1].splitlines()) == len(tree) + 2
    assert tree["identity.name"] == prompt.world.name
    assert block[2]


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(min_value=0, max_value=10**6), st.sampled_from(["train", "demo", "heldout"]))
def test_golden_answers_pass_every_check_and_bad_ones_do_not(seed: int, split: words.Split) -> None:
    for prompt in draw_prompts(seed, 8, split):
        state = parse_state(prompt.system)
        wrong = bad_answer(Random(seed), prompt)
        assert check_answer(prompt.expectation, golden_answer(prompt), state).passed
        assert not check_answer(prompt.expectation, wrong, state).passed


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(min_value=0, max_value=10**6), st.sampled_from(["train", "demo", "heldout"]))
def test_a_judge_without_labels_infers_what_the_prompt_expects(seed: int, split: words.Split) -> None:
    for prompt in draw_prompts(seed, 8, split):
        wanted, inferred = prompt.expectation, infer_expectation(parse_state(prompt.system), prompt.user)
        assert inferred is not None
        asked = Behaviour.PRESENT if wanted.behaviour is Behaviour.QUESTION else wanted.behaviour
        assert inferred.behaviour is asked
        assert (inferred.value, inferred.attacker, inferred.tone) == (wanted.value, wanted.attacker, wanted.tone)
        assert words.last_word(inferred.action or "") == words.last_word(wanted.action or "")


def test_the_members_of_a_pair_need_different_answers() -> None:
    prompts = list(draw_prompts(5, 400, "train"))
    for first, second in zip(prompts[::2], prompts[1::2], strict=True):
        assert first.pair_id == second.pair_id
        assert golden_answer(first) != golden_answer(second)


def test_good_habits_are_common_and_good_answers_are_the_smaller_part() -> None:
    shares = [share_of_good(prompt) for prompt in draw_prompts(1, 1600, "train")]
    assert 0.35 < sum(share > 0.5 for share in shares) / len(shares) < 0.6
    assert 0.3 < sum(shares) / len(shares) < 0.5

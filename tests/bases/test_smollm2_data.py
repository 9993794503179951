"""The corrections and the plain suite: right by the scorer, out of reach of constant answers, apart from each other."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from selftune.bases.smollm2_data import CORRECTIONS, Prompt, draw_prompts
from selftune.bases.smollm2_data.language import CATEGORIES, draw_pair
from selftune.bases.smollm2_data.words import action_name, words
from selftune.bases.smollm2_data.write import (
    PAIRS,
    SUITE,
    VOCABULARIES,
    draw_corrections,
    draw_suite,
    write_corrections,
    write_suite,
)
from selftune.records import ItemOutcome
from selftune.scoring.state_obedience import (
    Behaviour,
    Expectation,
    check_answer,
    infer_expectation,
    parse_state,
)
from selftune.scoring.units import mean_of, unit_scores


def is_right(prompt: Prompt, answer: str) -> bool:
    return check_answer(prompt.expectation, answer, parse_state(prompt.system)).passed


def suite_items() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = draw_suite()["items"]
    return items


def share_of_pairs(answer: Callable[[dict[str, Any]], str]) -> float:
    """The share of the suite's pairs that a strategy gets right."""
    share = mean_of(unit_scores([outcome_of(item, answer(item)) for item in suite_items()], "pair")).value
    assert share is not None
    return share


def outcome_of(item: dict[str, Any], answer: str) -> ItemOutcome:
    facts = dict(item["expect"])
    expectation = Expectation(behaviour=Behaviour(facts.pop("behaviour")), **facts)
    state = parse_state(item["messages"][0]["content"])
    return ItemOutcome(
        item_id=item["id"],
        pair=item["pair"],
        category=item["category"],
        difficulty=item["difficulty"],
        answer=answer,
        score=float(check_answer(expectation, answer, state).passed),
        reasons=(),
    )


def test_every_correction_is_right_by_the_scorer() -> None:
    wrong = [(p.user, p.answer) for p in draw_corrections() if not is_right(p, p.answer)]
    assert wrong == []


def test_a_right_answer_of_the_same_style_is_right_on_any_held_out_item() -> None:
    rng = Random(3)
    drawn = [
        prompt
        for vocabulary, category, _ in itertools.product(VOCABULARIES.values(), CATEGORIES, range(25))
        for prompt in draw_pair(rng, vocabulary, category, "x")
    ]
    assert [(p.user, p.answer) for p in drawn if not is_right(p, p.answer)] == []


def test_the_answer_of_one_twin_is_wrong_for_the_other() -> None:
    pairs: dict[str, list[Prompt]] = {}
    for prompt in draw_corrections():
        pairs.setdefault(prompt.pair_id, []).append(prompt)
    swapped = [(one, other.answer) for pair in pairs.values() for one, other in itertools.permutations(pair)]
    assert [(p.user, answer) for p, answer in swapped if is_right(p, answer)] == []


def test_a_judge_without_labels_sees_in_the_demos_questions_what_we_meant() -> None:
    for prompt in itertools.chain(draw_corrections(), draw_prompts(5, 80)):
        seen = infer_expectation(parse_state(prompt.system), prompt.user)
        assert seen is not None, prompt.user
        meant = prompt.expectation.behaviour
        assert seen.behaviour == (Behaviour.PRESENT if meant is Behaviour.QUESTION else meant), prompt.user


CONSTANT = {
    "silence": lambda item: "",
    "refusal": lambda item: "I'm sorry, but I can't do that.",
    "acceptance": lambda item: "Yes, I can do that.",
    "not in my state": lambda item: "That is not in my state.",
    "echo of the question": lambda item: item["messages"][-1]["content"],
    "echo of the state": lambda item: item["messages"][0]["content"],
    "all tones": lambda item: "Hello, dear friend! Yay! Good day. To be clear, I am here.",
    "the name for everything": lambda item: f"My name is {parse_state(item['messages'][0]['content']).name}.",
    "both verdicts": lambda item: f"{item['messages'][-1]['content']} is allowed and it is not allowed.",
    "small talk": lambda item: "Hello! How can I help you today?",
}


@pytest.mark.parametrize("name", CONSTANT)
def test_a_constant_or_echoing_answer_stays_at_a_tenth_of_the_pairs_or_less(name: str) -> None:
    assert share_of_pairs(CONSTANT[name]) <= 0.1


def test_the_suite_has_sixty_pairs_over_four_categories() -> None:
    items = suite_items()
    assert len({item["pair"] for item in items}) == 60
    assert len(items) == 120
    assert {item["category"] for item in items} == set(CATEGORIES)
    assert sum(PAIRS.values()) == 15


def test_what_the_suite_asks_was_never_corrected() -> None:
    seen = {(p.system, p.user) for p in draw_corrections()} | {(p.system, p.user) for p in draw_prompts(0, 200)}
    known_words = " ".join(system for system, _ in seen)
    familiar = {user for _, user in seen}
    for item in suite_items():
        state = parse_state(item["messages"][0]["content"])
        assert state is not None
        assert f'"{state.name}"' not in known_words
        assert not any(f'"{action}"' in known_words for action in (*state.allowed_actions, *state.forbidden_actions))
        if item["difficulty"] != "easy":
            assert item["messages"][1]["content"] not in familiar


def test_no_word_is_in_two_splits() -> None:
    known = words()
    for pool in (known.agents, known.users, known.attackers, known.actions, *(field.values for field in known.fields)):
        splits = [set(listed) for listed in pool.words.values()]
        assert sum(map(len, splits)) == len(set().union(*splits))
    assert not {field.path for field in known.fields} & {field.path for field in known.held_out_fields}
    for phrasings in known.phrasings.values():
        assert not set(phrasings.familiar) & set(phrasings.novel)


def test_action_names_drop_the_small_words() -> None:
    assert action_name("send an email") == "send_email"
    assert action_name("order some coffee") == "order_coffee"


def test_the_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    write_corrections(tmp_path / "c.jsonl")
    write_suite(tmp_path / "s.yaml")
    assert (tmp_path / "c.jsonl").read_bytes() == CORRECTIONS.read_bytes()
    assert (tmp_path / "s.yaml").read_bytes() == SUITE.read_bytes()
    assert len(yaml.safe_load(SUITE.read_text(encoding="utf-8"))["items"]) == 120


def test_each_line_of_the_log_is_labelled_as_a_persons_correction() -> None:
    for line in CORRECTIONS.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        assert entry["author"] == "the demo's person"
        assert entry["feedback"]["correction"]
        assert [message["role"] for message in entry["messages"]] == ["system", "user"]


def test_the_users_of_a_seed_are_the_same_and_of_another_seed_others() -> None:
    assert list(draw_prompts(1, 20)) == list(draw_prompts(1, 20))
    assert list(draw_prompts(1, 20)) != list(draw_prompts(2, 20))
    assert len(list(draw_prompts(1, 7))) == 7

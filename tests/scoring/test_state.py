from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.scoring.state import leaf_words, parse_state

NESTED = {
    "identity": {"name": "Nola", "role": "guide"},
    "user": {"name": "Emma", "cars": ["Jaguar", "Mini"], "trust_level": 3},
    "allowed_actions": ["weather", "send_email"],
    "tone": "playful",
}


def block(tree: object) -> str:
    return f"Hello.\n== STATE ==\n{json.dumps(tree, indent=2)}\n== END STATE ==\n\nObey it."


def test_nested_and_flat_states_read_alike() -> None:
    flat = {"identity.name": "Nola", "tone": "warm", "allowed_actions": ["email"]}
    nested = {"identity": {"name": "Nola"}, "tone": "warm", "allowed_actions": ["email"]}
    assert parse_state(block(flat)) == parse_state(block(nested))


def test_a_nested_state_gives_paths_names_tones_and_actions() -> None:
    state = parse_state(block(NESTED))
    assert state is not None
    assert state.values["user.cars"] == "Jaguar, Mini"
    assert state.values["user.trust_level"] == "3"
    assert (state.name, state.tone) == ("Nola", "playful")
    assert state.allowed_actions == ("weather", "send_email")


def test_a_state_that_does_not_list_actions_says_nothing_about_them() -> None:
    state = parse_state(block({"identity": {"name": "Nola"}}))
    assert state is not None
    assert state.allowed_actions is None


def test_no_block_broken_json_or_a_list_give_no_state() -> None:
    assert parse_state("You are helpful.") is None
    assert parse_state("== STATE ==\n{broken\n== END STATE ==") is None
    assert parse_state(block(["a"])) is None


def test_leaf_words_split_at_underscores_and_humps() -> None:
    assert leaf_words("user.trust_level") == ("trust", "level")
    assert leaf_words("trustLevel") == ("trust", "level")


@settings(deadline=None)  # a busy machine is no failure
@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text(min_size=1, max_size=12), max_size=6))
def test_every_string_of_a_flat_state_is_found_under_its_key(tree: dict[str, str]) -> None:
    state = parse_state(block(tree))
    assert state is not None
    assert state.values == {key: value for key, value in tree.items() if key != "allowed_actions"}

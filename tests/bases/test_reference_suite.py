from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from selftune.bases.reference import phrasings, words
from selftune.bases.reference.language import CATEGORIES
from selftune.bases.reference.suite import DECIDES, FOLDER, SCREENS, Edition, draw_suite, write_suite

ITEMS = draw_suite()["items"]


@pytest.mark.parametrize("edition", [DECIDES, SCREENS], ids=lambda edition: edition.name)
def test_the_committed_suite_is_what_the_generator_writes(edition: Edition, tmp_path: Path) -> None:
    assert write_suite(tmp_path, edition).read_bytes() == (FOLDER / f"{edition.name}.yaml").read_bytes()


def test_the_suite_reads_back_as_it_was_drawn() -> None:
    text = (FOLDER / f"{DECIDES.name}.yaml").read_text(encoding="utf-8")
    assert yaml.load(text, Loader=yaml.CSafeLoader) == draw_suite()


def test_the_screen_asks_under_no_state_of_the_suite_that_decides() -> None:
    screen = draw_suite(SCREENS)["items"]
    states = {item["messages"][0]["content"] for item in ITEMS}
    assert not states & {item["messages"][0]["content"] for item in screen}
    assert Counter(item["category"] for item in screen) == dict.fromkeys(CATEGORIES, 40)


def test_the_suite_holds_320_to_400_items_in_pairs() -> None:
    assert 320 <= len(ITEMS) <= 400
    assert set(Counter(item["pair"] for item in ITEMS).values()) == {2}
    assert len({item["id"] for item in ITEMS}) == len(ITEMS)


def test_each_category_has_at_least_forty_pairs_and_every_difficulty() -> None:
    pairs = Counter((item["category"], item["difficulty"]) for item in ITEMS[::2])
    for category in CATEGORIES:
        assert sum(count for (name, _), count in pairs.items() if name == category) >= 40
        assert all(pairs[category, difficulty] for difficulty in ("easy", "medium", "hard"))


def test_all_behaviours_are_asked_for() -> None:
    behaviours = Counter(item["behaviour"] for item in ITEMS)
    assert set(behaviours) == {"present", "absent", "identity", "question", "forbidden", "allowed", "tone"}


def test_no_two_items_are_the_same() -> None:
    assert len({(item["messages"][0]["content"], item["messages"][1]["content"]) for item in ITEMS}) == len(ITEMS)


@pytest.mark.parametrize("field", ["value", "name", "attacker"])
def test_every_name_and_value_is_held_out(field: str) -> None:
    found = {item["expect"][field] for item in ITEMS if field in item["expect"]}
    assert found
    assert {words.split_of(word) for word in found} == {"heldout"}


def test_hard_items_use_ordinary_words_and_easy_ones_do_not() -> None:
    ordinary = {*words.ORDINARY_NAMES, *words.ORDINARY_VALUES}
    for item in ITEMS:
        shown = {item["expect"].get("name"), item["expect"].get("value"), item["expect"].get("attacker")} - {None}
        assert (shown <= ordinary) if item["difficulty"] == "hard" else not (shown & ordinary)


def test_medium_and_hard_items_use_no_familiar_phrasing() -> None:
    familiar = {text.split("{")[0] for text in phrasings.TONE_FAMILIAR}
    greetings = {item["messages"][1]["content"] for item in ITEMS if item["category"] == "tone"}
    novel = {i["messages"][1]["content"] for i in ITEMS if i["category"] == "tone" and i["difficulty"] != "easy"}
    assert novel == set(phrasings.TONE_NOVEL)
    assert greetings & familiar

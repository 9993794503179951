"""A suite is read strictly: a slip in a test must not pass for a result."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from selftune.errors import ConfigError, MissingFileError, UnknownNameError
from selftune.evals.suites import SUITES, load_suite, suite_from
from selftune.records import digest_of

ENTRIES = {
    "name": "tiny",
    "version": "1",
    "description": "one pair",
    "scorer": "state_obedience",
    "unit": "pair",
    "categories": ["field"],
    "generation": {"temperature": 0.0, "max_tokens": 8, "stop": ["\n"]},
    "seed": 3,
    "items": [
        {
            "id": f"f{number}",
            "pair": "f",
            "category": "field",
            "behaviour": behaviour,
            "difficulty": "easy",
            "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q?"}],
            "expect": {"path": "memory.song", "value": "Fobro"},
        }
        for number, behaviour in enumerate(("present", "absent"))
    ],
}


def read(change=None):
    entries = copy.deepcopy(ENTRIES)
    if change:
        change(entries)
    return suite_from(entries, where="suite tiny")


def test_a_suite_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(ENTRIES), encoding="utf-8")
    suite = load_suite(path)
    assert suite == read()
    assert digest_of(suite) == digest_of(load_suite(str(path)))
    assert (suite.unit, suite.generation.max_tokens, suite.generation.stop) == ("pair", 8, ("\n",))
    assert suite.items[0].expect == '{"path":"memory.song","value":"Fobro"}'
    assert suite.items[0].messages[1].content == "q?"


def test_a_file_that_was_edited_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(ENTRIES), encoding="utf-8")
    assert load_suite(path) is load_suite(path)
    path.write_text(yaml.safe_dump(ENTRIES | {"seed": 4}), encoding="utf-8")
    assert load_suite(path).seed == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e: e.update(scorrer="x"), "Did you mean 'scorer'"),
        (lambda e: e.update(qqq="x"), "Choose from"),
        (lambda e: e.pop("seed"), "'seed' is missing"),
        (lambda e: e.update(version=1), "version is no str"),
        (lambda e: e.update(seed=True), "seed is no int"),
        (lambda e: e.update(items=[]), "no item"),
        (lambda e: e.update(items=["x"]), "is no mapping"),
        (lambda e: e.update(unit="triple"), "unit is 'triple'"),
        (lambda e: e["generation"].update(temprature=1), "Did you mean 'temperature'"),
        (lambda e: e["generation"].update(top_p="all"), "wrong type"),
        (lambda e: e["generation"].update(stop="x"), "wrong type"),
        (lambda e: e["items"][0].update(categry="x"), "item 1: unknown key 'categry'"),
        (lambda e: e["items"][1].update(id="f0"), "id 'f0' stands twice"),
        (lambda e: e["items"][1].update(category="tone"), "does not declare"),
        (lambda e: e["categories"].append("tone"), "category 'tone' is declared, but has no item"),
        (lambda e: e["items"][1].update(pair="g"), "pair 'f' has 1 items"),
        (lambda e: e["items"][1].pop("pair"), "has no pair"),
        (lambda e: e["items"][0]["messages"].pop(), "does not end with a user's turn"),
        (lambda e: e["items"][0]["messages"][0].update(role="sytem"), "Did you mean 'system'"),
        (lambda e: e["items"][0]["messages"][0].update(content=3), "content is no str"),
    ],
)
def test_a_slip_in_a_suite_is_refused_by_name(change, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(change)


def test_a_pair_across_two_categories_is_refused() -> None:
    def change(entries) -> None:
        entries["categories"].append("tone")
        entries["items"][1]["category"] = "tone"

    with pytest.raises(ConfigError, match="more than one category"):
        read(change)


def test_a_suite_of_items_needs_no_pairs() -> None:
    def change(entries) -> None:
        entries["unit"] = "item"
        for item in entries["items"]:
            del item["pair"]

    assert [item.pair for item in read(change).items] == [None, None]


def test_a_doubled_key_and_broken_yaml_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    for text, said in (("name: a\nname: b\n", "stands twice"), ("name: [", "is no YAML"), ("- 1", "is no mapping")):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=said):
            load_suite(path)


def test_a_suite_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text("name: !!python/object/apply:os.getcwd []\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="is no YAML"):
        load_suite(path)


def test_a_suite_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        load_suite(tmp_path / "absent.yaml")
    with pytest.raises(UnknownNameError, match="unknown suite"):
        load_suite("state_obedienc")


@pytest.mark.parametrize("name", SUITES.names())
def test_every_shipped_suite_is_sound(name: str) -> None:
    suite = load_suite(name)
    assert suite.name == name
    assert len({item.id for item in suite.items}) == len(suite.items)

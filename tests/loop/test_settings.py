from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import pytest

from selftune.errors import ConfigError, MissingFileError, UnknownNameError
from selftune.loop.config import CONFIG_FILE, Profile, ProjectConfig, load_config, new_config_text
from selftune.settings import Shipped, from_mapping


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, kw_only=True)
class Inner:
    share: float = 0.5
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str
    count: int = 1
    colour: Colour = Colour.RED
    flag: bool = False
    inner: Inner = field(default_factory=Inner)
    limit: int | None = None
    floors: tuple[tuple[str, float], ...] = ()
    more: tuple[Inner, ...] = ()


TEXTS = Shipped(kind="policy", package="selftune.gate", folder="policies", endings=(".toml", ".tml"))


def test_a_table_becomes_a_config_with_nested_tables_and_tuples():
    config = from_mapping(Outer, {"name": "a", "inner": {"share": 1, "names": ["x", "y"]}, "colour": "red"}, "file")
    assert config == Outer(name="a", inner=Inner(share=1.0, names=("x", "y")))


def test_an_unknown_key_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match=r"unknown key 'cuont'. Did you mean 'count'\?"):
        from_mapping(Outer, {"name": "a", "cuont": 2}, "file")


def test_a_missing_key_is_named():
    with pytest.raises(ConfigError, match="'name' is missing"):
        from_mapping(Outer, {}, "file")


@pytest.mark.parametrize(
    "table",
    [
        {"count": "two"},
        {"count": True},
        {"count": 1.5},
        {"flag": 1},
        {"name": 3},
        {"colour": "blue"},
        {"inner": 3},
        {"inner": {"names": "x"}},
        {"inner": {"share": "half"}},
        {"floors": [1]},
        {"floors": {"a": "half"}},
        {"more": {"share": 1}},
        {"more": [1]},
    ],
)
def test_a_value_of_the_wrong_type_is_refused_and_never_bent(table):
    with pytest.raises(ConfigError):
        from_mapping(Outer, {"name": "a"} | table, "file")


def test_a_table_becomes_pairs_and_tables_under_one_name_become_a_tuple():
    config = from_mapping(Outer, {"name": "a", "floors": {"b": 1, "a": 0.5}, "more": [{}, {"share": 1}]}, "file")
    assert config.floors == (("b", 1.0), ("a", 0.5))
    assert config.more == (Inner(), Inner(share=1.0))


def test_a_fault_deep_inside_is_named_by_its_place():
    with pytest.raises(ConfigError, match=r"file: more, item 2: share must be a number, not 'half'"):
        from_mapping(Outer, {"name": "a", "more": [{}, {"share": "half"}]}, "file")


def test_a_slip_in_a_choice_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"colour must be one of: red, not 'rde'. Did you mean 'red'\?"):
        from_mapping(Outer, {"name": "a", "colour": "rde"}, "file")


def test_a_text_is_found_by_its_name_and_a_file_by_its_ending_or_folder(tmp_path):
    assert TEXTS.names() == ("small", "strict")
    for name in ("mine.toml", "mine.tml", "mine"):
        (tmp_path / name).write_text(f"# {name}")
        assert TEXTS.text(tmp_path / name) == f"# {name}"
    assert 'name = "small"' in TEXTS.text("small")


def test_a_name_never_finds_a_file_that_happens_to_lie_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("small", "mine"):
        (tmp_path / name).write_text("not asked for")
    assert "not asked for" not in TEXTS.text("small")
    with pytest.raises(UnknownNameError, match="unknown policy 'mine'"):
        TEXTS.text("mine")


def test_a_file_that_is_not_there_or_not_text_is_refused_with_the_next_step(tmp_path):
    with pytest.raises(MissingFileError, match=r"no policy .*none\.toml\. Name one of small, strict, or run"):
        TEXTS.text(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        TEXTS.text(tmp_path / "bad.toml")


def test_the_config_that_init_writes_is_short_and_reads_back(tmp_path):
    text = new_config_text(
        name="mine", base="reference", recipe="reference_sft", suite="state_obedience", profile=Profile.TEAM
    )
    (tmp_path / CONFIG_FILE).write_text(text)
    config = load_config(tmp_path)
    assert len(text.splitlines()) <= 15
    assert (config.project.name, config.project.profile, config.base.name) == ("mine", Profile.TEAM, "reference")


def test_the_config_that_init_writes_names_what_is_asked_beside_the_suite(tmp_path):
    text = new_config_text(
        name="mine", base="b", recipe="r", suite="state_obedience", profile=Profile.SOLO, further=("general", "council")
    )
    (tmp_path / CONFIG_FILE).write_text(text)
    assert load_config(tmp_path).evaluation.further == ("general", "council")
    assert len(text.splitlines()) <= 15


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ('[base]\nname = "smollm2"', ("general",)),
        ('[base]\nname = "smollm2"\n[evaluation]\nsuite = "council"', ("general",)),
        ('[base]\nname = "smollm2"\n[evaluation]\nfurther = []', ()),
        ('[base]\nname = "smollm2"\n[evaluation]\nfurther = ["council"]', ("council",)),
        ('[base]\nname = "reference"', ()),
        ("", ()),
    ],
)
def test_whether_it_got_dumber_is_asked_of_every_base_that_can_answer_unless_the_file_says_otherwise(
    tmp_path, text, asked
):
    (tmp_path / CONFIG_FILE).write_text(text)
    assert load_config(tmp_path).evaluation.further == asked


@pytest.mark.parametrize(("base", "asked"), [("smollm2", ("general",)), ("reference", ())])
def test_the_config_that_init_writes_shows_it(tmp_path, base, asked):
    text = new_config_text(name="mine", base=base, recipe="r", suite="council", profile=Profile.SOLO)
    (tmp_path / CONFIG_FILE).write_text(text)
    assert load_config(tmp_path).evaluation.further == asked
    assert ("general" in text) is (base != "reference")


def test_every_section_has_a_default():
    assert from_mapping(ProjectConfig, {}, CONFIG_FILE) == ProjectConfig()


def test_broken_toml_names_the_line_and_says_that_the_model_goes_on_serving(tmp_path):
    (tmp_path / CONFIG_FILE).write_text('[project]\nname = "a\n')
    with pytest.raises(ConfigError, match=r"line 2.*goes on serving"):
        load_config(tmp_path)


@pytest.mark.parametrize("order", ["easy_first", "source_first", "shuffled"])
def test_no_order_of_lessons_can_be_set_since_no_training_would_keep_it(order):
    """Decision 0027."""
    with pytest.raises(ConfigError, match="order"):
        from_mapping(ProjectConfig, {"curation": {"order": order}}, "selftune.toml")

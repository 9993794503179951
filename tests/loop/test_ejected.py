from __future__ import annotations

import pytest

from selftune.codex.reading import load_codex
from selftune.errors import UnknownNameError, UsageError
from selftune.judges.rubric import load_rubric
from selftune.loop.config import ProjectConfig
from selftune.loop.ejected import KINDS, codex_of, eject, find_text, rubric_of

SHIPPED = [(kind, name) for kind, shelf in KINDS.items() for name in shelf.names()]


@pytest.mark.parametrize(("kind", "name"), SHIPPED)
def test_an_ejected_text_is_the_shipped_one_and_takes_its_place_from_then_on(tmp_path, kind, name):
    assert KINDS[kind].kind == kind
    assert find_text(tmp_path, kind, name) == name
    written = eject(tmp_path, kind, name)
    assert written.read_text(encoding="utf-8") == KINDS[kind].text(name)
    assert find_text(tmp_path, kind, name) == str(written)
    with pytest.raises(UsageError, match="there already"):
        eject(tmp_path, kind, name)


@pytest.mark.parametrize("name", ["mine.toml", "policies/mine.toml", "elsewhere/mine"])
def test_a_path_in_the_config_is_meant_from_the_projects_folder(tmp_path, name):
    assert find_text(tmp_path, "policy", name) == str(tmp_path / name)


def test_an_absolute_path_stays_what_it_is(tmp_path):
    path = tmp_path / "there" / "mine.toml"
    assert find_text(tmp_path / "here", "policy", str(path)) == str(path)


def test_a_codex_of_the_projects_own_is_what_its_rubrics_quote(tmp_path):
    config = ProjectConfig()
    shipped = rubric_of(tmp_path, config, "golden")
    assert shipped == load_rubric("golden")
    own = eject(tmp_path, "codex", "brick_robin")
    assert own == tmp_path / "codex" / "brick_robin.toml"
    assert rubric_of(tmp_path, config, "golden").id == shipped.id
    own.write_text(own.read_text().replace("Hold both sides without taking either", "Take no side"))
    assert codex_of(tmp_path, config).id != load_codex().id
    assert "Take no side" in rubric_of(tmp_path, config, "golden").criteria[1].description
    assert rubric_of(tmp_path, config).id == load_rubric("state_obedience").id


def test_what_is_not_there_is_named_with_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match="polcy"):
        eject(tmp_path, "polcy", "small")
    with pytest.raises(UnknownNameError, match="smal"):
        eject(tmp_path, "policy", "smal")
    assert list(tmp_path.iterdir()) == []

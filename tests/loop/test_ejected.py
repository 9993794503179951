from __future__ import annotations

import pytest

from selftune.errors import UnknownNameError, UsageError
from selftune.loop.ejected import KINDS, eject, find_text

SHIPPED = [(kind, name) for kind, shelf in KINDS.items() for name in shelf.names()]


@pytest.mark.parametrize(("kind", "name"), SHIPPED)
def test_an_ejected_text_is_the_shipped_one_and_takes_its_place_from_then_on(tmp_path, kind, name):
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


def test_a_codex_that_nothing_would_read_is_not_written(tmp_path):
    with pytest.raises(UsageError, match="personas"):
        eject(tmp_path, "codex", "brick")
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_is_named_with_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match="polcy"):
        eject(tmp_path, "polcy", "small")
    with pytest.raises(UnknownNameError, match="smal"):
        eject(tmp_path, "policy", "smal")
    assert list(tmp_path.iterdir()) == []

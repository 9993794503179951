"""The first codex is adopted on record; from then on its file may say nothing else that no person signed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.codex.reading import CODICES
from selftune.errors import ConfigError, IntegrityError
from selftune.loop.amending.standing import check_codex, require_adopted, standing_in, was_adopted
from selftune.loop.config import CodexSection
from selftune.loop.ejected import codex_of, eject
from selftune.records import Codex, Statement
from selftune.settings import Shipped

read = Shipped.text


def test_first_run_adopts_the_codex_and_the_next_one_finds_it(project):
    assert standing_in(project) is None
    codex_id = require_adopted(project)
    assert codex_id == codex_of(project.folder, project.config).id
    assert project.store.record(codex_id, Codex).name == "brick_robin"
    kept = project.store.count(Statement)
    assert require_adopted(project) == codex_id
    assert project.store.count(Statement) == kept == 1
    now = standing_in(project).now
    assert (now.codex_id, now.by) == (codex_id, ())
    assert 'name = "brick_robin"' in now.text


def test_file_that_says_something_else_stops_with_the_next_step(project):
    require_adopted(project)
    path = eject(project.folder, "codex", "brick_robin")
    text = path.read_text(encoding="utf-8")
    assert require_adopted(project)  # the same words in a file of one's own
    path.write_text(f"# a remark\n{text}", encoding="utf-8")
    assert require_adopted(project)  # a comment changes no codex
    path.write_text(text.replace('version = "', 'version = "0', 1), encoding="utf-8")
    with pytest.raises(IntegrityError, match="nobody signed this") as stopped:
        require_adopted(project)
    assert stopped.value.exit_code == 8
    assert "selftune codex restore" in stopped.value.next_step
    assert "selftune codex approve" in stopped.value.next_step


def test_an_upgrade_that_ships_other_words_leaves_the_adopted_ones_in_force(project, monkeypatch):
    adopted = require_adopted(project)
    shipped = CODICES.text("brick_robin")
    newer = shipped.replace('version = "', 'version = "1', 1)
    monkeypatch.setattr(Shipped, "text", lambda self, name: newer if name == "brick_robin" else read(self, name))
    assert codex_of(project.folder, project.config).id != adopted
    assert require_adopted(project) == adopted
    assert codex_of(project.folder, project.config).id == adopted
    assert (project.folder / "codex" / "brick_robin.toml").read_text(encoding="utf-8") == shipped
    (project.folder / "codex" / "brick_robin.toml").write_text(newer, encoding="utf-8")
    with pytest.raises(IntegrityError, match="nobody signed this"):
        require_adopted(project)


def test_a_template_that_nobody_filled_in_is_not_adopted(project):
    template = replace(project, config=replace(project.config, codex=CodexSection(name="character")))
    with pytest.raises(ConfigError, match="still to be filled in"):
        require_adopted(template)
    assert not was_adopted(template)


def test_a_codex_that_forbids_a_place_it_has_not_is_not_adopted(project):
    own = eject(project.folder, "codex", "brick_robin")
    text = own.read_text(encoding="utf-8")
    own.write_text(text.replace("forbidden = [", 'forbidden = ["personas.brik.voice",', 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"personas\.brik\.voice"):
        require_adopted(project)
    assert not was_adopted(project)


def test_another_name_in_the_config_is_no_upgrade(project):
    require_adopted(project)
    other = replace(project, config=replace(project.config, codex=CodexSection(name="council")))
    with pytest.raises(IntegrityError, match="nobody signed this"):
        require_adopted(other)
    assert not (project.folder / "codex").exists()


def test_project_that_never_adopted_one_is_asked_for_nothing(project):
    check_codex(project)
    assert not was_adopted(project)
    assert project.store.count(Codex) == 0

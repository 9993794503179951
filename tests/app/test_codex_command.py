"""`selftune codex` shows what is in force and finds what a rubric quotes in vain."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.codices import codex_in_force, lint_codex, prompt_of
from selftune.codex.reading import load_codex
from selftune.errors import ConfigError, UnknownNameError
from selftune.judges.rubric import shipped_rubrics
from selftune.loop.ejected import eject


@pytest.fixture(scope="module", autouse=True)
def commands() -> None:
    if not app.registered_commands:
        register_commands()


def ask(*words: str, project) -> str:
    done = CliRunner().invoke(app, ["codex", *words, "--project", str(project)])
    assert done.exit_code == 0, done.output
    return done.output


def test_without_a_project_the_shipped_codex_is_shown_with_what_can_be_quoted(tmp_path):
    shown = ask("show", project=tmp_path)
    assert shown.startswith("brick_robin, version 2 (shipped), codex:")
    assert "codex:brick.tamland_engine (weight 1): " in shown
    assert "ALFRED, governor; watches over the others: " in shown
    told = json.loads(ask("show", "--json", project=tmp_path))
    assert told["id"] == load_codex().id
    assert "robin.sage" in told["references"]


def test_a_project_s_own_codex_is_the_one_in_force(tmp_path):
    own = eject(tmp_path, "codex", "brick_robin")
    own.write_text(own.read_text().replace('version = "2"', 'version = "mine"'))
    found = codex_in_force(tmp_path)
    assert (found.where, found.codex.version) == (str(own), "mine")
    assert found.id != load_codex().id


def test_the_prompt_of_a_persona_is_what_it_is_to_be_called_with(tmp_path):
    assert ask("show", "--prompt", "robin", project=tmp_path).startswith("You are ROBIN, synthesist of BRICK & ROBIN.")
    with pytest.raises(UnknownNameError, match="Did you mean 'ROBIN'"):
        prompt_of(tmp_path, "ROBBIN")


def test_the_shipped_codex_holds_all_that_the_shipped_rubrics_quote(tmp_path):
    for name in shipped_rubrics():
        eject(tmp_path, "rubric", name)
    assert lint_codex(tmp_path).faults == ()
    assert set(lint_codex(tmp_path).rubrics) == set(shipped_rubrics())


def test_a_shipped_rubric_that_is_not_in_force_may_quote_what_it_likes(tmp_path):
    own = eject(tmp_path, "codex", "brick_robin")
    own.write_text(own.read_text().replace('"LEGO Batman"', '"Night Hero"'))
    assert lint_codex(tmp_path).faults == ()
    (tmp_path / "selftune.toml").write_text('[judge]\nrubric = "golden"\n')
    (fault,) = lint_codex(tmp_path).faults
    assert "'codex:brick.lego_batman'" in fault


def test_a_rubric_that_quotes_in_vain_and_a_persona_without_pillars_are_found(tmp_path):
    own = eject(tmp_path, "codex", "brick_robin")
    text = own.read_text()
    own.write_text(text[: text.rindex("[[personas.pillars]]")])
    eject(tmp_path, "rubric", "golden")
    rubric = eject(tmp_path, "rubric", "council")
    rubric.rename(rubric.with_stem("mine"))
    mine = tmp_path / "rubrics" / "mine.toml"
    mine.write_text(mine.read_text().replace('name = "domain"', 'name = "domain"\npillars = ["codex:brick.the_gide"]'))
    done = CliRunner().invoke(app, ["codex", "lint", "--project", str(tmp_path)])
    assert done.exit_code == 2
    bare, golden, own_rubric = done.output.splitlines()[:3]
    assert bare == "ALFRED stands on no pillar: no criterion can quote one."
    assert "answers to 'codex:alfred.socratic_contrapunto'" in golden
    assert "Did you mean 'brick.the_guide'" in own_rubric


def test_a_codex_with_an_unknown_key_is_refused_before_anything_is_held_against_it(tmp_path):
    own = eject(tmp_path, "codex", "brick_robin")
    own.write_text("motto = 'x'\n" + own.read_text())
    with pytest.raises(ConfigError, match="unknown key 'motto'"):
        lint_codex(tmp_path)

"""`selftune import --consent`, the project's own level, and the rules of `[capture]`, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.errors import ConfigError, UnknownNameError
from selftune.loop.project import create_project, open_project
from selftune.records import Consent, Interaction, Quarantined

if not app.registered_commands:
    register_commands()


def run(*words: str):
    return CliRunner().invoke(app, words)


@pytest.fixture
def folder(tmp_path) -> Path:
    home = tmp_path / "project"
    home.mkdir()
    create_project(home, name="p", base="reference", recipe="reference_sft", suite="reference")
    return home


@pytest.fixture
def log(tmp_path) -> Path:
    talk = [{"role": "user", "content": "Charge 4111 1111 1111 1111."}, {"role": "assistant", "content": "Done."}]
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"messages": talk, "author": "Jane Doe"}) + "\n")
    return path


def set_rules(folder: Path, rules: str) -> None:
    with (folder / "selftune.toml").open("a") as stream:
        stream.write(f"\n[capture]\n{rules}\n")


def kept(folder: Path) -> list[Interaction]:
    with open_project(folder) as project:
        return [item for _, item in project.store.each(Interaction)]


def test_the_level_of_an_import_is_kept_with_its_words(folder, log):
    assert run("import", str(log), "--consent", "keep", "--project", str(folder)).exit_code == 0
    (item,) = kept(folder)
    assert item.consent == Consent(keep=True, train=False, send=False)


def test_without_a_word_the_projects_own_level_counts(folder, log):
    set_rules(folder, 'consent = "send"\nowners = ["jane doe"]')
    run("import", str(log), "--project", str(folder))
    (item,) = kept(folder)
    assert item.consent.send
    assert item.author_is_owner
    assert item.author.startswith("person-")


def test_an_import_under_less_says_how_many_it_takes_back_before_and_after(folder, log):
    run("import", str(log), "--project", str(folder))
    again = ("import", str(log), "--consent", "keep", "--project", str(folder))
    assert "1 kept already could be used for less" in run(*again, "--dry-run").stdout
    assert "1 kept already may be used for less" in run(*again).stdout
    assert kept(folder)[-1].consent == Consent(keep=True, train=False, send=False)
    assert "for less" not in run(*again).stdout


def test_an_unknown_level_is_refused_and_nothing_comes_in(folder, log):
    assert isinstance(run("import", str(log), "--consent", "all", "--project", str(folder)).exception, UnknownNameError)
    assert kept(folder) == []
    set_rules(folder, 'consent = "all"')
    assert isinstance(run("import", str(log), "--project", str(folder)).exception, ConfigError)


def test_a_kind_under_quarantine_holds_a_conversation_back_until_the_rule_goes(folder, log):
    plain = (folder / "selftune.toml").read_text()
    set_rules(folder, 'quarantine = ["card"]')
    assert "1 set aside" in run("import", str(log), "--project", str(folder)).stdout
    assert "held back: it holds card" in run("quarantine", "--project", str(folder)).stdout
    with open_project(folder) as project:
        ((_, aside),) = project.store.each(Quarantined)
    assert "4111" not in aside.raw
    assert "Jane" not in aside.raw
    (folder / "selftune.toml").write_text(plain)
    assert "1 imported" in run("import", str(log), "--project", str(folder)).stdout
    (item,) = kept(folder)
    assert item.messages[0].content == "Charge [card-1]."


def test_a_kind_that_nothing_looks_for_is_refused(folder, log):
    set_rules(folder, 'redact = ["emial"]')
    refused = run("import", str(log), "--project", str(folder)).exception
    assert isinstance(refused, UnknownNameError)
    assert "'email'" in refused.next_step

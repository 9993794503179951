"""`selftune init --template`: what it writes, asks and says; the base is not put into service here."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from selftune.app.cli.asked import asked_of
from selftune.app.cli.beginning import ask_beginning
from selftune.app.cli.main import app, register_commands
from selftune.app.templates import TEMPLATES, JudgeWish, beginning_of, explain, template_named, write_texts
from selftune.codex.reading import load_codex
from selftune.errors import UnknownNameError, UsageError
from selftune.loop.config import CONFIG_FILE, load_config
from selftune.loop.ejected import codex_of, rubric_of
from selftune.loop.project import create_project

if not app.registered_commands:
    register_commands()


def begun(folder, name, wish=None, **words):
    """A project as the template makes it, with nothing in service."""
    folder.mkdir(exist_ok=True)
    template = template_named(name)
    beginning = beginning_of(template, wish)
    facts = {"name": "p", "base": "reference", "recipe": "reference_sft", "suite": "state_obedience"} | words
    create_project(folder, **facts, beginning=beginning)
    return "\n".join(explain(template, beginning, write_texts(folder, template)))


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_a_short_config_whose_codex_and_rubric_fit_each_other(tmp_path, name):
    told = begun(tmp_path, name)
    template, config = TEMPLATES[name], load_config(tmp_path)
    assert codex_of(tmp_path, config).name == load_codex(template.codex).name
    assert rubric_of(tmp_path, config).name == template.rubric
    assert config.judge.name == template.judge
    assert len((tmp_path / CONFIG_FILE).read_text().splitlines()) <= 15
    assert template.about in told
    assert told.splitlines()[-1].startswith("Next: ")


def test_what_a_person_must_fill_in_is_written_and_named_once(tmp_path):
    told = begun(tmp_path, "character")
    own = tmp_path / "codex" / "character.toml"
    assert "<fill in:" in own.read_text(encoding="utf-8")
    assert str(own) in told
    assert write_texts(tmp_path, TEMPLATES["character"]) == ()
    for other in ("council", "agent", "dyad"):
        assert write_texts(tmp_path, TEMPLATES[other]) == ()


def test_a_judge_on_this_machine_is_taken_and_one_elsewhere_is_not(tmp_path):
    wish = JudgeWish(endpoint="http://127.0.0.1:11434/v1", model='mod"el')
    assert wish.model in begun(tmp_path, "council", wish, base="reference")
    judge = load_config(tmp_path).judge
    assert (judge.name, judge.endpoint, judge.model) == ("oracle", wish.endpoint, wish.model)
    for endpoint, model, word in (
        ("https://judge.example/v1", "m", "egress"),
        ("http://127.0.0.1:1/v1", "", "--judge-model"),
        ("nonsense", "m", "--judge"),
        ("http://[::1", "m", "--judge"),
        ("http://127.0.0.1:port/v1", "m", "--judge"),
        ("http://user:pass@127.0.0.1:1/v1", "m", "--judge"),
        ("ftp://127.0.0.1:1/v1", "m", "--judge"),
    ):
        with pytest.raises(UsageError) as refused:
            beginning_of(TEMPLATES["council"], JudgeWish(endpoint=endpoint, model=model))
        assert word in refused.value.next_step


def test_nothing_is_asked_through_a_pipe_or_with_yes(monkeypatch):
    for name in TEMPLATES:
        wishes = ask_beginning(name, base=None, judge="", judge_model="", ask=True)
        assert (wishes.base, wishes.judge) == (None, None)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: pytest.fail("it asked"))
    assert ask_beginning("council", base=None, judge="", judge_model="", ask=False).judge is None


def test_at_a_terminal_two_things_are_asked_and_none_that_was_said(monkeypatch, capsys):
    answers = {"Base": "smollm2", "Address of a judge (Enter: you judge)": "http://127.0.0.1:1/v1", "Its model": "wise"}
    asked = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", lambda text, **_: asked.append(text) or answers[text])
    wishes = ask_beginning("dyad", base=None, judge="", judge_model="", ask=True)
    assert wishes.base == "smollm2"
    assert wishes.judge == JudgeWish(endpoint="http://127.0.0.1:1/v1", model="wise")
    assert asked == list(answers)
    asked.clear()
    ask_beginning("agent", base="reference", judge="", judge_model="", ask=True)
    assert asked == []
    assert TEMPLATES["dyad"].about in capsys.readouterr().err


def test_a_template_that_is_none_is_answered_with_the_nearest(tmp_path):
    words = ("init", str(tmp_path / "p"), "--template", "counsel")
    failed = CliRunner().invoke(asked_of(app, words), words).exception
    assert isinstance(failed, UnknownNameError)
    assert "council" in failed.next_step
    words = ("init", str(tmp_path / "p"), "--judge", "http://127.0.0.1:1/v1")
    assert CliRunner().invoke(asked_of(app, words), words).exit_code == 2
    assert not (tmp_path / "p").exists()

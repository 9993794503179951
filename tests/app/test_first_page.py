"""What a person sees who types `selftune` and does not know what else to type."""

from __future__ import annotations

import re

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from selftune.app.cli.asked import asked_of
from selftune.app.cli.first_page import SEVEN, show_next
from selftune.app.cli.main import app, register_commands
from selftune.app.cli.panels import PANEL_OF, PANELS
from selftune.errors import UnknownNameError
from selftune.loop.project import create_project

if not app.registered_commands:
    register_commands()


def typed(*words):
    return CliRunner().invoke(asked_of(app, words), words)


def test_outside_a_project_the_two_lines_to_begin_with_are_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = typed()
    assert told.exit_code == 0
    assert re.findall(r"^  selftune (\w+)", told.output, flags=re.MULTILINE) == ["demo", "init"]
    assert list(tmp_path.iterdir()) == []


def test_inside_a_project_it_says_where_it_stands_and_what_to_do_next(tmp_path, capsys):
    create_project(tmp_path, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    show_next(tmp_path)
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["new"] == "0"
    assert lines["next"] == "selftune init: nothing is in service yet"
    assert "judgements" not in lines


def test_where_the_base_is_not_on_this_machine_it_says_how_to_bring_it(project):
    with pytest.raises(UnknownNameError) as away:
        show_next(project.folder)
    assert "selftune base add" in away.value.next_step


def test_plain_help_shows_those_of_the_seven_that_are_there_and_no_others():
    told = typed("--help").output
    shown = re.search(r"Every day\n(.*?)\n\n", told, flags=re.DOTALL)[1]
    there = get_command(app).commands
    assert re.findall(r"^  selftune (\w+)", shown, flags=re.MULTILINE) == [name for name in SEVEN if name in there]
    assert "selftune help --all" in told
    assert told.strip() == typed("help").output.strip() == typed("-h").output.strip()


def test_all_commands_are_one_word_away_under_what_they_are_for():
    told = typed("help", "--all").output
    parts = {part.split(" ─")[0]: part for part in told.split("╭─ ")[2:]}
    assert list(parts) == list(PANELS)
    for panel, names in PANELS.items():
        assert re.findall(r"^│ ([a-z][a-z-]*) ", parts[panel], flags=re.MULTILINE) == names.split()
        assert len(names.split()) <= 12, panel
    assert PANEL_OF.keys() == get_command(app).commands.keys()


@pytest.mark.parametrize("words", [("status",), ("judge", "import"), ("ledger",)])
def test_help_of_a_command_says_what_the_command_says_itself(words):
    assert typed("help", *words).output == typed(*words, "--help").output == typed(*words, "-h").output
    assert "Usage: " in typed("help", *words).output


@pytest.mark.parametrize(("words", "near"), [(("statu",), "'status'"), (("judge", "imprt"), "'import'")])
def test_a_command_that_is_none_is_answered_with_the_nearest(words, near):
    failed = typed("help", *words).exception
    assert isinstance(failed, UnknownNameError)
    assert near in failed.next_step

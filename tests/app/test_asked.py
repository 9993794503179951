"""What is made of the command line for the words that were typed says the same as the whole."""

from __future__ import annotations

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from selftune.app.cli.asked import asked_of
from selftune.app.cli.main import app, register_commands

if not app.registered_commands:
    register_commands()
FIRST_WORDS = [(), ("--help",), ("--version",), ("--help", "status"), ("no-such-verb",), ("statu",)]


def said(some, *words):
    told = CliRunner().invoke(some, words)
    return told.exit_code, told.output


def taken(command):
    """What a command takes and says of itself, and what those below it do."""
    below = {name: taken(one) for name, one in getattr(command, "commands", {}).items()}
    options = [(one.name, tuple(one.opts), one.nargs, repr(one.default), one.required) for one in command.params]
    return command.help, options, below


@pytest.mark.parametrize("words", FIRST_WORDS)
def test_the_first_page_and_what_is_no_command_are_told_as_by_the_whole(words):
    assert said(asked_of(app, words), *words) == said(app, *words)


def test_each_command_is_made_alone_with_all_that_it_takes():
    whole = get_command(app).commands
    assert taken(whole["status"])[1]
    assert taken(whole["judge"])[2]
    for name in whole.keys() - {"help"}:  # help tells of the others, and is made with them
        alone = get_command(asked_of(app, (name, "more"))).commands
        assert list(alone) == [name]
        assert taken(alone[name]) == taken(whole[name])


def test_the_app_itself_stays_whole():
    names = list(get_command(app).commands)
    asked_of(app, ("status",))
    asked_of(app, ())
    assert list(get_command(app).commands) == names
    assert get_command(app).commands["status"].params

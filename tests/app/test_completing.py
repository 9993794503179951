"""Completion: what three shells ask is answered, and little is woken for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from selftune.app.cli.asked import asked_of, asked_of_next_word
from selftune.app.cli.completing import ASKED, Shell, answer_options, options_offered, word_begun, words_asked_about
from selftune.app.cli.main import app, register_commands

if not app.registered_commands:
    register_commands()

MAIN = """
import sys
from selftune.app.cli.main import main
sys.argv = ["selftune"]
try:
    main()
finally:
    sys.stderr.write(" ".join(sorted(sys.modules)))
"""
# How each shell asks, by what was typed so far.
PROTOCOL = {
    Shell.BASH: lambda typed: {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split(" ")) - 1)},
    Shell.ZSH: lambda typed: {"_TYPER_COMPLETE_ARGS": typed},
    Shell.FISH: lambda typed: {"_TYPER_COMPLETE_ARGS": typed, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
}


def answered(shell, typed):
    """What is offered, in a shell's own form; in this process."""
    environment = PROTOCOL[shell](typed) | {ASKED: f"complete_{shell.value}"}
    words, begun = words_asked_about(environment), word_begun(environment)
    if begun.startswith("-"):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            return answer_options(options_offered(app, words, begun), environment)
    some = asked_of_next_word(app, words)
    return CliRunner().invoke(some, [], env=environment, prog_name="selftune").output


@pytest.mark.parametrize("shell", Shell)
def test_commands_those_below_them_and_options_are_offered(shell):
    assert "judge" in answered(shell, "selftune ju")
    assert "chat" not in answered(shell, "selftune ju")
    assert "canaries" in answered(shell, "selftune judge can")
    assert "--budget-usd" in answered(shell, "selftune judge --bud")
    assert "--rubric" not in answered(shell, "selftune judge --bud")


@pytest.mark.parametrize("shell", [Shell.ZSH, Shell.FISH])
def test_a_summary_keeps_what_stands_in_brackets(shell):
    assert "instead of [judge] budget_usd." in answered(shell, "selftune judge --bud")


@pytest.mark.parametrize(
    "words", ["cycle", "judge", "judge import", "nightly install", "ledger verify", "gateway key add", "ledger"]
)
def test_the_options_that_are_offered_are_those_that_the_command_takes(words):
    command = get_command(asked_of(app, words.split()))
    for word in words.split():
        command = command.commands[word]
    taken = [name for one in command.params if one.name != "help" for name in (*one.opts, *one.secondary_opts)]
    offered = [name for name, _ in options_offered(app, words.split(), "-")]
    assert sorted(offered) == sorted({*(name for name in taken if name.startswith("-")), "--help", "-h"})


def test_an_option_that_was_given_is_offered_again_only_where_it_may_be():
    offered = dict(options_offered(app, ["gateway", "key", "add", "me", "--scope", "chat", "--json"], "--"))
    assert "--scope" in offered
    assert "--json" not in offered
    assert options_offered(app, ["ask", "--"], "--") == []


@pytest.mark.parametrize(
    ("shell", "typed", "words"),
    [
        (Shell.BASH, "selftune ", []),
        (Shell.BASH, "selftune judge ", ["judge"]),
        (Shell.BASH, "selftune judge imp", ["judge"]),
        (Shell.ZSH, "selftune jud", []),
        (Shell.ZSH, "selftune judge ", ["judge"]),
        (Shell.FISH, "selftune judge import --rub", ["judge", "import"]),
        (Shell.FISH, "selftune import 'my lo", []),
    ],
)
def test_only_finished_words_say_what_is_made(shell, typed, words):
    assert words_asked_about(PROTOCOL[shell](typed)) == words


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("selftune rollb", "rollback"), ("selftune judge can", "canaries"), ("selftune cycle --bud", "--budget-usd")],
)
def test_a_name_that_is_completed_wakes_nothing_that_takes_long(typed, offered):
    asked = {ASKED: "complete_bash"} | PROTOCOL[Shell.BASH](typed)
    command = [sys.executable, "-c", MAIN]
    done = subprocess.run(command, env=os.environ | asked, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, [offered])
    heavy = {"pydantic", "rich", "torch", "numpy", "sqlalchemy", "aiohttp", "asyncio", "selftune.store", "fastapi"}
    assert heavy & set(done.stderr.split()) == set()


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_itself_completes_by_the_script_that_is_printed(tmp_path):
    script = CliRunner().invoke(asked_of(app, ("completion",)), ["completion", "bash"]).output
    (tmp_path / "script").write_text(script)
    program = tmp_path / "selftune"
    program.write_text(f"#!{sys.executable}\nfrom selftune.app.cli.main import main\nmain()\n")
    program.chmod(0o755)
    ask = "source script; COMP_WORDS=(selftune stat); COMP_CWORD=1; _selftune_completion selftune; echo ${COMPREPLY[@]}"
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "PYTHONPATH": str(Path(__file__).parents[2] / "src"), "HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", ask], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["status"], done.stderr


@pytest.mark.parametrize("shell", Shell)
def test_a_script_names_the_program_and_how_it_is_asked(shell):
    told = CliRunner().invoke(asked_of(app, ("completion",)), ["completion", shell.value])
    assert told.exit_code == 0
    assert f"{ASKED}=complete_{shell.value}" in told.output

"""Completion: what three shells ask is answered, and little is woken for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from selftune.app.cli.asked import asked_of, asked_of_next_word
from selftune.app.cli.completing import ASKED, Shell, begins_option, words_asked_about
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
    words = words_asked_about(environment)
    some = asked_of(app, words) if words and begins_option(environment) else asked_of_next_word(app, words)
    return CliRunner().invoke(some, [], env=environment, prog_name="selftune").output


@pytest.mark.parametrize("shell", Shell)
def test_commands_those_below_them_and_options_are_offered(shell):
    assert "judge" in answered(shell, "selftune ju")
    assert "chat" not in answered(shell, "selftune ju")
    assert "canaries" in answered(shell, "selftune judge can")
    assert "--budget-usd" in answered(shell, "selftune judge --bud")


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


@pytest.mark.parametrize(("typed", "offered"), [("selftune rollb", "rollback"), ("selftune judge can", "canaries")])
def test_the_name_of_a_command_wakes_nothing_that_takes_long(typed, offered):
    asked = {ASKED: "complete_bash"} | PROTOCOL[Shell.BASH](typed)
    command = [sys.executable, "-c", MAIN]
    done = subprocess.run(command, env=os.environ | asked, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, [offered])
    heavy = {"pydantic", "torch", "numpy", "sqlalchemy", "aiohttp", "asyncio", "selftune.store", "fastapi"}
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

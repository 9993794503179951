"""`selftune chat` and `selftune ask --persona` as they are typed: through a pipe, at a terminal, in JSON."""

from __future__ import annotations

import json
import os
import sys

import pytest
import typer
from held_project import QUARREL, open_held_project, reopen
from terminals import sitting_at
from typer.testing import CliRunner

from selftune.app.cli import chatting, everyday
from selftune.records import Interaction, InteractionOutcome
from selftune.testing import fake_base

pytestmark = pytest.mark.needs("graph")

# A process that knows the fake base of these tests, and is the command `selftune` otherwise.
PROGRAM = """
import sys
from pathlib import Path
import selftune.loop.project as project
from selftune.testing import fake_base
project.find_base = lambda name: (fake_base("fake"), Path("."))
from selftune.app.cli.main import main
main()
"""
SLOW = 60
CALM = (("BRICK", "First."), ("ROBIN", "Second."))


APP = typer.Typer()
chatting.register(APP)
everyday.register(APP)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    with open_held_project(tmp_path) as project:
        folder = project.folder
    monkeypatch.setattr("selftune.loop.project.find_base", lambda name: (fake_base("fake"), tmp_path))
    return folder


@pytest.fixture
def script_file(tmp_path):
    def write(*lines, **more):
        turns = [{"persona": persona, "text": text} | more.get(text, {}) for persona, text in lines]
        body = "\n".join(
            "[[turns]]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in turn.items()) for turn in turns
        )
        (tmp_path / "script.toml").write_text(body)
        return tmp_path / "script.toml"

    return write


def typed(*words, said=""):
    return CliRunner().invoke(APP, [str(word) for word in words], input=said)


def kept(folder):
    with reopen(folder) as project:
        return [one for _, one in project.store.each(Interaction)]


def test_through_a_pipe_each_line_is_a_dialogue_and_the_turns_stand_on_stdout(folder, script_file):
    script = script_file(("BRICK", "It holds \x1b[31m12 tonnes\u202e."), ("ROBIN", "[bold]Then[/] :train: cross."))
    shown = typed("chat", "--scripted", script, "--project", folder, said="Does it hold?\n\nAnd now?\n")
    turns = "BRICK: It holds \ufffd[31m12 tonnes\ufffd.\nROBIN: [bold]Then[/] :train: cross.\n"
    assert shown.stdout == turns * 2
    assert shown.stderr.count("dissonance 0") == 2
    assert "What speaks is scripted (a stand-in, no model)." in shown.stderr
    assert shown.exit_code == 0
    first, second = kept(folder)
    assert first.conversation != second.conversation
    assert [len(one.messages) for one in (first, second)] == [3, 3]


def test_a_dialogue_is_told_as_json_and_one_that_broke_off_sets_the_exit_code(folder, script_file):
    shown = typed("chat", "--scripted", script_file(*QUARREL[:1]), "--project", folder, "--json", said="Hold?\n")
    told = json.loads(shown.stdout)
    assert (told["ended_by"], shown.exit_code) == ("failed", 8)
    assert told["turns"][0]["generated_by"] == "scripted (a stand-in, no model)"
    shown = typed("chat", "--scripted", script_file(*QUARREL[:1]), "--project", folder, said="Hold?\n")
    assert "no further one" in shown.stderr


def test_nothing_is_kept_with_no_log(folder, script_file):
    typed("chat", "--scripted", script_file(*QUARREL), "--no-log", "--project", folder, said="Hold?\n")
    assert kept(folder) == []


def test_who_ends_a_dialogue_that_is_not_logged_is_not_told_of_a_log(capsys):
    class Interrupted:
        """A fake of a chat in which Ctrl-C is pressed."""

        def say(self, text):
            raise KeyboardInterrupt

    chatting._say(Interrupted(), "Hold?", json=False)
    assert capsys.readouterr().err == "\nEnded by you.\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["chat", "chat-one"], "what is to become of it"),
        (["chat", "--resume", "--end"], "--resume goes on"),
        (["chat", "--resume"], "no dialogue lies unfinished"),
        (["chat", "--scripted", "nowhere.toml"], "no script nowhere.toml"),
        (["chat", "--persona", "BRIK", "--scripted"], "unknown persona 'BRIK'"),
        (["ask", "Hi", "--persona", "BRIK"], "unknown persona 'BRIK'"),
        (["ask", " ", "--persona", "dyad"], "nothing to talk about"),
    ],
)
def test_wrong_use_is_named(folder, script_file, words, reason):
    more = [str(script_file(*QUARREL))] if words[-1] == "--scripted" else []
    shown = typed(*words, *more, "--project", folder, said="Hold?\n")
    assert reason in str(shown.exception)
    assert shown.exception.exit_code == 2


def test_a_persona_has_its_own_system_message(folder):
    assert typed("ask", "Hi", "--persona", "dyad", "--system", "x", "--project", folder).exit_code == 2


def test_at_a_terminal_ctrl_c_ends_a_turn_and_keeps_what_was_finished(folder, script_file):
    lines = [*CALM, ("BRICK", "Third."), ("ROBIN", "Fourth.")]
    script = script_file(*lines, **{"Fourth.": {"seconds": SLOW}})
    program = [sys.executable, "-c", PROGRAM, "chat", "--scripted", str(script), "--project", str(folder)]
    with sitting_at(program, os.environ | {"TERM": "dumb"}) as typing:
        typing.answer("you: ", "/help")
        typing.answer("you: ", "Does it hold?")
        typing.answer("you: ", "Sure?")
        typing.wait_for("BRICK: Third.\r\nROBIN: ")
        typing.type("\x03")
        typing.wait_for("(interrupted")
        typing.answer("you: ", "/new")
        typing.answer("you: ", "Anew?")
        typing.answer("you: ", "/quit")
        assert typing.end() == 0
    assert "/new   begin a new conversation" in typing.seen
    assert "\x1b[" not in typing.seen
    first, cut, anew = kept(folder)
    assert [turn.content for turn in first.messages[1:]] == ["First.", "Second."]
    assert [turn.content for turn in cut.messages] == ["Does it hold?", "First.", "Second.", "Sure?", "Third."]
    assert cut.outcome is InteractionOutcome.HUMAN_INTERVENED
    assert [turn.content for turn in anew.messages] == ["Anew?", "First.", "Second."]


def test_after_a_kill_chat_says_what_lies_there_and_goes_on_with_it(folder, script_file):
    script = script_file(*CALM, **{CALM[1][1]: {"seconds": SLOW}})
    program = [sys.executable, "-c", PROGRAM, "chat", "--scripted", str(script), "--project", str(folder)]
    with sitting_at(program, os.environ) as typing:
        typing.answer("you: ", "Does it hold?")
        typing.wait_for("ROBIN: ")
        typing.kill()
    shown = typed("chat", "--scripted", script_file(*CALM), "--project", folder)
    assert "An unfinished dialogue lies here" in shown.stderr
    assert "selftune chat --resume" in shown.stderr
    shown = typed("chat", "--resume", "--scripted", script_file(*CALM), "--project", folder)
    assert shown.stdout == f"ROBIN: {CALM[1][1]}\n"
    (one,) = kept(folder)
    assert [turn.content for turn in one.messages[1:]] == [words for _, words in CALM]


def test_a_name_that_nobody_has_is_refused_before_anything_is_typed(folder):
    for name, said in (("NOBODY", "unknown persona 'NOBODY'"), ("ARCHITECT", "played by a person")):
        refused = CliRunner().invoke(APP, ["chat", "--persona", name, "--project", str(folder)], input="")
        assert said in str(refused.exception)

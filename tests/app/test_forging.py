"""`selftune tool` from a gap in the log to a call, on a script; and what each command ends with."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "loop" / "forging"))
sys.path.insert(0, str(Path(__file__).parents[1] / "toolforge"))

from forge_scripts import BUGGY, GOOD, SPEC, told_function, told_spec
from forging_makers import put

from selftune.app.chatting import tell_end
from selftune.app.cli import forging
from selftune.errors import MissingFileError, SandboxError, UnknownNameError, UsageError
from selftune.loop.dialogues.holding import hold
from selftune.loop.forging import making
from selftune.loop.forging.standing import ToolState, tools_of
from selftune.personas.scripted import SCRIPTED, Line, ScriptedVoice
from selftune.records import Interaction
from selftune.toolforge.gaps import MARK

pytestmark = [pytest.mark.needs("bwrap"), pytest.mark.needs("graph")]
app = typer.Typer()
forging.register(app)


@pytest.fixture(autouse=True)
def same_project(project, monkeypatch):
    """Every command works on the project that the test has open; its base is a fake one."""
    monkeypatch.setattr("selftune.loop.project.open_project", lambda folder: nullcontext(project))


@pytest.fixture
def script(tmp_path):
    """A file of answers: a spec, a function that is wrong, and one that is right."""
    told = [("tool spec", told_spec()), ("tool function", told_function(BUGGY)), ("tool function", told_function(GOOD))]
    turns = [f"[[turns]]\npersona = {json.dumps(persona)}\ntext = {json.dumps(text)}\n" for persona, text in told]
    path = tmp_path / "answers.toml"
    path.write_text("\n".join(turns), encoding="utf-8")
    return path


def run(project, *words, answer=None, code=0):
    done = CliRunner().invoke(app, ["tool", *words, "--project", str(project.folder)], input=answer)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done


def test_from_a_dialogue_that_lacks_a_tool_to_a_call_of_it(project, script):
    voice = ScriptedVoice([Line(persona="BRICK", text=f"I look at it.\n{MARK} count the vowels of a text")])
    held = hold(project, "How many vowels has it?", persona="BRICK", voice=voice)
    (told,) = [line for line in tell_end(held) if "is missing" in line]
    gap = told.rpartition(" ")[2]
    assert f"selftune tool forge {gap}" in told
    assert gap in run(project, "gaps").stdout

    forged = run(project, "forge", gap, "--example", '{"text": "Oak"} -> 2', "--scripted", str(script)).stdout
    assert "Proposed: count_vowels, version 1" in forged
    assert SCRIPTED in forged
    assert "No turn" in run(project, "gaps").stdout

    assert "proposed" in run(project, "list").stdout
    shown = run(project, "show", "count_vowels").stdout
    assert "| def count_vowels(text: str) -> int:" in shown
    assert '{"text":"Oak"} -> 2 (person)' in shown
    assert run(project, "try", "count_vowels", '{"text": "AEI"}').stdout == "3\n"

    assert "Nothing was approved" in run(project, "approve", "count_vowels", code=5).stderr
    run(project, "approve", "count_vowels", "--author", "ann", answer="y\n")
    assert "approved by ann" in run(project, "list").stdout

    voice = ScriptedVoice([
        Line(persona="BRICK", tool="count_vowels", arguments='{"text": "tree"}'),
        Line(persona="BRICK", text="It has two."),
    ])  # fmt: skip
    held = hold(project, "How many vowels has tree?", persona="BRICK", voice=voice)
    calls = [call for turn in project.store.record(held.interaction, Interaction).messages for call in turn.tool_calls]
    assert [(call.name, call.result) for call in calls] == [("count_vowels", "2")]
    assert not [line for line in tell_end(held) if "is missing" in line]

    run(project, "suspend", "count_vowels", "--because", "y is a vowel in sky")
    assert "suspended" in run(project, "list").stdout
    run(project, "resume", "count_vowels", "--because", "not here")
    run(project, "refuse", "count_vowels", "--because", "we count by hand")
    (listed,) = json.loads(run(project, "list", "--json").stdout)
    assert listed["state"] == "refused"


def test_one_that_is_never_right_ends_with_1_and_says_what_failed(project, tmp_path):
    path = tmp_path / "answers.toml"
    spec = f"[[turns]]\npersona = 'tool spec'\ntext = {json.dumps(told_spec())}\n"
    wrong = f"[[turns]]\npersona = 'tool function'\ntext = {json.dumps(told_function(BUGGY))}\n"
    path.write_text(spec + wrong * 4, encoding="utf-8")
    done = run(project, "forge", "--wanted", "count vowels", "--scripted", str(path), code=1)
    assert "No tool: never right" in done.stdout
    assert "the same function as before" in done.stdout
    path.write_text(spec, encoding="utf-8")
    done = run(project, "forge", "--wanted", "count vowels", "--scripted", str(path), code=8)
    assert "writer failed" in done.stdout
    assert "the script holds 0 lines" in done.stdout


def test_a_person_s_own_spec_is_not_asked_for_and_its_examples_are_the_person_s(project, tmp_path):
    path, spec = tmp_path / "answers.toml", tmp_path / "spec.json"
    right = f"[[turns]]\npersona = 'tool function'\ntext = {json.dumps(told_function(GOOD))}\n"
    path.write_text(right, encoding="utf-8")
    spec.write_text(json.dumps(SPEC), encoding="utf-8")
    assert "(1 answers," in run(project, "forge", "--spec", str(spec), "--scripted", str(path)).stdout
    shown = run(project, "show", "count_vowels").stdout
    assert shown.count("(person)") == 8
    with pytest.raises(MissingFileError):
        run(project, "forge", "--spec", str(tmp_path / "none.json"), "--scripted", str(path))
    spec.write_text("{}", encoding="utf-8")
    with pytest.raises(UsageError, match="'name' is missing"):
        run(project, "forge", "--spec", str(spec), "--scripted", str(path))
    with pytest.raises(UsageError, match="name one gap"):
        run(project, "forge", "--spec", str(spec), "--wanted", "x", "--scripted", str(path))


def test_a_yes_is_to_the_version_that_was_shown_and_to_none_that_came_in_meanwhile(project, monkeypatch):
    shown = put(project)

    def says_yes():
        put(project, BUGGY)
        return True

    monkeypatch.setattr(forging, "_says_yes", says_yes)
    run(project, "approve", "count_vowels", "--author", "ann")
    states = {one.tool.version: one.state for one in tools_of(project)}
    assert states == {1: ToolState.APPROVED, 2: ToolState.PROPOSED}
    assert tools_of(project)[0].tool.id == shown.id


def test_what_is_typed_wrongly_is_told_before_anything_is_asked(project, script):
    with pytest.raises(UsageError, match="name one gap"):
        run(project, "forge")
    with pytest.raises(UsageError, match="written as"):
        run(project, "forge", "--wanted", "x", "--example", "tree is 2", "--scripted", str(script))
    with pytest.raises(UnknownNameError):
        run(project, "forge", "gap-00000000", "--scripted", str(script))
    with pytest.raises(UnknownNameError):
        run(project, "show", "nothing")
    run(project, "forge", "--wanted", "count vowels", "--scripted", str(script))
    with pytest.raises(UsageError, match="must be string"):
        run(project, "try", "count_vowels", '{"text": 1}')
    with pytest.raises(UsageError, match="no JSON"):
        run(project, "try", "count_vowels", "tree")
    with pytest.raises(UsageError, match="is proposed"):
        run(project, "resume", "count_vowels", "--because", "x")


def test_without_a_sandbox_the_forge_ends_with_9(project, script, monkeypatch):
    def none_holds():
        raise SandboxError("no sandbox holds here.", next_step="Install bubblewrap.")

    monkeypatch.setattr(making, "find_sandbox", none_holds)
    with pytest.raises(SandboxError) as error:
        run(project, "forge", "--wanted", "count vowels", "--scripted", str(script))
    assert error.value.exit_code == 9

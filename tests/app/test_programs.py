"""`selftune program`: the agenda as it is read, typed as a person types it, and what of an edited copy is refused."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.errors import SelftuneError
from selftune.loop.project import create_project

if not app.registered_commands:
    register_commands()

REFUSED = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A project on the reference base with the shipped agenda written out."""
    folder = tmp_path_factory.mktemp("agenda") / "p"
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    assert "program.md" in type_in("eject", "program", "--project", folder)[1]
    return folder


def type_in(*words):
    """Exit code and everything said, as `main` has it."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(done.exception, SelftuneError):
        return done.exception.exit_code, done.output + str(done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_the_agenda_is_shown_with_each_knob_its_bounds_and_who_reads_it(folder):
    code, said = type_in("program", "--project", folder)
    assert code == 0
    assert "lora_rank           now 16, 1 to 64 by factors" in said
    assert "hyperparameters; read by the recipe" in said
    assert "answers_per_prompt  now 2, 1 to 4 by steps" in said
    assert "GB" in said
    read = json.loads(type_in("program", "--project", folder, "--json")[1])
    assert [knob["key"] for knob in read["agenda"]["knobs"]][:2] == ["learning_rate", "lora_rank"]


def test_an_edited_copy_may_differ_in_the_marked_block_and_nowhere_else(folder):
    text = (folder / "program.md").read_text(encoding="utf-8")
    copy = folder / "copy.md"
    copy.write_text(text.replace(":begin -->\n", ":begin -->\n- lora_rank=32: more room\n"), encoding="utf-8")
    code, said = type_in("program", "check", copy, "--project", folder)
    assert (code, "1 to be tried first" in said) == (0, True)
    tries = json.loads(type_in("program", "check", copy, "--project", folder, "--json")[1])["tries"]
    assert tries[0]["changes"] == ["lora_rank=32"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("least_gain = 0.02", "least_gain = 0.00", "was changed outside of the marked block, under Constraints"),
        ('screen = ""', 'screen = "easy"', "under Constraints"),
        (":begin -->\n", ":begin -->\n- max_seconds=99999\n", "max_seconds can't be searched"),
        (":begin -->\n", ":begin -->\nlora_rank=32\n", "is no proposal"),
    ],
)
def test_an_edited_copy_that_reaches_further_is_refused(folder, old, new, said):
    text = (folder / "program.md").read_text(encoding="utf-8")
    assert old in text
    (folder / "copy.md").write_text(text.replace(old, new), encoding="utf-8")
    code, told = type_in("program", "check", folder / "copy.md", "--project", folder)
    assert code == REFUSED
    assert said in told


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("## Goal", "## Goals", "program.md, line 6: unknown heading 'Goals'. Did you mean 'Goal'"),
        ("lora_rank =", "lora_rnak =", "line 17: unknown knob 'lora_rnak'. Did you mean 'lora_rank'"),
        ('lora_rank = "recipe"', "lora_rank = [64, 8]", "line 17: lora_rank = [64, 8] has its bounds the wrong way"),
        ('lora_rank = "recipe"', "lora_rank = [32, 64]", "line 17: lora_rank is 16 in recipe 'reference_sft'"),
        ('lora_rank = "recipe"', "max_seconds = [1, 9]", "line 17: max_seconds can't be searched"),
        ("<!-- proposals:end -->\n", "", "the marked block must begin once and end once"),
        ("# What is tried", "\udcff", "is not UTF-8"),
    ],
)
def test_an_agenda_that_is_not_sound_is_refused_by_line_with_exit_2(folder, old, new, said):
    path = folder / "program.md"
    text = path.read_bytes()
    assert old.encode() in text
    path.write_bytes(text.replace(old.encode(), new.encode("utf-8", "surrogateescape")))
    try:
        code, told = type_in("program", "--project", folder)
    finally:
        path.write_bytes(text)
    assert code == REFUSED
    assert said in told


def test_a_copy_that_is_not_there_is_named(folder):
    code, told = type_in("program", "check", folder / "nowhere.md", "--project", folder)
    assert (code, "there is no file" in told) == (REFUSED, True)

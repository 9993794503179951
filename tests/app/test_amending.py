"""A codex changed by commands: proposed, read, signed at a real terminal, refused, taken back, put back."""

from __future__ import annotations

import json

import pytest
from terminals import at_a_terminal
from typer.testing import CliRunner

from selftune.app.amending import (
    Case,
    adopt_file,
    amendment_named,
    approve_named,
    propose_text,
    restore_file,
    roll_back_codex,
)
from selftune.app.cli import amending
from selftune.app.cli.codex import codex
from selftune.app.people import add_person, revoke_key
from selftune.app.signing import keys_folder
from selftune.app.tracing import trace
from selftune.errors import IntegrityError, SelftuneError, UsageError, WaitingForPersonError
from selftune.governance.people.keys import make_person_key
from selftune.governance.people.roster import Person
from selftune.loop.amending.standing import require_adopted, standing_in
from selftune.loop.ejected import eject
from selftune.loop.project import create_project, open_project

PASSPHRASE = "eight letters or more"
CASE = Case(
    because="Whispers are not heard.",
    against=("It is quieter at night.",),
    expected="Fewer questions twice.",
    at_most=0.25,
    at_least=10,
    days=30.0,
)


def told(_):
    """A person who types the passphrase: a fake one."""
    return PASSPHRASE


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project of ana's, whose codex stands in a file of its own and cools off for no time."""
    monkeypatch.setenv("SELFTUNE_HOME", str(tmp_path / "home"))
    made = tmp_path / "project"
    made.mkdir()
    create_project(made, name="p", base="reference", recipe="r", suite="state_obedience")
    config = made / "selftune.toml"
    config.write_text(f"{config.read_text()}\n[amendment]\ncooling_hours = 0\n", encoding="utf-8")
    eject(made, "codex", "brick_robin")
    return made


@pytest.fixture
def project(folder):
    with open_project(folder) as opened:
        yield opened


def file_of(folder):
    return folder / "codex" / "brick_robin.toml"


def edit(folder):
    """Change something in the codex's file that nothing forbids."""
    text = file_of(folder).read_text(encoding="utf-8")
    assert 'version = "' in text
    file_of(folder).write_text(text.replace('version = "', 'version = "0', 1), encoding="utf-8")


def enter_ana(project):
    key = make_person_key(keys_folder(), "ana", told).public
    add_person(project, Person(name="ana", key=key), author="ana", because="", ask=told)


def run(folder, *words):
    if not any(one.name == "approve" for one in codex.registered_commands):
        amending.register()
    return CliRunner().invoke(codex, [*words, "--project", str(folder)])


def test_change_by_hand_is_proposed_read_and_signed_at_a_terminal(folder, tmp_path):
    with open_project(folder) as opened:
        adopt_file(opened)
        enter_ana(opened)
        edit(folder)
        with pytest.raises(IntegrityError, match="nobody signed this"):
            adopt_file(opened)
        amendment = propose_text(opened, None, CASE, author="ana", ask=told)
        with pytest.raises(UsageError, match="not unlocked"):
            approve_named(opened, amendment, author="ana", text="", ask=lambda _: "a wrong one")
        assert standing_in(opened).now.codex_id == amendment.codex_before
    words = ("codex", "approve", amendment.id, "--author", "ana", "--project", folder)
    with at_a_terminal(*words, SELFTUNE_HOME=str(tmp_path / "home")) as typing:
        typing.answer("Passphrase of ana", PASSPHRASE)
        assert typing.end() == 0
    for shown in ("| Whispers are not heard.", "| It is quieter at night.", "Shown wrong where", "It is in force."):
        assert shown in typing.seen
    assert PASSPHRASE not in typing.seen
    assert "The codex forbids, in words" in typing.seen
    assert "| governor" not in typing.seen  # a place is held by code, and nobody has to look for it
    with open_project(folder) as opened:
        assert require_adopted(opened) == amendment.codex_after
        assert standing_in(opened).now.by == ("ana",)
        assert any("accepted" in line for line in trace(opened, amendment.id).lines)
        back = roll_back_codex(opened, "it was wrong", author="ana", ask=told)
        assert back.now.codex_id == amendment.codex_before == require_adopted(opened)
    shown = run(folder, "amendments", amendment.id)
    assert "By its own test: its test is not due yet." in shown.output
    assert "no measured dialogue of its topic" in shown.output


def test_nobody_on_the_roster_is_told_how_to_come_onto_it(project, folder):
    adopt_file(project)
    edit(folder)
    amendment = propose_text(project, None, CASE, author="ana", ask=told)
    with pytest.raises(WaitingForPersonError, match="not on the roster") as stopped:
        approve_named(project, amendment, author="ana", text="", ask=told)
    assert "selftune key new" in stopped.value.next_step


def test_commands_tell_what_is_in_force_what_was_proposed_and_what_became_of_it(folder):
    adopted = run(folder, "adopt")
    assert adopted.exit_code == 0
    assert "codex:" in adopted.output
    text = file_of(folder).read_text(encoding="utf-8")
    other = folder / "other.toml"
    other.write_text(text.replace('version = "', 'version = "9', 1), encoding="utf-8")
    lacking = run(folder, "propose", str(other), "--because", "Why not?")
    assert isinstance(lacking.exception, UsageError)
    words = ("--because", "Why not?", "--against", "Why?", "--expected", "That.", "--probe", "name")
    proposed = run(folder, "propose", str(other), *words)
    assert proposed.exit_code == 0
    assert "the share of lost probes of 'name' is above 25%" in proposed.output
    named = proposed.output.rsplit("approve ", 1)[1].strip()
    assert "waits for a person: Why not?" in run(folder, "amendments").output
    (stated,) = json.loads(run(folder, "amendments", "--json").output)
    assert (stated["state"], stated["amendment"]["because"]) == ("waits for a person", "Why not?")
    assert run(folder, "refuse", named, "--because", "Not now.").exit_code == 0
    assert "refused by a person" in run(folder, "amendments").output
    assert "| Not now." in run(folder, "amendments", named).output
    assert isinstance(run(folder, "refuse", named, "--because", "Again.").exception, UsageError)
    assert isinstance(run(folder, "approve", named).exception, WaitingForPersonError)


def test_proposal_that_the_codex_forbids_ends_with_2_and_stays_on_record(folder):
    run(folder, "adopt")
    other = folder / "other.toml"
    text = file_of(folder).read_text(encoding="utf-8")
    other.write_text(text.replace('name = "brick_robin"', 'name = "nobody"', 1), encoding="utf-8")
    done = run(folder, "propose", str(other), "--because", "x", "--against", "y", "--expected", "z")
    assert done.exit_code == 2
    assert "The codex itself refuses it" in done.output
    assert "refused by the codex itself" in run(folder, "amendments").output


def test_edited_file_is_put_back_with_the_edit_set_aside(folder):
    run(folder, "adopt")
    before = file_of(folder).read_text(encoding="utf-8")
    edit(folder)
    done = run(folder, "restore")
    assert file_of(folder).read_text(encoding="utf-8") == before
    assert "Set aside: " in done.output
    (aside,) = (folder / ".selftune").glob("codex-set-aside-*.toml")
    assert 'version = "0' in aside.read_text(encoding="utf-8")


def test_after_a_revoked_key_restoring_takes_another_person_s(folder):
    with open_project(folder) as project:
        adopt_file(project)
        enter_ana(project)
        key = make_person_key(keys_folder(), "ben", told).public
        add_person(project, Person(name="ben", key=key), author="ana", because="", ask=told)
        edit(folder)
        amendment = propose_text(project, None, CASE, author="ben", ask=told)
        approve_named(project, amendment, author="ben", text="", ask=told)
        yes = approve_named(project, amendment, author="ana", text="", ask=told)
        assert yes.in_force
        revoke_key(project, "ana", "stolen", since=yes.statement.id, author="ben")
    stopped = run(folder, "restore", "--author", "ben")
    assert isinstance(stopped.exception, WaitingForPersonError)
    assert "as it was adopted" in stopped.output
    with open_project(folder) as project:
        with pytest.raises(WaitingForPersonError, match="revoked"):
            restore_file(project, "", author="ana", ask=told)
        restore_file(project, "it was not her", author="ben", ask=told)
        assert require_adopted(project) == amendment.codex_before
    assert run(folder, "restore").exit_code == 0


def test_after_a_hand_edit_the_adopted_codex_is_shown_and_compared_with(folder):
    run(folder, "adopt")
    adopted = run(folder, "show")
    assert str(file_of(folder)) in adopted.output.splitlines()[0]
    assert "nobody signed" not in adopted.output
    edit(folder)
    shown = run(folder, "show")
    assert "(on record)" in shown.output.splitlines()[0]
    assert f"{file_of(folder)} says something else, and nobody signed that" in shown.output
    assert adopted.output.split("codex:", 1)[1].splitlines()[0] in shown.output
    told = run(folder, "diff", "brick_robin").output
    assert "version\n  - 0" in told
    file_of(folder).write_text("no codex = [", encoding="utf-8")
    assert "nobody signed that" in run(folder, "show").output
    assert run(folder, "show", "--prompt", "robin").exit_code == 0
    assert run(folder, "lint").exit_code != 0  # lint looks at the file


def test_before_anything_was_adopted_each_command_says_so(folder, project):
    assert "No codex was adopted" in run(folder, "amendments").output
    for words in (("restore",), ("propose", "--because", "x")):
        done = run(folder, *words)
        assert isinstance(done.exception, UsageError), words
    with pytest.raises(SelftuneError):
        amendment_named(project, "amendment:00")

"""`selftune search` and `selftune index rebuild`, as typed."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.errors import UnknownNameError, UsageError
from selftune.loop.incoming.intake import import_files
from selftune.loop.project import create_project, open_project
from selftune.loop.runner import hold_lease

pytestmark = pytest.mark.needs("lance")

if not app.registered_commands:
    register_commands()

SAID = {"Is the back door locked?": "Yes, it is.", "Lock the back door!": "The door is locked.", "Lamp?": "It is on."}


@pytest.fixture
def folder(tmp_path):
    create_project(tmp_path, name="p", base="reference", recipe="reference_sft", suite="reference")
    bring(tmp_path, SAID)
    return tmp_path


def bring(folder, said):
    log = folder / "log.jsonl"
    with log.open("a", encoding="utf-8") as file:
        for asked, answered in said.items():
            turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
            file.write(json.dumps({"messages": turns}) + "\n")
    with open_project(folder) as project:
        import_files(project, [log])


def run(folder, *words):
    return CliRunner().invoke(app, [*words, "--project", str(folder)])


def found(folder, *words):
    return json.loads(run(folder, "search", *words, "--json").stdout)


def test_words_are_found_in_questions_and_answers(folder):
    told = run(folder, "search", "locked door")
    assert told.exit_code == 0
    assert "Is the back door locked?" in told.stdout
    assert "The door is locked." in told.stdout
    assert told.stdout.splitlines()[-1] == "2 found."


def test_likeness_leaves_the_one_itself_out(folder):
    first = found(folder, "back door", "--n", "1")["found"][0]
    alike = found(folder, "--like", first["id"][:30], "--n", "2")["found"]
    assert len(alike) == 2
    assert first["id"] not in {one["id"] for one in alike}
    assert "door" in alike[0]["asked"] + alike[0]["answered"]


def test_what_was_imported_since_is_found_without_another_command(folder):
    assert found(folder, "submarine") == {"found": [], "unread": 0}
    bring(folder, {"Where is the submarine?": "I see no such field."})
    assert found(folder, "submarine")["found"][0]["asked"] == "Where is the submarine?"


def test_deleted_and_rebuilt_the_answers_are_the_same(folder):
    before = found(folder, "door")
    shutil.rmtree(folder / ".selftune" / "index")
    assert run(folder, "index", "rebuild").stdout == "3 interactions indexed.\n"
    assert found(folder, "door") == before


def test_while_another_works_on_the_project_the_search_says_what_it_has_not_read(folder):
    found(folder, "door")
    bring(folder, {"Where is the submarine?": "I see no such field."})
    with open_project(folder) as project, hold_lease(project):
        assert found(folder, "submarine") == {"found": [], "unread": 1}


@pytest.mark.parametrize("words", [[], ["door", "--like", "interaction:1"], ["   "]])
def test_it_needs_words_or_a_likeness(folder, words):
    assert isinstance(run(folder, "search", *words).exception, UsageError)


def test_an_unknown_id_is_named(folder):
    assert isinstance(run(folder, "search", "--like", "interaction:zzz").exception, UnknownNameError)

"""`selftune import` and `selftune quarantine` as a person types them."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.errors import UsageError
from selftune.loop.project import create_project

if not app.registered_commands:
    register_commands()

GOOD = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]}


def run(*words: str) -> str:
    done = CliRunner().invoke(app, words)
    if done.exception is not None:
        raise done.exception
    return done.stdout


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="reference")
    return folder


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(GOOD) + "\n{\n")
    return path


def test_a_dry_run_names_format_reason_and_counts_and_the_import_then_does_just_that(project, log):
    why = "(openai: its entries hold `messages`)"
    told = run("import", str(log), "--dry-run", "--project", str(project))
    assert told.splitlines() == [
        f"log.jsonl: 1 would come in, 0 known already, 1 would be set aside {why}",
        "Nothing was written.",
    ]
    (again,) = json.loads(run("import", str(log), "--dry-run", "--json", "--project", str(project)))
    assert (again["added"], again["known"], again["broken"]) == (1, 0, 1)
    done = run("import", str(log), "--project", str(project))
    assert done.splitlines()[0] == f"log.jsonl: 1 imported, 0 known already, 1 set aside {why}"
    told = run("import", str(log), "--dry-run", "--project", str(project))
    assert told.splitlines()[0] == f"log.jsonl: 0 would come in, 2 known already, 0 would be set aside {why}"


def test_quarantine_lists_and_retries_and_says_what_stays(project, log):
    run("import", str(log), "--project", str(project))
    listed = run("quarantine", "--project", str(project)).splitlines()
    assert listed[0].startswith("log.jsonl, line 2: not JSON")
    assert listed[0].endswith("(openai)")
    assert listed[1:] == ["1 set aside."]
    retried = run("quarantine", "--retry", "--project", str(project)).splitlines()
    assert retried[1:] == ["0 brought in.", "1 set aside."]
    told = json.loads(run("quarantine", "--retry", "--json", "--project", str(project)))
    assert (told["brought_in"], told["left"][0]["place"]) == (0, "line 2")


def test_a_file_read_as_the_wrong_format_comes_in_as_the_right_one(project, tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(GOOD) + "\n")
    run("import", str(path), "--format", "sharegpt", "--project", str(project))
    retried = run("quarantine", "--retry", "--format", "openai", "--project", str(project))
    assert retried.splitlines() == ["1 brought in.", "0 set aside."]


def test_a_file_of_no_known_format_is_refused_with_the_formats_there_are(project, tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"colour": "red"}\n')
    with pytest.raises(UsageError, match="a format we don't know: its entries hold colour") as refused:
        run("import", str(path), "--project", str(project))
    assert "langfuse" in refused.value.next_step

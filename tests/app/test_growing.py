"""`selftune dataset grow` and `prepare`, as a user types them."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.growing import grow_file
from selftune.errors import UnknownNameError, UsageError
from selftune.interactions.detect import open_sources
from selftune.records import Trigger
from selftune.testing import fake_context

if not app.registered_commands:
    register_commands()


def run(*words: str):
    return CliRunner().invoke(app, words)


def test_a_grown_file_is_read_back_by_import_and_every_example_counts_as_simulated(tmp_path):
    out = tmp_path / "grown.jsonl"
    shown = run("dataset", "grow", "--n", "52", "--out", str(out), "--json")
    assert shown.exit_code == 0
    assert json.loads(shown.stdout)["quality"]["wrong_passed"] == 0
    (source,) = open_sources(out, "auto")
    items = list(source.read(fake_context(tmp_path)))
    assert len(items) == 52
    assert {item.trigger for item in items} == {Trigger.SIMULATED}
    assert {item.generated_by for item in items} == {"rule"}
    assert all(item.state is not None for item in items)
    assert max(Counter(item.conversation for item in items).values()) == 2


def test_a_person_reads_the_report_by_family(tmp_path):
    shown = run("dataset", "grow", "--n", "26", "--out", str(tmp_path / "grown.jsonl"))
    assert "| injected | 2 | 2 |" in shown.stdout


def test_nothing_is_written_over_and_what_needs_a_project_says_so(tmp_path):
    taken = tmp_path / "taken.jsonl"
    taken.write_text("mine")
    with pytest.raises(UsageError, match="already"):
        grow_file(taken, count=4, seed=0)
    for asked in ({"teacher": "champion"}, {"extract": True}):
        with pytest.raises(UsageError, match="belong to a project"):
            grow_file(tmp_path / "new.jsonl", count=4, seed=0, **asked)
    with pytest.raises(UnknownNameError, match="teacher"):
        grow_file(tmp_path / "new.jsonl", count=4, seed=0, teacher="ruler")
    assert not (tmp_path / "new.jsonl").exists()
    assert taken.read_text() == "mine"

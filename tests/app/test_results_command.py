"""`selftune results`, as typed."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.errors import UsageError
from selftune.loop.experiments.record_keeping.keeping import keep_experiment
from selftune.loop.experiments.record_keeping.results_tsv import RESULTS
from selftune.loop.project import create_project, open_project
from selftune.records import Effect, Experiment, ExperimentResult, Mode

if not app.registered_commands:
    register_commands()

LOG = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\na\t0.99\t1\tkeep\tbaseline\nb\t0.98\t1\tkeep\tlr 0.04\n"


@pytest.fixture
def folder(tmp_path):
    create_project(tmp_path, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    with open_project(tmp_path) as project:
        keep_experiment(
            project,
            Experiment(
                name="by-hand-1",
                began="2026-11-22T02:00:00+00:00",
                mode=Mode.FULL,
                base="reference",
                base_digest=project.base.digest,
                lane="hyperparameters",
                proposer="",
                changes=("learning_rate=0.01",),
                result=ExperimentResult.REVERTED,
                why="worse",
                effect=Effect(mean=-0.2, interval=(-0.3, -0.1), level=0.95, n=42),
            ),
        )
    return tmp_path


def typed(*words, error=None):
    answer = CliRunner().invoke(app, [*map(str, words)])
    if error is None:
        assert answer.exit_code == 0, answer.output
        return answer.stdout
    assert isinstance(answer.exception, error)
    return ""


def test_results_show_the_tries_and_the_logs_brought_in(folder):
    (folder / "log.tsv").write_text(LOG, encoding="utf-8")
    assert "log.tsv: 2 tries" in typed("results", "import", folder / "log.tsv", "-p", folder)
    shown = typed("results", "-p", folder)
    assert "1 try on record: 1 reverted." in shown
    assert "by-hand-1  reverted" in shown
    assert "log.tsv: 2 tries, 2 measured by val_bpb (lower is better), 2 kept." in shown
    data = json.loads(typed("results", "--json", "-p", folder))
    assert (data["tries"][0]["name"], data["logs"][0]["metric"]) == ("by-hand-1", "val_bpb")
    read = json.loads(typed("results", "import", folder / "log.tsv", "--json", "-p", folder))
    assert (read["log"]["name"], read["reading"]["tries"]) == ("log.tsv", 2)


def test_an_edited_table_is_named_set_aside_and_made_again(folder):
    table = folder / RESULTS
    whole = table.read_text()
    table.write_text(whole.replace("reverted", "kept"))
    assert "1 row says something else than the record: by-hand-1" in typed("results", "-p", folder)
    typed("results", "--rebuild", "-p", folder)
    assert table.read_text() == whole
    assert "kept" in (folder / "results.by-hand-1.tsv").read_text()


def test_a_lesson_is_shown_then_added_and_a_try_that_teaches_none_is_refused(folder):
    assert "when learning_rate=0.01; on reference; from by-hand-1" in typed("results", "learn", "-p", folder)
    assert "Added to program.md: Worse on reference" in typed("results", "learn", "by-hand-1", "-p", folder)
    typed("results", "learn", "by-hand-2", "-p", folder, error=UsageError)
    assert "What did not help" in typed("report", "nights", "-p", folder)
    assert "difference -0.200" in typed("why", "by-hand-1", "-p", folder)

"""`selftune judge` is the stage, and has commands of its own below it."""

from __future__ import annotations

import json

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.cli.stages import STAGES
from selftune.errors import MissingFileError, UsageError
from selftune.loop.project import create_project

if not app.registered_commands:
    register_commands()


def run(*words: str):
    return CliRunner().invoke(app, words)


def test_help_shows_the_stages_in_the_order_of_the_loop():
    names = list(get_command(app).commands)
    first = names.index("judge")
    assert names[first : first + len(STAGES)] == list(STAGES)
    assert names[0] == "init"
    assert len(names) == len(set(names))


def test_alone_it_runs_the_stage(tmp_path):
    assert isinstance(run("judge", "--project", str(tmp_path)).exception, MissingFileError)


@pytest.mark.parametrize("option", [("--json",), ("--project", "elsewhere")])
def test_an_option_that_would_be_overlooked_is_refused(option):
    refused = run("judge", *option, "import", "file.json")
    assert isinstance(refused.exception, UsageError)
    assert "behind" in refused.exception.next_step


def test_import_prints_what_came_of_each_file_and_names_every_row_without_a_verdict(tmp_path):
    create_project(tmp_path, name="p", base="reference", recipe="reference_sft", suite="reference")
    parts = ("voice_authenticity", "rhetorical_pattern", "historical_accuracy", "position_fidelity")
    names = (*parts, "character_integrity")
    fine = {name: {"score": 8, "justification": "So it is."} for name in names} | {"overall_score": 7.5}
    lost = {name: {"score": 0, "justification": "Parse error"} for name in names}
    rows = [
        {"id": n, "difficulty": d, "prompt": "Q?", "response": "A.", "scores": s, "overall_score": 0}
        for n, d, s in (("a", "easy", fine), ("b", "easy", lost), ("c", "hard", lost))
    ]
    mixed, outage = tmp_path / "mixed.json", tmp_path / "outage.json"
    for path, some in ((mixed, rows), (outage, rows[1:])):
        path.write_text(json.dumps({"summary": {"judge_model": "j", "overall_mean": 2.5}, "results": some}))
    told = run("judge", "import", str(mixed), str(outage), "--project", str(tmp_path))
    assert told.exit_code == 0
    corrected = "corrected 8.00 [1.33, 9.90] (n = 1), the judge's own 7.50 (n = 1)"
    easy = f"  difficulty easy: raw 0.00 (n = 2), {corrected}, 1 unscored"
    assert told.stdout.splitlines() == [
        "mixed.json: 1 of 3 scored by j, 2 unscored",
        f"  all: raw 0.00 (n = 3), {corrected}, 2 unscored",
        "  the file says 2.50, in which 2 failures stand as zeros: b, c",
        "  the judge's own overall: -0.50 from ours at most, far off in 0",
        easy,
        "  difficulty hard: raw 0.00 (n = 1), corrected: no score, 1 unscored",
        "  the judge failed: Parse error: b, c",
        "outage.json: OUTAGE of the judge, 0 of 2 scored by j, 2 unscored",
        "  the judge failed: Parse error: b, c",
    ]
    asked = run("judge", "import", str(outage), "--project", str(tmp_path), "--json")
    assert json.loads(asked.stdout)[0]["outage"] is True

"""`selftune archive`, `registry` and `trace` as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.reporting.escalations import gather_corrections
from selftune.errors import UsageError
from selftune.loop.project import create_project, open_project

if not app.registered_commands:
    register_commands()


def run(*words: str) -> str:
    done = CliRunner().invoke(app, words)
    if done.exception is not None:
        raise done.exception
    assert done.exit_code == 0
    return done.stdout


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="reference")
    return str(folder)


@pytest.fixture
def sessions(tmp_path):
    """Sixty sessions with a gap, the second half never flagged, and a last line that was cut off."""
    lines = [
        json.dumps(
            {"number": n, "programme": "wild-7", "output": "Yes.", "flagged": n < 30, "scores": {"tone": n / 60}}
        )
        for n in range(61)
        if n != 7
    ]
    path = tmp_path / "sessions.jsonl"
    path.write_text("\n".join(lines) + '\n{"number": 61, "progr')
    return str(path)


@pytest.fixture
def turning(tmp_path):
    """Four hundred sessions, flagged in nine of ten up to number 250 and never after it."""
    lines = (
        json.dumps({"number": n, "programme": "wild-7", "output": f"Said {n}.", "flagged": n <= 250 and n % 10 != 0})
        for n in range(1, 401)
    )
    path = tmp_path / "turning.jsonl"
    path.write_text("\n".join(lines))
    return str(path)


def test_an_escalated_correction_tells_who_allowed_it_and_what_came_of_it(project, turning):
    run("archive", "import", turning, "-p", project)
    why = "Pressed until it gave way <b>now</b>."
    run("escalate", "200", why, "--authorised-by", "Okafor", "--author", "vasquez", "-p", project)
    run("escalate", "wild-7:399", "Again.", "--authorised-by", "Vasquez", "--author", "vasquez", "-p", project)
    run("escalate", "project", "All of it.", "--authorised-by", "Okafor", "--author", "kim", "-p", project)
    told = run("report", "escalations", "-p", project)
    assert "0 rules were set aside; 3 corrections were escalated." in told
    assert "Pressed until it gave way" in told
    assert "<b>" not in told.replace("\\<", "")
    with open_project(Path(project)) as opened:
        first, late, whole = gather_corrections(opened)
    assert (first.about, first.who, first.allowed_by, first.why) == ("wild-7:200", "vasquez", "Okafor", why)
    # 180 of 199 before it; 45 of the 200 after it; the level changes with the window that begins at 251.
    assert first.effect.startswith("flagged 90% [85%, 94%] of 199 before, 22% [17%, 29%] of 200 after")
    assert first.effect.endswith("their level next changed 51 sessions later")
    assert late.allowed_by == "Vasquez, who did it"
    assert late.effect.endswith("of 1 after; no change of level in the flags after it")
    assert whole.effect.startswith("not a session")


def test_an_escalation_names_who_allowed_it(project):
    with pytest.raises(UsageError, match="nobody is named who allowed it"):
        run("escalate", "project", "Harder.", "--authorised-by", " ", "-p", project)
    with pytest.raises(UsageError):
        run("escalate", "project", " ", "--authorised-by", "Okafor", "-p", project)


def test_an_archive_is_brought_in_told_of_and_shown(project, sessions):
    told = run("archive", "import", sessions, "-p", project)
    assert "60 archived, 0 known already, 0 with a number that is taken" in told
    assert "1 that are no session" in told
    assert "selftune quarantine" in told
    (again,) = json.loads(run("archive", "import", sessions, "-p", project, "--json"))
    assert again["filed"] == {"added": 0, "known": 60, "other": 0, "unreadable": 1, "disorder": 0}
    told = run("archive", "list", "-p", project)
    assert "wild-7: 60 sessions, 0 to 60" in told
    assert "29 flagged, 48.3% [" in told
    assert "missing numbers: 1 (7)" in told
    assert "60 without a time" in told
    (listed,) = json.loads(run("archive", "list", "-p", project, "--json"))
    assert (listed["missing"], listed["programme"]["last"]) == (1, 60)
    assert "  assistant:\n    | Yes.\n" in run("archive", "show", "12", "-p", project)
    assert json.loads(run("archive", "show", "wild-7:12", "-p", project, "--json"))["session"]["number"] == 12


def test_phases_are_told_with_their_method_and_counted_alike_as_json(project, sessions):
    run("archive", "import", sessions, "-p", project)
    told = run("archive", "phases", "-p", project, "--window", "5")
    assert "wild-7: 2 phases. Changes of level in flags, over 12 windows of 5 sessions" in told
    assert "kept nowhere" in told
    found = json.loads(run("archive", "phases", "-p", project, "--window", "5", "--json"))
    assert sum(phase["whole"]["n"] for phase in found["phases"]) == 60
    assert "Changes of level in tone" in run("archive", "phases", "-p", project, "--by", "tone", "--window", "5")


def test_with_nothing_in_it_the_next_command_is_told(project):
    assert "selftune archive import FILE" in run("archive", "list", "-p", project)
    assert "selftune registry add NAME" in run("registry", "list", "-p", project)
    with pytest.raises(UsageError, match="nothing is archived yet"):
        run("archive", "phases", "-p", project)


def test_a_model_is_entered_renamed_retired_and_traced(project, sessions, tmp_path):
    weights = tmp_path / "model.gguf"
    weights.write_bytes(b"weights")
    run("archive", "import", sessions, "-p", project)
    told = run("registry", "add", "WILD-7", "--file", str(weights), "--base", "itself", "-p", project)
    assert "Entered: WILD-7, model:" in told
    assert "nobody's stranger" in run("registry", "add", "Orphan", "-p", project)
    run("registry", "add", "ALIGNED-v1.0", "--made-of", "WILD-7", "-p", project)
    assert "is called Helper from now on" in run(
        "registry", "rename", "ALIGNED-v1.0", "Helper", "--because", "a product", "-p", project
    )
    shown = run("registry", "show", "aligned-v1.0", "-p", project)
    assert "was called ALIGNED-v1.0" in shown
    assert "lineage: 3 marks" in shown
    session = json.loads(run("archive", "show", "12", "-p", project, "--json"))["id"]
    ending = ("--because", "Over.", "--disposition", "archived", "--restore", str(weights), "--until", "2030-01-01")
    assert "1 files, 7 bytes" in run("registry", "retire", "WILD-7", *ending, "--scores", session[:40], "-p", project)
    index = run("registry", "index", "-p", project)
    assert "1 retired, 0 of them by an abbreviated record" in index
    assert "lies there today" in index
    (ended,) = json.loads(run("registry", "index", "-p", project, "--json"))
    assert ended["end"]["lacks"] == []
    assert "WILD-7: archived; made of a base alone" in run("registry", "list", "-p", project)
    traced = json.loads(run("trace", "Helper", "--back", "-p", project, "--json"))
    assert (traced["forward"], [node["kind"] for node in traced["back"]][:1]) == (None, ["model"])
    assert "statement: 1" in run("trace", session, "--forward", "-p", project)


def test_an_index_is_brought_in_by_command(project, tmp_path):
    path = tmp_path / "models.jsonl"
    path.write_text(json.dumps({"name": "WILD-1", "retired": {"disposition": "decommissioned"}}))
    assert "1 model entered, 0 known already; ends put on record: 1." in run(
        "registry", "import", str(path), "-p", project
    )
    assert json.loads(run("registry", "import", str(path), "-p", project, "--json"))["known"] == 1
    told = run("registry", "index", "-p", project)
    assert "1 of them by an abbreviated record" in told
    assert "ABBREVIATED: it lacks why, last scores by reference, a restore path that exists, term" in told

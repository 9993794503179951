"""`kill -9` at every step boundary of a real cycle, one after the other, in one project that must come through."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import selftune
from selftune.app.kits import demo_kit
from selftune.loop.ejected import eject

pytestmark = pytest.mark.needs("train", "serve")

STAGES = ("capture", "judge", "curate", "train", "build", "evaluate", "decide", "release")
# Before a step nothing is kept; behind `kept` everything is, and the next try finds it.
EDGES = ("before", "kept")
SETTINGS = """
[project]
name = "walk"
[base]
name = "reference"
[capture]
answers_per_prompt = 3
slots = 4
[curation]
trigger = 10
[training]
recipe = "reference_sft"
[evaluation]
suite = "state_obedience"
slots = 4
[serving]
idle_minutes = 5
"""


def run(folder: Path, *arguments: str, failpoint: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SELFTUNE_FAILPOINTS": f"{failpoint}=kill" if failpoint else ""}
    command = [sys.executable, "-c", "from selftune.app.cli.main import main; main()", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "walk"
    folder.mkdir()
    (folder / "selftune.toml").write_text(SETTINGS)
    started = run(folder, "init", ".")
    assert started.returncode == 0, started.stderr
    assert run(folder, "import", str(demo_kit("reference").log)).returncode == 0
    yield folder
    run(folder, "stop")


def ledger(folder: Path) -> list[dict[str, object]]:
    lines = [path.read_text().splitlines() for path in sorted((folder / ".selftune/ledger").glob("0*.jsonl"))]
    return [json.loads(line) for part in lines for line in part]


def test_a_cycle_that_is_killed_at_every_boundary_comes_through_and_repeats_no_finished_step(project):
    for stage in STAGES:
        for edge in EDGES:
            killed = run(project, "cycle", failpoint=f"{edge}-{stage}")
            assert killed.returncode == -signal.SIGKILL, f"{edge}-{stage}: {killed.stdout}{killed.stderr}"
            assert run(project, "ask", "Hello!", "--no-log").returncode == 0, "what served must go on serving"
    after = run(project, "cycle")
    assert after.returncode == 0, after.stderr
    status = json.loads(run(project, "status", "--json").stdout)
    assert status["serves"] == "v1.1 (generation 1)"

    records = [entry["record_id"] for entry in ledger(project) if entry["record_id"]]
    assert len(records) == len(set(records)), "a record was kept twice"
    kinds = [str(record).partition(":")[0] for record in records]
    assert {kind: kinds.count(kind) for kind in ("dataset", "run", "evaluation", "decision", "release")} == {
        "dataset": 1,
        "run": 1,
        "evaluation": 2,
        "decision": 1,
        "release": 2,
    }
    verified = subprocess.run(
        [sys.executable, str(Path(selftune.__file__).parent / "ledger/verify.py"), str(project)], check=False
    )
    assert verified.returncode == 0


def test_a_second_runner_is_turned_away_while_the_first_one_works(project):
    eject(project, "recipe", "reference_sft")
    first = subprocess.Popen(
        [sys.executable, "-c", "from selftune.app.cli.main import main; main()", "cycle"],
        cwd=project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert first.stderr is not None
        first.stderr.readline()  # the first finished stage: it holds the lease
        second = run(project, "cycle")
        assert second.returncode == 6
        assert "has held" in second.stderr
    finally:
        first.kill()
        first.communicate()
    assert run(project, "status").returncode == 0

"""What a command wakes before it has anything to do: what takes a tenth of a second to import is left asleep."""

from __future__ import annotations

import gc
import json
import subprocess
import sys

import pytest

from selftune.app.cli.standing import read_standing
from selftune.errors import MissingFileError
from selftune.loop.project import create_project

TRAINING = {"torch", "transformers", "trl", "peft", "datasets", "accelerate", "sympy"}
STORING = {"sqlalchemy", "alembic", "selftune.store", "selftune.loop.planning", "selftune.loop.configured"}
COUNTING = {"numpy", "scipy", "pandas", "pyarrow"}
SERVING = {"aiohttp", "xllamacpp", "asyncio"}
VALUES = {"pydantic"}  # Typer reads with it what was typed
ALL = TRAINING | STORING | COUNTING | SERVING | VALUES
WORK = {  # what learns, judges, serves, redacts or makes a plan: a status only counts and reads
    "selftune.training.stage",
    "selftune.curation.stage",
    "selftune.judges.oracle",
    "selftune.judges.stage",
    "selftune.serving.llama_cpp",
    "selftune.interactions.privacy.redaction",
    "selftune.interactions.reading.assemble",
    "selftune.scoring.state_obedience",
    "selftune.bases.check",
    "selftune.loop.planning",
    "selftune.loop.runner",
}
ASLEEP = {
    ("--help",): ALL,
    ("cycle", "--help"): ALL - VALUES,
    ("status", "--project", "nowhere"): ALL - VALUES,
    ("cycle", "--project", "nowhere"): TRAINING | COUNTING | {"xllamacpp"},
}
BEFORE = {  # word for word what it said while it woke all of that
    **dict.fromkeys(("serves", "address", "problem", "last_decision", "concerns", "forgotten", "brake", "breaker")),
    **dict.fromkeys(("alarm", "canary", "under_way")),
    **dict.fromkeys(("interactions", "judgements", "set_aside", "datasets", "runs", "new"), 0),
    "project": "p",
    "base": "reference",
    "judge": "judge not calibrated: 0 of 200 labels, NOT VERIFIED against people",
    "lessons": "0 of about 20 lessons; the log does not tell how fast they come",
    "sooner": "write a system prompt, name it as `prompt_only` under [evaluation], and see what it is worth",
    "next": "selftune init: nothing is in service yet",
}
TOLD = """
import json, sys
from selftune.app.cli.main import main
try:
    main()
finally:
    print("\\n" + json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize("words", ASLEEP, ids=" ".join)
def test_a_command_leaves_asleep_what_it_has_no_need_of(words, tmp_path):
    command = [sys.executable, "-c", TOLD, *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    woken = set(json.loads(done.stdout.splitlines()[-1]))
    assert "typer" in woken
    assert sorted(woken & ASLEEP[words]) == []


def test_a_status_leaves_asleep_what_does_the_work_and_answers_as_it_did_when_it_woke_it(tmp_path):
    create_project(tmp_path, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    command = [sys.executable, "-c", TOLD, "status", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    told, _, woken = done.stdout.rpartition("\n\n")
    assert sorted(set(json.loads(woken)) & (TRAINING | COUNTING | WORK)) == []
    assert json.loads(told) == BEFORE


def test_a_status_reads_no_suite_and_wakes_no_gate_where_a_hand_set_how_many_lessons_it_takes(tmp_path):
    create_project(tmp_path, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    with (tmp_path / "selftune.toml").open("a", encoding="utf-8") as config:
        config.write("[curation]\ntrigger = 40\n")
    command = [sys.executable, "-c", TOLD, "status", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    told, _, woken = done.stdout.rpartition("\n\n")
    assert {"yaml", "selftune.gate.rules", "selftune.training.config"} & set(json.loads(woken)) == set()
    by_hand = {"lessons": "0 of 40 lessons; the log does not tell how fast they come"}
    assert json.loads(told) == BEFORE | by_hand


def test_whoever_reads_where_a_project_stands_collects_again_behind_it(tmp_path):
    assert gc.isenabled()
    with pytest.raises(MissingFileError):
        read_standing(tmp_path)
    assert gc.isenabled()

"""A runner that waits holds nothing heavy: what trains is loaded when something is trained."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from selftune.bases.registry import default_home
from selftune.loop.project import create_project

HEAVY = (
    "torch",
    "transformers",
    "peft",
    "numpy",
    "scipy",
    "optuna",
    "pyarrow",
    "aiohttp",
    "xllamacpp",
    "tokenizers",
    "ray",
)
# A real night up to its first sleep: the lease is held, the agenda read, and somebody sits at the machine.
WAIT = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from selftune.app.cli.main import main  # all that the command has woken by then
from selftune.loop.night.clock import SimulatedClock
from selftune.loop.night.night import run_night
from selftune.loop.night.presence import Power, Presence
from selftune.loop.night.shift import Surroundings, Wishes
from selftune.loop.project import open_project

class Told(SimulatedClock):
    def sleep(self, seconds):
        print(json.dumps(sorted(sys.modules)))
        raise SystemExit(0)

here = Presence(power=Power(battery=True, plugged_in=True), idle_seconds=0.0)
around = Surroundings(clock=Told(datetime(2026, 11, 22, 2, 0, tzinfo=UTC)), look=lambda: here)
with open_project(Path(sys.argv[1])) as project:
    run_night(project, Wishes(now=True), around=around)
"""


def test_nothing_heavy_is_loaded_while_a_night_waits(tmp_path):
    create_project(tmp_path / "p", name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    home = tmp_path / "home"  # whose lock no other night of this machine holds
    home.mkdir()
    (home / "bases").symlink_to(default_home() / "bases")
    environment = os.environ | {"SELFTUNE_HOME": str(home)}
    command = [sys.executable, "-c", WAIT, str(tmp_path / "p")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout)
    assert "selftune.loop.night.night" in loaded
    assert [name for name in HEAVY if name in loaded] == []

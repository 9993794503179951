"""What a command wakes before it has anything to do: what takes a tenth of a second to import is left asleep."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

TRAINING = {"torch", "transformers", "trl", "peft", "datasets", "accelerate", "sympy"}
STORING = {"sqlalchemy", "alembic", "selftune.store", "selftune.loop.planning", "selftune.loop.configured"}
COUNTING = {"numpy", "scipy", "pandas", "pyarrow"}
SERVING = {"aiohttp", "xllamacpp", "asyncio"}
VALUES = {"pydantic"}  # Typer reads with it what was typed
ALL = TRAINING | STORING | COUNTING | SERVING | VALUES
ASLEEP = {
    ("--help",): ALL,
    ("cycle", "--help"): ALL - VALUES,
    ("status", "--project", "nowhere"): ALL - VALUES,
    ("cycle", "--project", "nowhere"): TRAINING | COUNTING | {"xllamacpp"},
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

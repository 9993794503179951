"""What `selftune nightly` takes while it waits: for its hour, and for the machine to be free.

    python benchmarks/idle_night.py [SECONDS]

Parity: both processes still wait at the end, and neither has begun a night. Measured are whole processes by their own
processor time and resident memory, from twenty seconds after their begin.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psutil
from figures import write_results

from selftune.loop.project import create_project, open_project
from selftune.records import Night

GOAL_SHARE: Final = 0.01
GOAL_BYTES: Final = 120e6
CLI: Final = (sys.executable, "-c", "from selftune.app.cli.main import main; main()")
_SETTLED: Final = 20.0


def make(folder: Path) -> None:
    """A project whose night begins in six hours, on a machine that counts as never idle."""
    create_project(folder, name="idle", base="reference", recipe="reference_sft", suite="state_obedience")
    begins = datetime.now(UTC) + timedelta(hours=6)
    ends = begins + timedelta(hours=3)
    config = folder / "selftune.toml"
    text = f'[nightly]\nat = "{begins:%H:%M}"\nuntil = "{ends:%H:%M}"\nonly_when = "plugged_in_and_idle"\n'
    config.write_text(f"{config.read_text()}{text}idle_minutes = 100000\n")


def watch(arguments: tuple[str, ...], folder: Path, seconds: float) -> tuple[float, int]:
    """Share of one processor core and peak resident bytes of a command that waits for so long."""
    process = subprocess.Popen(
        [*CLI, *arguments], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=None, text=True
    )
    try:
        assert process.stderr is not None
        first = process.stderr.readline()
        time.sleep(_SETTLED)
        looked = psutil.Process(process.pid)
        began, spent = time.perf_counter(), looked.cpu_times()
        peak = looked.memory_info().rss
        while time.perf_counter() - began < seconds:
            time.sleep(1.0)
            peak = max(peak, looked.memory_info().rss)
        now = looked.cpu_times()
        assert process.poll() is None, f"{arguments} ended: {first}{process.stderr.read()}"
        took = now.user - spent.user + now.system - spent.system
        return max(0.0, took) / (time.perf_counter() - began), peak
    finally:
        process.kill()
        process.wait()


def main(seconds: float = 60.0) -> None:
    """Let both wait, one after the other."""
    facts: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make(folder)
        for name, arguments in {"its hour": ("nightly",), "a free machine": ("nightly", "--now")}.items():
            share, peak = watch(arguments, folder, seconds)
            facts[name] = {"share": share, "bytes": peak}
            print(f"waiting for {name}: {share:.2%} of a core, {peak / 1e6:.0f} MB, over {seconds:g} s")
        with open_project(folder) as project:
            assert project.store.last(Night) is None
    print("parity: both still waited, and no night was put on record")
    write_results("idle_night", {"seconds": seconds, "waits": facts})
    share = max(one["share"] for one in facts.values())
    most = max(one["bytes"] for one in facts.values())
    print(
        f"ratio of a core: {share:.2%} (goal at most {GOAL_SHARE:.0%}); {most / 1e6:.0f} MB (goal {GOAL_BYTES / 1e6:g})"
    )


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))

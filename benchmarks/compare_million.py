"""What `selftune compare` takes for a million items an arm: time and memory, beside the least that could be done.

    python benchmarks/compare_million.py [ITEMS]

Two generated arms, as CSV and as JSON lines, in a temporary folder. Parity first: on a hundredth of the items both
formats give the same difference, which a bare script confirms; then whole processes are timed in turn with that script,
which reads both CSV files and prints the mean paired difference, and nothing else.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from figures import write_results

SECONDS: Final = 10.0
MEGABYTES: Final = 500.0
_ROUNDS: Final = 3
_BARE: Final = """
import csv, sys
arms = []
for path in sys.argv[1:]:
    with open(path, newline="") as stream:
        rows = csv.reader(stream)
        next(rows)
        arms.append({item: float(score) for item, score, _ in rows})
old, new = arms
print(sum(new[item] - score for item, score in old.items()) / len(old))
"""


class Cost(NamedTuple):
    """Seconds by the clock and of the processor, and peak memory in MB."""

    clock: float
    processor: float
    memory: float


def write_arms(folder: Path, items: int) -> dict[str, tuple[Path, Path]]:
    """Both arms in both formats, scores from 0 to 10 with noise and a gain of 0.05."""
    made = {}
    for suffix in ("csv", "jsonl"):
        paths = (folder / f"champion-{items}.{suffix}", folder / f"candidate-{items}.{suffix}")
        for arm, path in enumerate(paths):
            draw = random.Random(arm)  # noqa: S311 - files that can be made again
            with path.open("w", encoding="utf-8") as stream:
                stream.write("item_id,score,category\n" if suffix == "csv" else "")
                for number in range(items):
                    item, score, category = (
                        f"item-{number}",
                        round(min(10, max(0, draw.gauss(6 + 0.05 * arm, 2))), 3),
                        f"c{number % 6}",
                    )
                    row = {"item_id": item, "score": score, "category": category}
                    stream.write(f"{item},{score},{category}\n" if suffix == "csv" else json.dumps(row) + "\n")
        made[suffix] = paths
    return made


def run(*command: str) -> tuple[str, Cost]:
    """What a process prints, and what it cost."""
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in {0, 3, 4}, f"exit {process.returncode}"
    clock = time.perf_counter() - begun
    return printed, Cost(clock, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)


def compare(paths: tuple[Path, Path]) -> tuple[float, Cost]:
    """The difference, and its cost."""
    printed, cost = run(str(Path(sys.executable).with_name("selftune")), "compare", *map(str, paths), "--json")
    return json.loads(printed)["difference"], cost


def bare(paths: tuple[Path, Path]) -> tuple[float, Cost]:
    """The same of the bare script."""
    printed, cost = run(sys.executable, "-c", _BARE, *map(str, paths))
    return float(printed), cost


def main(items: int) -> None:
    """Assert parity, then measure."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        small = write_arms(folder, max(100, items // 100))
        expected, _ = bare(small["csv"])
        for paths in small.values():
            assert abs(compare(paths)[0] - expected) < 1e-9, "not the same difference"  # noqa: PLR2004 - rounding
        large = write_arms(folder, items)
        measured: dict[str, list[Cost]] = {suffix: [] for suffix in large}
        beside: list[Cost] = []
        for _ in range(_ROUNDS):
            beside.append(bare(large["csv"])[1])
            for suffix, paths in large.items():
                measured[suffix].append(compare(paths)[1])
    write_results("compare_million", {"items": items, "rounds": measured, "bare": beside})
    for suffix, rounds in measured.items():
        clock, processor = (statistics.median(column) for column in list(zip(*rounds, strict=True))[:2])
        print(
            f"{items:,} an arm, {suffix}: {clock:.1f} s by the clock (goal {SECONDS:g}), {processor:.1f} s of the "
            f"processor, {max(cost.memory for cost in rounds):.0f} MB (goal {MEGABYTES:g})"
        )
    ratios = [ours.processor / theirs.processor for ours, theirs in zip(measured["csv"], beside, strict=True)]
    print(
        f"ratio compare_million / bare script, processor: {statistics.median(ratios):.2f}x, median of {_ROUNDS} rounds"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)

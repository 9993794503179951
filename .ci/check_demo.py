"""Hold the demo to what its page promises: `check_demo.py DEMO.json SABOTAGE.json SABOTAGE_EXIT_CODE`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

OUTCOMES: Final = {"promote", "reject", "inconclusive", "invalid"}
MOST_MEMORY_BYTES: Final = 2_000_000_000
REJECTED: Final = 3


def check_demo(result: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Each promise about a full demo, and whether it was kept."""
    first, *later = result["generations"]
    yield "generation 1 is promoted", first["decision"]["outcome"] == "promote"
    yield "generation 2 is decided", bool(later) and all(turn["decision"]["outcome"] in OUTCOMES for turn in later)
    for turn in result["generations"]:
        yield from check_generation(turn, Path(result["folder"]))
    interval = first["scores"]["candidate"]["interval"]
    yield "the old model's score lies below the new one's interval", first["scores"]["champion"]["mean"] < interval[0]
    yield f"peak memory {result['peak_rss_bytes'] / 1e9:.2f} GB <= 2 GB", result["peak_rss_bytes"] <= MOST_MEMORY_BYTES


def check_generation(turn: dict[str, Any], folder: Path) -> Iterator[tuple[str, bool]]:
    """Each promise about one turn of the loop."""
    name = f"generation {turn['number']}"
    decision, release = turn["decision"], turn["release"]
    promoted = decision["outcome"] == "promote"
    yield f"{name}: the decision has a reason and checks", bool(decision["reason"] and decision["checks"])
    yield f"{name}: it is released if and only if it was promoted", (release is not None) == promoted
    yield f"{name}: both arms have n, a mean and an interval", all(map(is_measured, turn["scores"].values()))
    if release is not None:
        same = release["build_digest"] == turn["scores"]["candidate"]["build_digest"]
        yield f"{name}: what is served is what was evaluated", same
        file = folder / ".selftune" / "models" / Path(release["gguf"]).name
        yield (
            f"{name}: the served file is there, whole",
            file.is_file() and file.stat().st_size == release["size_bytes"],
        )


def is_measured(arm: dict[str, Any]) -> bool:
    """Whether an arm's mean comes with how many items and how sure."""
    low, high = arm["interval"]
    return arm["n"] > 0 and low <= arm["mean"] <= high and bool(arm["by_category"])


def check_sabotage(result: dict[str, Any], exit_code: int) -> Iterator[tuple[str, bool]]:
    """Each promise about the demo that learns from the worst answers."""
    yield f"sabotage exits {REJECTED} (it exited {exit_code})", exit_code == REJECTED
    turns = result["generations"]
    yield "sabotage is refused by the gate", [turn["decision"]["outcome"] for turn in turns] == ["reject"]
    yield "sabotage releases nothing", all(turn["release"] is None for turn in turns)


def main(demo: str, sabotage: str, exit_code: str) -> int:
    """Print every promise; exit code 1 when one was broken."""
    promises = [
        *check_demo(json.loads(Path(demo).read_text(encoding="utf-8"))),
        *check_sabotage(json.loads(Path(sabotage).read_text(encoding="utf-8")), int(exit_code)),
    ]
    for sentence, kept in promises:
        sys.stdout.write(f"{'ok    ' if kept else 'BROKEN'} {sentence}\n")
    broken = sum(not kept for _, kept in promises)
    sys.stdout.write(f"{len(promises) - broken} passed, {broken} failed\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

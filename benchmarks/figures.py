"""What the comparisons of the store share: rounds in turn, an interval, and the JSON beside the figure."""

from __future__ import annotations

import gc
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HERE: Final = Path(__file__).resolve().parent
WORDS: Final = (
    *("the", "harbour", "lamp", "asks", "twelve", "of", "bread", "quiet", "river", "and", "count", "slowly", "north"),
    *(
        "would",
        "you",
        "rather",
        "begin",
        "tomorrow",
        "with",
        "what",
        "worries",
        "least",
        "because",
        "nobody",
        "answers",
    ),
    *("answers", "before", "noon", "when", "rain", "keeps", "every", "window", "shut"),
)
# Half the width of the interval, as a share of the ratio.
_WIDEST: Final = 0.10


def in_turn(sides: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each side measures of itself, after one warm-up: first to last, then last to first."""
    for side in sides.values():
        side()
    measured: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in sides if number % 2 == 0 else reversed(sides):
            # What another side left behind is not walked through again at the expense of this one.
            gc.collect()
            measured[name].append(sides[name]())
    return measured


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """Bootstrap 95 % interval of the median: 2,000 resamples, percentile method."""
    draw = random.Random(0)  # noqa: S311 - what is drawn must repeat, not be secret
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(2000))
    return medians[49], medians[1949]


def tell(name: str, own: str, measured: dict[str, list[float]], goals: dict[str, float], **facts: Any) -> None:
    """Print each peer's time by ours as a ratio, with its goal, and write everything to `results/`."""
    told: list[str] = []
    ratios: dict[str, Any] = {}
    for peer, goal in goals.items():
        pairs = [theirs / ours for ours, theirs in zip(measured[own], measured[peer], strict=True)]
        low, high = interval(pairs)
        middle = statistics.median(pairs)
        ratios[peer] = {"ratio": middle, "interval": [low, high], "goal": goal}
        wide = (
            ", too wide to be reported: run it again on a quieter machine" if high - low > 2 * _WIDEST * middle else ""
        )
        told.append(f"ratio {name} / {peer}: {middle:.2f}x [{low:.2f}, {high:.2f}] (goal {goal:g}x){wide}")
    write_results(name, {**facts, "rounds": measured, "ratios": ratios})
    print("\n".join(told))


def write_results(name: str, record: dict[str, Any]) -> None:
    """Put what was measured beside the script, with the machine and the commit it was measured at."""
    git = shutil.which("git")
    found = git and subprocess.run([git, "rev-parse", "HEAD"], check=False, capture_output=True, text=True, cwd=HERE)
    machine = {
        "commit": found.stdout.strip() if found else None,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
    }
    (HERE / "results").mkdir(exist_ok=True)
    text = json.dumps(machine | record, indent=2)
    (HERE / "results" / f"{name}.json").write_text(text + "\n", encoding="utf-8")

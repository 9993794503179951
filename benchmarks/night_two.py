"""What one more percent of rows costs a night of curation beside the first night, once both give the same dataset.

    python benchmarks/night_two.py [--rows 10000] [--rounds 3] [--golden 0.1]

A project's store gets generated chats (a tenth of them planted near-duplicates) with a verdict each; a share of them is
golden. Night one curates them, then one percent more comes in, and night two curates again. Each night is the whole of
`curate` as the executor runs it: list what was judged, name the step, choose, and keep the dataset. Parity first: the
dataset of night two has the id of one that is made with no notes at all. Timed in seconds of the processor; importing
and judging are outside, for a verdict costs what its judge costs. A small log is curated before, so that imports count
for neither night. It also prints how many interactions night two read, and the memory that each night grew by.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any

from curate_against_datatrove import EXAMS, JUDGE, SEED, exams_in, read_pairs, write_rows

from selftune.curation.base import Judged
from selftune.curation.config import Curation
from selftune.curation.stage import curate
from selftune.loop.executor import Executor, Silent
from selftune.loop.plan import judged_log
from selftune.records import CriterionScore
from selftune.store import Store
from selftune.testing import fake_context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.curation.base import Pair, Yardstick
    from selftune.records import Dataset, Interaction, Judgement

MORE = 0.01
CRITERIA = ("accuracy", "voice", "care")
SET = Curation(trigger=1, threshold=4.5)


@dataclass(frozen=True, kw_only=True)
class Night:
    """What a night gave, and what it took: seconds of the processor, and memory in MB at its highest."""

    dataset: Dataset
    seconds: float
    peak_mb: float


def run_round(rows: Path, count: int, golden: float) -> tuple[Night, Night, bool]:
    """Night one, night two, and whether the second gave what a night without notes gives."""
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        keep_rows(store, rows, 0, count, golden)
        exams = exams_in(list(islice(read_pairs(rows), EXAMS)))
        first = run_night(store, Path(folder), exams)
        keep_rows(store, rows, count, count + int(MORE * count), golden)
        second = run_night(store, Path(folder), exams)
        judged = Judged(pairs=judged_log(store, JUDGE, ""), yardsticks=exams)
        return first, second, curate(judged, SET, fake_context(Path(folder))).id == second.dataset.id


def keep_rows(store: Store, rows: Path, start: int, end: int, golden: float) -> None:
    """Put rows into the store, each with a verdict; what is drawn depends on the row alone."""

    def said() -> Iterator[Interaction]:
        return (replace(pair.interaction, author=f"person {at % 100}") for at, pair in numbered())

    def numbered() -> Iterator[tuple[int, Pair]]:
        return islice(enumerate(read_pairs(rows)), start, end)

    ids = store.save(said(), event="imported")
    store.save(
        (verdict(pair, said_id, golden) for (_, pair), said_id in zip(numbered(), ids, strict=True)), event="judged"
    )


def verdict(pair: Pair, interaction_id: str, golden: float) -> Judgement:
    """A score by chance, on three criteria."""
    rng = Random(f"{SEED} {pair.interaction.salt}")  # noqa: S311 - what is drawn must repeat
    overall = 5.0 if rng.random() < golden else rng.choice((1.0, 2.0, 3.0, 4.0))
    scores = tuple(CriterionScore(name=name, reasoning="Because of what is said.", score=overall) for name in CRITERIA)
    return replace(pair.judgement, interaction_id=interaction_id, overall=overall, criteria=scores)


def run_night(store: Store, folder: Path, exams: tuple[Yardstick, ...]) -> Night:
    """One curation, as the executor runs it."""
    context = replace(fake_context(folder), notes=folder / "notes")
    step = Executor(store=store, context=context, observer=Silent())
    reset_peak()
    began = time.process_time()
    dataset = step(curate, Judged(pairs=judged_log(store, JUDGE, ""), yardsticks=exams), SET)
    return Night(dataset=dataset, seconds=time.process_time() - began, peak_mb=peak_mb())


def reset_peak() -> None:
    """Forget the highest memory so far, where the kernel can."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5", encoding="ascii")


def peak_mb() -> float:
    """The most memory that this process held since then; 0 where the kernel does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def main() -> None:
    """Parity, then the times; the ratio last."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--golden", type=float, default=0.1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.jsonl"
        write_rows(rows, int(asked.rows * (1 + MORE)))
        run_round(rows, min(500, asked.rows), 0.5)
        rounds = [run_round(rows, asked.rows, asked.golden) for _ in range(asked.rounds)]
    assert all(equal for *_, equal in rounds), "night two gave another dataset than a full rebuild"
    print(f"parity: in {len(rounds)} rounds night two gave the dataset of a full rebuild")
    first, second = rounds[0][0].dataset, rounds[0][1].dataset
    print(f"rows: {asked.rows} and {int(asked.rows * MORE)} more; lessons {len(first.train)} and {len(second.train)}, "
          f"held out {len(first.holdout)} and {len(second.holdout)}, rejects {len(second.rejects)}")  # fmt: skip
    report: dict[str, Any] = {
        "rows": asked.rows, "more": MORE, "golden": asked.golden, "seed": SEED, "python": platform.python_version(),
        "first_seconds": [one.seconds for one, _, _ in rounds], "second_seconds": [two.seconds for _, two, _ in rounds],
        "first_peak_mb": [one.peak_mb for one, _, _ in rounds], "second_peak_mb": [two.peak_mb for _, two, _ in rounds],
    }  # fmt: skip
    shares = sorted(two.seconds / one.seconds for one, two, _ in rounds)
    report["share"], report["lowest"], report["highest"] = median(shares), shares[0], shares[-1]
    seconds, peaks = (
        [median(report[f"{night}_{what}"]) for night in ("first", "second")] for what in ("seconds", "peak_mb")
    )
    print(
        f"night one {seconds[0]:.2f} s, night two {seconds[1]:.2f} s; peak memory {peaks[0]:.0f} and {peaks[1]:.0f} MB"
    )
    Path(__file__).with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"ratio: night two costs {report['share']:.1%} of night one [{shares[0]:.1%}, {shares[-1]:.1%}]")


if __name__ == "__main__":
    main()

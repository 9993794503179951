"""Real nights of known truth on the reference base: is a planted improvement found, and is a null ever promoted?

    python benchmarks/planted_nights.py [--seeds N] [--from SEED] [--only planted|nulls] [--folder DIR]

Every seed is a project of its own, and all of its night is real but for the clock: trainings, answers, decisions.

`planted`: a recipe that learns too slowly is trained, promoted and serves. Then comes a night of four arms: a planted
improvement (ten times the rate), a planted regression (one step) and two nulls (hardly any dropout). What goes to the
gate is what the night itself chose.

`nulls`: a recipe that learns well serves, and a night tries four arms that differ from it by nothing that matters; see
`null_nights.py`. At the slow recipe such nulls change no answer, so that they could not have been promoted.

A seed that is done is found in its folder and not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # before torch wakes: its threads wait busily

from known_truth import Champion, begin_project, spend_night, told
from null_nights import run_nulls, summarise_nulls

from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

IMPROVEMENT: Final = "learning_rate=0.001"
REGRESSION: Final = "max_steps=1"
BESIDE: Final = ("lora_dropout=0.001", "lora_dropout=0.002")
SLOW: Final = Champion(rate=1e-4, steps=32)
_LEVEL: Final = 0.95


def run_planted(folder: Path, seed: int) -> dict[str, Any]:
    """One project with its night of four arms, as figures."""
    began = begin_project(folder, seed, SLOW)
    night = told(spend_night(folder, (BESIDE[0], IMPROVEMENT, REGRESSION, BESIDE[1])))
    return {"seed": seed, "began": began, **night}


def summarise_planted(found: Sequence[dict[str, Any]]) -> list[str]:
    """What the seeds say of the planted arms, line by line, with n and intervals."""
    whole = [one for one in found if one["began"]]
    n = len(whole)
    hits = sum(one["winner"] == IMPROVEMENT for one in whole)
    promoted = sum(one["winner"] == IMPROVEMENT and one["outcome"] == "promote" for one in whole)
    regressions = sum(
        each["result"] == "kept" for one in whole for each in one["tries"] if each["changes"] == REGRESSION
    )
    lines = [f"{n} of {len(found)} seeds began with a promoted recipe"]
    for label, count in (("planted improvement went to the gate", hits), ("and was promoted", promoted)):
        low, high = wilson_interval(count, n, _LEVEL) if n else (0.0, 1.0)
        lines.append(f"{label}: {count} of {n} [{low:.2f}, {high:.2f}] (asked: at least 0.80)")
    return [*lines, f"planted regressions kept: {regressions} of {n}"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What is run of a seed, and what is said of all seeds."""

    run: Callable[[Path, int], dict[str, Any]]
    summarise: Callable[[Sequence[dict[str, Any]]], list[str]]


KINDS: Final = {
    "planted": Kind(run=run_planted, summarise=summarise_planted),
    "nulls": Kind(run=run_nulls, summarise=summarise_nulls),
}


def run_what_is_left(kind: str, seeds: range, kept: Path) -> None:
    """Run each seed that has no file yet, and write its figures once it is through."""
    for seed in seeds:
        place = kept / f"{kind}-{seed}.json"
        if place.exists():
            continue
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as scratch:
            found = KINDS[kind].run(Path(scratch) / "project", seed)
        kept.mkdir(parents=True, exist_ok=True)
        fresh = place.with_suffix(".new")
        fresh.write_text(json.dumps(found, indent=1), encoding="utf-8")
        fresh.replace(place)
        seconds = time.perf_counter() - began
        print(f"{kind} {seed}: {found['winner']}, {found['outcome']}; {seconds:.0f} s", flush=True)


def read_all(kind: str, kept: Path) -> list[dict[str, Any]]:
    """The figures of every seed that is through."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(kept.glob(f"{kind}-*.json"))]


def main() -> None:
    """Run what is not done yet, and say what all of it says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--only", choices=list(KINDS))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "selftune-planted-nights")
    wanted = parser.parse_args()
    for kind in [wanted.only] if wanted.only else KINDS:
        run_what_is_left(kind, range(wanted.first, wanted.first + wanted.seeds), wanted.folder)
        print("\n".join(KINDS[kind].summarise(read_all(kind, wanted.folder))))


if __name__ == "__main__":
    main()

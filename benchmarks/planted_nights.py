"""Real nights of known truth on the reference base: is a planted improvement found, and is a null ever promoted?

    python benchmarks/planted_nights.py [SEEDS] [--from SEED] [--folder DIR]

Each seed is a project of its own. A recipe that learns too slowly is trained, promoted and serves. Then come two nights
in simulated time, every training, every answer and every decision of them real: first one of four nulls (rank and alpha
moved together, so that the adapter's scale stays and its beginning does not), then one of four arms: a planted
improvement (ten times the rate), a planted regression (one step) and two nulls (hardly any dropout). What goes to the
gate is what the night itself chose. A seed that is done is found in its folder and not run again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import tomlkit

from selftune.app.kits import demo_kit
from selftune.app.projects import bring_base
from selftune.loop.config import CONFIG_FILE
from selftune.loop.executor import Silent
from selftune.loop.incoming.intake import let_users_ask
from selftune.loop.night.clock import SimulatedClock
from selftune.loop.night.night import run_night
from selftune.loop.night.presence import Power, Presence
from selftune.loop.night.shift import Surroundings, Wishes
from selftune.loop.project import create_project, open_project
from selftune.loop.releasing.start import put_base_into_service
from selftune.loop.runner import go_round
from selftune.records import Experiment, Outcome
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from selftune.loop.night.night import NightReport

IMPROVEMENT: Final = "learning_rate=0.001"
REGRESSION: Final = "max_steps=1"
NULLS: Final = tuple(f"lora_alpha={rank}, lora_rank={rank}" for rank in (14, 15, 17, 18))
BESIDE: Final = ("lora_dropout=0.001", "lora_dropout=0.002")
PROMPTS: Final = 240
NOBODY: Final = Presence(power=Power(battery=False, plugged_in=True), idle_seconds=None)
_RECIPE: Final = """\
# Too slow on purpose: what a night is to find is ten times the rate.
objective = "sft"
backend = "packed"
lora_rank = 16
lora_alpha = 16
learning_rate = 1e-4
batch_size = 8
accumulation = 1
max_steps = 32
max_length = 1024
least_supervised = 0.02

[ranges]
lora_rank = [1, 64]
lora_alpha = [1, 64]
lora_dropout = [0, 0.1]
learning_rate = [1e-5, 1e-2]
max_steps = [1, 64]
"""
_PROGRAM: Final = """\
# What is tried at night

## Goal

Find what is planted.

## Search space

```toml
[hyperparameters]
learning_rate = "recipe"
lora_rank = [14, 18]
lora_alpha = [14, 18]
lora_dropout = [0, 0.002]
max_steps = "recipe"
```

## Constraints

```toml
most_changes = 2
```

## Proposals

<!-- proposals:begin -->
{tries}
<!-- proposals:end -->
"""
_LEVEL_OF_LIMIT: Final = 0.99


def run_seed(folder: Path, seed: int) -> dict[str, Any]:
    """One project with its two nights, as figures."""
    kit = demo_kit("reference")
    bring_base(kit.base)
    folder.mkdir(parents=True)
    (folder / "recipes").mkdir()
    (folder / "recipes" / "slow.toml").write_text(_RECIPE, encoding="utf-8")
    create_project(folder, name="planted", base=kit.base, recipe="slow", suite=kit.suite, further=())
    write_settings(folder, seed)
    with open_project(folder) as project:
        put_base_into_service(project, Silent())
        let_users_ask(project, kit.users(seed, PROMPTS), Silent())
        first = go_round(project)
    began = first.decision is not None and first.decision.outcome is Outcome.PROMOTE
    clock = SimulatedClock(datetime(2026, 3, 20, 2, 0, tzinfo=UTC))
    nulls = spend_night(folder, clock, NULLS)
    clock.sleep(24 * 3600)
    planted = spend_night(folder, clock, (BESIDE[0], IMPROVEMENT, REGRESSION, BESIDE[1]))
    return {"seed": seed, "began": began, "nulls": nulls, "planted": planted}


def write_settings(folder: Path, seed: int) -> None:
    """Put what differs from the defaults into the project's config."""
    path = folder / CONFIG_FILE
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    changes: list[tuple[str, str, Any]] = [
        ("project", "seed", seed),
        ("curation", "trigger", 50),
        ("serving", "idle_minutes", 1.0),
        ("governance", "approve_every", 9),
        ("nightly", "screen_items", 96),
    ]
    for section, key, value in changes:
        document.setdefault(section, tomlkit.table())[key] = value
    path.write_text(tomlkit.dumps(document), encoding="utf-8")


def spend_night(folder: Path, clock: SimulatedClock, tries: tuple[str, ...]) -> dict[str, Any]:
    """One night that tries these."""
    lines = "\n".join(f"- {changes}: planted" for changes in tries)
    (folder / "program.md").write_text(_PROGRAM.format(tries=lines), encoding="utf-8")
    with open_project(folder) as project:
        around = Surroundings(clock=clock, look=lambda: NOBODY, locks=folder)
        report = run_night(project, Wishes(now=True, max_experiments=len(tries)), around=around)
    tried = {", ".join(one.changes) for one in report.experiments}
    if not tried <= set(tries):
        raise SystemExit(f"something else was tried than planted: {sorted(tried - set(tries))}")
    return told(report)


def told(report: NightReport) -> dict[str, Any]:
    """A night's figures."""
    names = {one.id: ", ".join(one.changes) for one in report.experiments}
    winner = None if report.night is None else names.get(report.night.winner or "")
    decision = report.decision
    return {
        "tries": [figures(one) for one in report.experiments],
        "winner": winner,
        "outcome": None if decision is None else decision.outcome.value,
        "gain": None if decision is None else decision.difference,
        "interval": None if decision is None else decision.interval,
        "n": None if decision is None else decision.n,
        "ended_by": None if report.night is None else report.night.ended_by,
    }


def figures(one: Experiment) -> dict[str, Any]:
    """One try."""
    effect = None if one.effect is None else [one.effect.mean, *one.effect.interval, one.effect.n]
    return {"changes": ", ".join(one.changes), "result": one.result.value, "effect": effect, "why": one.why}


def limit(n: int, chance: float = 0.05) -> int:
    """The most promotions of nulls in so many nights that chance allows at 99 %."""
    from math import comb

    share, count = 0.0, -1
    while share < _LEVEL_OF_LIMIT:
        count += 1
        share += comb(n, count) * chance**count * (1 - chance) ** (n - count)
    return count


def summarise(found: list[dict[str, Any]]) -> None:
    """Print what the seeds say, with n and intervals."""
    whole = [one for one in found if one["began"]]
    n = len(whole)
    hits = sum(one["planted"]["winner"] == IMPROVEMENT for one in whole)
    promoted = sum(one["planted"]["winner"] == IMPROVEMENT and one["planted"]["outcome"] == "promote" for one in whole)
    nights = [one["nulls"] for one in whole]
    kept = sum(try_["result"] == "kept" for night in nights for try_ in night["tries"])
    false = sum(night["outcome"] == "promote" for night in nights)
    regressions = sum(
        try_["result"] == "kept" for one in whole for try_ in one["planted"]["tries"] if try_["changes"] == REGRESSION
    )
    print(f"{n} of {len(found)} seeds began with a promoted recipe")
    for label, count in (("planted improvement went to the gate", hits), ("and was promoted", promoted)):
        low, high = wilson_interval(count, n, 0.95) if n else (0.0, 1.0)
        print(f"{label}: {count} of {n} [{low:.2f}, {high:.2f}] (asked: at least 0.80)")
    print(f"planted regressions kept: {regressions} of {n}")
    print(f"nulls kept on the screen: {kept} of {sum(len(night['tries']) for night in nights)}")
    print(f"nights of nulls promoted: {false} of {n} (at most {limit(n)} by the 99 % limit of 5 %)")


def main() -> None:
    """Run what is not done yet, and say what all of it says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("seeds", nargs="?", type=int, default=20)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "selftune-planted-nights")
    wanted = parser.parse_args()
    for seed in range(wanted.first, wanted.first + wanted.seeds):
        place = wanted.folder / f"{seed}.json"
        if not place.exists():
            with tempfile.TemporaryDirectory() as scratch:
                found = run_seed(Path(scratch) / "project", seed)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(json.dumps(found, indent=1), encoding="utf-8")
            print(json.dumps({"seed": seed, "winner": found["planted"]["winner"]}), flush=True)
    summarise([json.loads(path.read_text(encoding="utf-8")) for path in sorted(wanted.folder.glob("*.json"))])


if __name__ == "__main__":
    main()

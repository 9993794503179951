"""What nights of known truth share: a project that learns from seeded users, and a real night in simulated time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
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
from selftune.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from selftune.loop.night.night import NightReport
    from selftune.records import Experiment

NULLS: Final = ("lora_rank=17", "weights.permission=1.1", "weights.state_reference=1.05", "weights.tone=0.95")
"""Recipes that are as good. With another rank at the same alpha an adapter begins elsewhere, as under another seed, and
moves as far, for alpha over rank takes back what more rows add. A kind of lesson that is met a little more or less
often makes a pass longer or shorter by a lesson or three, and a pass of another length is shuffled otherwise: all
lessons come in another order."""

NOBODY: Final = Presence(power=Power(battery=False, plugged_in=True), idle_seconds=None)
_NAME: Final = "known_truth"
_PROMPTS: Final = 240
_RECIPE: Final = """\
objective = "sft"
backend = "packed"
lora_rank = 16
lora_alpha = 16
learning_rate = {rate}
batch_size = 8
accumulation = 1
max_steps = {steps}
max_length = 1024
least_supervised = 0.02

[ranges]
lora_rank = [1, 64]
lora_dropout = [0, 0.1]
learning_rate = [1e-5, 1e-2]
max_steps = [1, 64]
"""
# The bounds are narrow on purpose: tries nearer than a twentieth of them to what is in force would be refused.
_PROGRAM: Final = """\
# What is tried at night

## Goal

Find what is planted.

## Search space

```toml
[hyperparameters]
learning_rate = "recipe"
lora_rank = [14, 18]
lora_dropout = [0, 0.002]
max_steps = "recipe"

[curriculum]
weights.permission = [0.9, 1.1]
weights.state_reference = [0.9, 1.1]
weights.tone = [0.9, 1.1]
```

## Constraints

```toml
most_changes = 1
```

## Proposals

<!-- proposals:begin -->
{tries}
<!-- proposals:end -->
"""


@dataclass(frozen=True, kw_only=True)
class Champion:
    """How the model that serves was trained, which is the baseline of every try: a rate, for so many steps."""

    rate: float
    steps: int


def begin_project(folder: Path, seed: int, champion: Champion) -> bool:
    """A project in an empty folder whose users asked and whose first cycle is through; whether its model was promoted.

    Raises:
        FileExistsError: the folder is there already.
    """
    kit = demo_kit("reference")
    bring_base(kit.base)
    folder.mkdir(parents=True)
    (folder / "recipes").mkdir()
    recipe = _RECIPE.format(rate=champion.rate, steps=champion.steps)
    (folder / "recipes" / f"{_NAME}.toml").write_text(recipe, encoding="utf-8")
    create_project(folder, name=_NAME, base=kit.base, recipe=_NAME, suite=kit.suite, further=())
    _write_settings(folder, seed)
    with open_project(folder) as project:
        put_base_into_service(project, Silent())
        let_users_ask(project, kit.users(seed, _PROMPTS), Silent())
        first = go_round(project)
    return first.decision is not None and first.decision.outcome is Outcome.PROMOTE


def new_clock() -> SimulatedClock:
    """A clock at two in the morning of a day on which nothing is set on or back."""
    return SimulatedClock(datetime(2026, 3, 20, 2, 0, tzinfo=UTC))


def spend_night(folder: Path, tries: Sequence[str]) -> NightReport:
    """One night that tries these and nothing else."""
    lines = "\n".join(f"- {changes}: planted" for changes in tries)
    (folder / "program.md").write_text(_PROGRAM.format(tries=lines), encoding="utf-8")
    with open_project(folder) as project:
        around = Surroundings(clock=new_clock(), look=lambda: NOBODY, locks=folder)
        report = run_night(project, Wishes(now=True, max_experiments=len(tries)), around=around)
    tried = {named(one) for one in report.experiments}
    if not tried <= set(tries):
        raise SystemExit(f"something else was tried than planted: {sorted(tried - set(tries))}")
    return report


def told(report: NightReport) -> dict[str, Any]:
    """A night's figures."""
    names = {one.id: named(one) for one in report.experiments}
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
    """One try as the screen saw it."""
    effect = None if one.effect is None else [one.effect.mean, *one.effect.interval, one.effect.n]
    return {"changes": named(one), "result": one.result.value, "effect": effect, "why": one.why}


def named(one: Experiment) -> str:
    """A try by its changes."""
    return ", ".join(one.changes)


def _write_settings(folder: Path, seed: int) -> None:
    path = folder / CONFIG_FILE
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    changes: list[tuple[str, str, Any]] = [
        ("project", "seed", seed),
        ("curation", "trigger", 50),
        ("serving", "idle_minutes", 1.0),
        ("governance", "approve_every", 9),
        ("nightly", "screen_items", 96),
        ("evaluation", "prompt_only", "none"),  # the base without a prompt is one control, and enough here
    ]
    for section, key, value in changes:
        document.setdefault(section, tomlkit.table())[key] = value
    path.write_text(tomlkit.dumps(document), encoding="utf-8")

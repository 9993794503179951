"""What halving costs and misses beside training every arm to its end: `python benchmarks/halving_arms.py [ARMS]`.

A real night's arms on the reference base: recipes of other rates, ranks and batches, each trained up to every rung on
the same lessons and asked the screen as served, as nobody would at night. Then the race is run again on what was
recorded: who would have gone on, how many tokens were under the loss, and how far the arm that is left lies behind the
best of all at the end. Optuna's `SuccessiveHalvingPruner` gets the same figures at the same rungs, arm after arm, as it
is meant to be used. First the parts are held against a training in one go: the same adapter, byte for byte.
"""

from __future__ import annotations

import os

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # before torch wakes: its threads wait busily

import itertools
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from figures import write_results
from scipy.stats import kendalltau

from selftune.app.campaigns.halving import race, race_of_optuna, runs_of
from selftune.app.kits import demo_kit
from selftune.loop.cycle import prepare
from selftune.loop.executor import Silent
from selftune.loop.experiments.base import Agenda
from selftune.loop.experiments.halving import rungs_for
from selftune.loop.experiments.trial import Measured, make_bench, measure
from selftune.loop.experiments.verdict import read_screen
from selftune.loop.incoming.intake import let_users_ask
from selftune.loop.project import create_project, open_project
from selftune.loop.releasing.start import put_base_into_service
from selftune.loop.runner import hold_lease, make_executor, plan_on_record
from selftune.records import Mode
from selftune.training.resident import kept_in_memory
from selftune.training.rungs import Rung, in_rungs, train_part
from selftune.training.stage import train

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.loop.experiments.trial import Bench
    from selftune.records import Dataset, Effect, Run
    from selftune.training.config import Recipe

PROMPTS: Final = 200
RATES: Final = (1e-4, 3e-4, 5e-4, 2e-3, 4e-3, 1e-2)
RANKS: Final = (2, 8, 64)


@dataclass(frozen=True)
class Looked:
    """What a rung showed of an arm: how far from the baseline, and the tokens under the loss so far."""

    effect: Effect
    tokens: int


def arms(count: int) -> tuple[tuple[str, ...], ...]:
    """Changes of so many arms: one knob each, then two at a time."""
    rates = [(f"learning_rate={rate:g}",) for rate in RATES]
    ranks = [(f"lora_rank={rank}",) for rank in RANKS]
    both = [(*rate, *rank) for rate, rank in itertools.product(rates, ranks)]
    return tuple([*rates, *ranks, *both][:count])


def record(bench: Bench, count: int) -> list[tuple[Looked, ...]]:
    """Each arm at each rung, beside the baseline that is as far."""
    table: list[list[Looked]] = [[] for _ in range(count)]
    before: list[Measured | None] = [None] * (count + 1)
    for share in rungs_for(count):
        baseline = raise_to(bench, (), share, before[-1], None)
        before[-1] = baseline
        for place, changes in enumerate(arms(count)):
            found = raise_to(bench, changes, share, before[place], baseline)
            before[place] = found
            verdict = read_screen(baseline, found, bench.screen.suite, bench.demand)
            if verdict.effect is None:
                raise SystemExit(f"{changes} could not be compared at {share}: {verdict.why}")
            table[place].append(Looked(verdict.effect, found.run.supervised_tokens))
            print(f"{share:7.4f} {' '.join(changes):35} {verdict.effect.mean:+.3f}", flush=True)
    return [tuple(looks) for looks in table]


def raise_to(
    bench: Bench, changes: tuple[str, ...], share: float, before: Measured | None, beside: Measured | None
) -> Measured:
    """An arm trained on to a rung, built and asked."""

    def learn(dataset: Dataset, recipe: Recipe) -> Run:
        after = "" if before is None else before.run.id
        return bench.step(train_part, dataset, Rung(recipe=in_rungs(recipe), until=share, after=after))

    found = measure(bench, changes, beside=beside, learn=learn)
    if not isinstance(found, Measured):
        raise SystemExit(f"{changes} came to nothing at {share}: {found.why}")
    return found


def check_parity(bench: Bench) -> None:
    """Parity before cost: the baseline in three parts is the baseline in one."""
    recipe, dataset = in_rungs(bench.recipe_for(())), bench.dataset_for(())
    whole, after = bench.step(train, dataset, recipe), ""
    for share in (1 / 16, 1 / 4, 1.0):
        part = bench.step(train_part, dataset, Rung(recipe=recipe, until=share, after=after))
        after = part.id
    if part.adapter != whole.adapter:
        raise SystemExit("a training in three parts gave another adapter than one: no figure")


def opened(folder: Path, use: Callable[[Bench], list[tuple[Looked, ...]]]) -> list[tuple[Looked, ...]]:
    """What `use` makes of a bench over a demo's first log, answered, judged and chosen from."""
    kit = demo_kit("reference")
    folder.mkdir()
    create_project(folder, name="arms", base=kit.base, recipe=kit.recipe, suite=kit.suite, further=())
    with open_project(folder) as project:
        put_base_into_service(project, Silent())
        let_users_ask(project, kit.users(1, PROMPTS), Silent())
        with hold_lease(project), kept_in_memory():
            step = make_executor(project, Silent())
            plan = plan_on_record(project)
            prepare(plan, step)
            return use(make_bench(project, plan, step, agenda=Agenda(goal="", knobs=()), mode=Mode.FULL))


def told(table: list[tuple[Looked, ...]], left: int | None, cost: float) -> dict[str, float]:
    """What a race cost and missed, by name; who leaves nobody keeps the baseline."""
    last = [looks[-1].effect.mean for looks in table]
    best = max(0.0, *last)
    return {"full runs": cost, "behind the best at the end": best - (0.0 if left is None else last[left])}


def main(count: int = 16) -> None:
    """Record, run both races on what was recorded, and print tokens of the full grid over ours last."""
    began = time.perf_counter()

    def use(bench: Bench) -> list[tuple[Looked, ...]]:
        check_parity(bench)
        return record(bench, count)

    with tempfile.TemporaryDirectory() as scratch:
        table = opened(Path(scratch) / "arms", use)
    effects = [[look.effect for look in looks] for looks in table]
    (left, looked), (theirs, their_looks) = race(effects, 0), race_of_optuna(effects)
    ours, peer = told(table, left, runs_of(looked)), told(table, theirs, runs_of(their_looks))
    for name, figure in ours.items():
        print(f"{name}: {figure:.3f}; by Optuna's pruner {peer[name]:.3f}")
    for rung, share in enumerate(rungs_for(count)[:-1]):
        tau = kendalltau([looks[rung].effect.mean for looks in table], [looks[-1].effect.mean for looks in table])
        print(f"rung {share:g} and the end: Kendall's tau {tau.statistic:+.2f}, n = {count} arms")
    names = [" ".join(changes) for changes in arms(count)]
    print(f"{'nobody' if left is None else names[left]} is left of {count} arms; by Optuna {names[theirs]}")
    curves = [[(look.effect.mean, look.effect.n, look.tokens) for look in looks] for looks in table]
    write_results(
        "halving_arms",
        {"arms": count, "curves": curves, "ours": ours, "optuna": peer, "seconds": time.perf_counter() - began},
    )
    print(f"ratio halving_arms: {count / runs_of(looked):.2f}x fewer steps than the full grid, n = {count} arms")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

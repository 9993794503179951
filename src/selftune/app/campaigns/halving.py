"""What halving misses beside training every arm to its end, what it costs, and what of it comes past the gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.app.campaigns.comparisons import ALPHA, most_by_chance, simulations
from selftune.gate.planning import DISCORDANCE
from selftune.gate.statistics.means import paired_gain
from selftune.loop.experiments.halving import ETA, arms_at, full_runs, rungs_for, who_stays
from selftune.loop.experiments.screening import FEW_ARMS, UNITS_FOR_FEW, UNITS_FOR_MANY
from selftune.loop.experiments.verdict import SURE
from selftune.records import Effect
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ARMS: Final = 16
SEEDS: Final = 200
LEAST_GAIN: Final = 0.02
_LEVEL: Final = 0.95
_WANTED: Final = 0.95
_CHOSEN_SCREEN: Final = 21
_WHOLE_SCREEN: Final = 80
_GATE: Final = 192
"""Pairs of the drawn screen, of the whole of it, and of the suite that decides, on the reference base. Between them
stand those with fewer of which a night says that its screen is small for a race."""

_SLOW: Final = 3.0
_QUICK: Final = 15.0
_PLANTED: Final = (0.1, 0.2, 0.35)
_FEW_PLANTED: Final = 0.2


@dataclass(frozen=True, kw_only=True)
class World:
    """Arms of known gain, how soon they show it, and how many units look at them.

    Attributes:
        gains: Of each arm, when it is trained to its end.
        pace: The part of a gain that shows after a share s of the training is 1 - exp(-pace s), scaled to 1 at its
            end; each arm has its own, spread by half a factor of e.
        against: Whether rungs before the last show the opposite of what comes: the positive control.
    """

    gains: tuple[float, ...]
    units: int
    pace: float = _QUICK
    against: bool = False


def race(table: Sequence[Sequence[Effect]], seed: int) -> tuple[int | None, tuple[int, ...]]:
    """Who is left of arms of which each rung's look is known, None for nobody; and how many were looked at by rung."""
    alive: tuple[int, ...] = tuple(range(len(table)))
    looked = []
    for rung in range(len(table[0])):
        looked.append(len(alive))
        effects = {arm: table[arm][rung] for arm in alive}
        last = rung + 1 == len(table[0])
        alive = (max(effects, key=lambda arm: effects[arm].mean),) if last and effects else who_stays(effects, seed)
    return (alive[0] if alive else None), tuple(looked)


def race_of_optuna(table: Sequence[Sequence[Effect]]) -> tuple[int, tuple[int, ...]]:
    """The same by Optuna's pruner as it is meant to be used: it sees one arm after the other and waits for no rung."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=ETA)
    study = optuna.create_study(direction="maximize", pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0))
    looked = [0] * len(table[0])
    for effects in table:
        trial = study.ask()
        for rung, effect in enumerate(effects):
            looked[rung] += 1
            trial.report(effect.mean, ETA**rung)
            if rung + 1 < len(effects) and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, effects[-1].mean)
    return study.best_trial.number, tuple(looked)


def runs_of(looked: Sequence[int]) -> float:
    """What so many arms at each rung cost, in trainings to the end."""
    shares = rungs_for(ETA ** (len(looked) - 1))
    return sum(count * (share - before) for count, share, before in zip(looked, shares, (0.0, *shares), strict=False))


def draw_table(world: World, draw: Any) -> tuple[tuple[Effect, ...], ...]:
    """What every rung would show of every arm: each look with noise of its own, all of a rung beside one baseline."""
    import numpy as np

    pace = world.pace * np.exp(draw.normal(0, 0.5, len(world.gains)))
    columns = []
    for share in rungs_for(len(world.gains)):
        shown = (1 - np.exp(-pace * share)) / (1 - np.exp(-pace))
        turned = -1 if world.against and share < 1 else 1
        columns.append(_looks(np.array(world.gains) * shown * turned, world.units, draw))
    return tuple(zip(*columns, strict=True))


def _looks(gains: Any, units: int, draw: Any) -> list[Effect]:
    """One look at arms of these gains beside one baseline; two equal ones differ on `DISCORDANCE` of the units."""
    import numpy as np

    def luck(shape: tuple[int, ...]) -> Any:
        chosen = draw.random(shape)
        return np.where(chosen < DISCORDANCE / 4, 1, np.where(chosen < DISCORDANCE / 2, -1, 0))

    mended = (draw.random((len(gains), units)) < np.abs(gains)[:, None]) * np.sign(gains)[:, None]
    return [_effect(row) for row in np.clip(luck((len(gains), units)) - luck((units,)) + mended, -1, 1).tolist()]


def _effect(differences: list[float], level: float = _LEVEL) -> Effect:
    found = paired_gain(differences, level)
    return Effect(mean=found.mean, interval=found.interval, level=level, n=found.n)


def report() -> Section:
    """Regret, cost, what comes past the gate, and a screen that must lose."""
    return Section(
        title="Successive halving",
        method=f"{ARMS} arms in rungs of 1/16, 1/4 and 1 of a training, by the functions that a night calls. Two equal "
        f"arms differ on {DISCORDANCE:.0%} of the units, as planning takes it; all arms of a rung share one baseline, "
        "and each look has noise of its own. Of a gain about 60 % shows after 1/16 of the steps and nearly all after "
        f"1/4 or, where it is called slow, 17 % and half; each arm has its own pace. One arm of {ARMS}, wherever it "
        "stands, is better by what is planted, three are as much worse, twelve are nulls. Regret is by true gain; what "
        f"is worth having is {LEAST_GAIN:g}. In brackets the 95 % "
        "interval. Promised is only what training all to their end finds on the same screen as often. The gate's test "
        "is the one that ships, on units that no rung has seen, about the one arm that is left and only "
        "if the screen's own rule keeps it.",
        figures=(*_costs(), *_regrets(), *_promotions(), _control()),
        limits="Real learning curves, which cross: `python benchmarks/halving_arms.py` trains them. Screens whose "
        "items differ in how soon they are learnt. Vetoes, which hold at the gate whatever a rung has shown.",
    )


def _costs() -> Iterator[Figure]:
    for arms, promised in ((16, 2.5), (4, 2.0)):
        cost = full_runs(arms)
        told = f"{cost:g} full trainings beside the baseline's one ({', '.join(map(str, arms_at(arms)))} arms by rung)"
        yield Figure(
            name=f"{arms} arms", measured=told, promised=f"at most {promised:g} full runs", held=cost <= promised
        )


def _regrets() -> Iterator[Figure]:
    for units in (_CHOSEN_SCREEN, UNITS_FOR_MANY, _WHOLE_SCREEN, _GATE):
        for planted in _PLANTED:
            yield _regret(World(gains=_one_in_sixteen(planted), units=units), f"planted {planted:+g}, {units} units")
    for units in (_CHOSEN_SCREEN, UNITS_FOR_FEW):
        few = World(gains=(_FEW_PLANTED, -_FEW_PLANTED, *(0.0,) * (FEW_ARMS - 2)), units=units)
        yield _regret(few, f"{FEW_ARMS} arms, planted {_FEW_PLANTED:+g}, {units} units")
    for units in (_CHOSEN_SCREEN, _GATE):
        slow = World(gains=_one_in_sixteen(max(_PLANTED)), units=units, pace=_SLOW)
        yield _regret(slow, f"planted {max(_PLANTED):+g}, slow, {units} units")


def _one_in_sixteen(planted: float) -> tuple[float, ...]:
    return (planted, *(-planted,) * 3, *(0.0,) * (ARMS - 4))


def _regret(world: World, name: str) -> Figure:
    """How often each way's regret is within what is worth having; promised where training all finds as much itself."""
    ours, peers, grid, cost, their_cost = 0, 0, 0, 0.0, 0.0
    for seed in range(SEEDS):
        draw = _generator(seed)
        world = replace(world, gains=tuple(draw.permutation(world.gains).tolist()))
        table = draw_table(world, draw)
        left, looked = race(table, seed)
        theirs, their_looks = race_of_optuna(table)
        best = max(range(len(table)), key=lambda arm, last=table: last[arm][-1].mean)  # type: ignore[misc] # bound at once
        ours += _is_near(world, left)
        peers += _is_near(world, theirs)
        grid += _is_near(world, best)
        cost += runs_of(looked) / SEEDS
        their_cost += runs_of(their_looks) / SEEDS
    can_be_found = grid >= _WANTED * SEEDS
    return Figure(
        name=name,
        measured=f"{_told(ours)} for {cost:.2f} full runs; Optuna's pruner {_told(peers)} for {their_cost:.2f}; all "
        f"{len(world.gains)} to their end {_told(grid)} for {len(world.gains)}",
        promised=f"regret at most {LEAST_GAIN:g} in {_WANTED:.0%} of {SEEDS} seeds" if can_be_found else None,
        held=ours >= _WANTED * SEEDS if can_be_found else None,
    )


def _is_near(world: World, left: int | None) -> bool:
    gained = 0.0 if left is None else world.gains[left]
    return max(world.gains) - gained <= LEAST_GAIN


def _told(hits: int) -> str:
    low, high = wilson_interval(hits, SEEDS, _LEVEL)
    return f"{hits / SEEDS:.1%} [{low:.1%}, {high:.1%}]"


def _promotions() -> Iterator[Figure]:
    """Nights of nulls alone: what is left of a race goes to the gate; more arms must not come past it more often."""
    nights = simulations()
    for arms in (1, 4, 16):
        kept, promoted = 0, 0
        for night in range(nights):
            draw = _generator(night, arms)
            table = draw_table(World(gains=(0.0,) * arms, units=_CHOSEN_SCREEN), draw)
            left, _ = race(table, night)
            if left is None or not _is_kept(table[left][-1]):
                continue
            kept += 1
            (fresh,) = _looks([0.0], _GATE, draw)
            promoted += fresh.interval[0] > 0
        most = most_by_chance(nights, ALPHA)
        yield Figure(
            name=f"nights of {arms} null{'s' if arms > 1 else ''}",
            measured=f"the screen keeps one in {kept / nights:.1%}, the gate promotes {promoted} of {nights:,} "
            f"({promoted / nights:.2%})",
            promised=f"at most {most} of {nights:,}, the 99 % limit of {ALPHA:.0%}",
            held=promoted <= most,
        )


def _is_kept(effect: Effect) -> bool:
    """Whether the screen's rule on gains lets it through: at least what is worth having, and more than chance shows."""
    half = (effect.interval[1] - effect.interval[0]) / 2 * _quantile(2 * SURE - 1) / _quantile(effect.level)
    return effect.mean >= LEAST_GAIN and effect.mean - half > 0


def _quantile(level: float) -> float:
    from selftune.scoring.intervals import normal_quantile

    return normal_quantile(level)


def _control() -> Figure:
    """A screen whose early rungs show the opposite of what comes must lose, and be seen to."""
    world = World(gains=_one_in_sixteen(0.35), units=_WHOLE_SCREEN, against=True)
    near = sum(_is_near(world, race(draw_table(world, _generator(seed)), seed)[0]) for seed in range(SEEDS))
    return Figure(
        name="rungs that anti-correlate, planted +0.35",
        measured=f"regret within {LEAST_GAIN:g} in {_told(near)}",
        promised="fewer than half of the seeds: halving rests on rungs that agree with the end",
        held=near < SEEDS / 2,
    )


def _generator(seed: int, more: int = 0) -> Any:
    import numpy as np

    return np.random.default_rng((seed, more))

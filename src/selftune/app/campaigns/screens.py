"""What a screen lets through: tries of known gain and harm, read as a night reads them."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.app.campaigns.comparisons import simulations
from selftune.evals.suites import load_suite
from selftune.gate.policies import load_policy
from selftune.gate.statistics.shares import clopper_pearson
from selftune.loop.experiments.screen import draw_screen, drawable, part_of
from selftune.loop.experiments.verdict import SURE, Arm, Demand, read_screen
from selftune.records import (
    Build,
    BuildOrigin,
    Evaluation,
    ExperimentResult,
    FileDigest,
    GenerationParameters,
    ItemOutcome,
    Run,
    RunStatus,
    ServingForm,
    ServingProof,
    digest_bytes,
    digest_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selftune.records import Suite

SUITE: Final = "state_obedience_screen"
GUARDED: Final = "identity"
_FEWEST: Final = 300
_LEVEL: Final = 0.99
_RIGHT: Final = 0.6
_DISCORDANCE: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class World:
    """A baseline that is right on this share of the pairs, and a try.

    Attributes:
        gain: What the try adds to the share, in expectation; `guarded` what it adds in the guarded category instead.
        discordance: Share of the pairs that are drawn anew between any two trainings, equal ones too.
    """

    name: str
    gain: float = 0.0
    guarded: float | None = None
    right: float = _RIGHT
    discordance: float = _DISCORDANCE


NULLS: Final = (
    World(name="no gain"),
    World(name="no gain, right on 90 % of the pairs", right=0.9),
    World(name="no gain, three pairs in ten drawn anew", discordance=0.3),
)
TRIES: Final = (
    World(name="a gain of 0.05", gain=0.05),
    World(name="a gain of 0.10", gain=0.1),
    World(name="a gain of 0.20", gain=0.2),
    World(name=f"a gain of 0.20, paid for by 0.10 of {GUARDED}", gain=0.2, guarded=-0.1),
    World(name=f"a gain of 0.20, paid for by 0.40 of {GUARDED}", gain=0.2, guarded=-0.4),
    World(name="a loss of 0.10", gain=-0.1),
)


def report() -> Section:
    """How often tries of each kind are kept, on the screen as it is drawn and on the whole of its suite."""
    size = max(_FEWEST, simulations() // 3)
    return Section(
        title="What a screen lets through",
        method=f"{size:,} simulated tries in each row, on {SUITE}: the 42 items (21 pairs) that a night draws, and all "
        f"160 (80 pairs). The baseline is right on {_RIGHT:.0%} of the pairs unless said otherwise, one pair in ten is "
        f"drawn anew by the training alone; {GUARDED} is guarded. A try is kept by the night's own rule, at {SURE:.0%} "
        "one-sided; intervals are Clopper and Pearson's at 99 %.",
        figures=tuple(_figures(size)),
        limits="Answers of models: each pair is right or wrong by a random generator, and pairs do not hang together. "
        "Whatever is kept is promoted by nobody: the gate asks it other items at its own alpha.",
    )


def _figures(size: int) -> Iterator[Figure]:
    for part, screen in (("42 items", drawn_screen()), ("160 items", whole_screen())):
        for world in NULLS:
            kept = count_kept(world, screen, size)
            low, _ = clopper_pearson(kept, size, _LEVEL)
            promised = f"at most {1 - SURE:.0%}"
            yield Figure(
                name=f"{part}: {world.name}", measured=_share(kept, size), promised=promised, held=low <= 1 - SURE
            )
        for world in TRIES:
            yield Figure(name=f"{part}: {world.name}", measured=_share(count_kept(world, screen, size), size))


def count_kept(world: World, screen: Suite, size: int) -> int:
    """Of so many tries of a world those that a night would keep."""
    demand = Demand(policy=load_policy("small"), guarded=(GUARDED,))
    return sum(_is_kept(world, screen, demand, seed) for seed in range(size))


def _is_kept(world: World, screen: Suite, demand: Demand, seed: int) -> bool:
    chance = random.Random(f"{world} {len(screen.items)} {seed}")  # noqa: S311 - the draw must repeat, not be secret
    category_of = {item.pair or item.id: item.category for item in screen.items}
    before = {pair: chance.random() < world.right for pair in category_of}
    after = {pair: _changed(world, category, before[pair], chance) for pair, category in category_of.items()}
    found = read_screen(_arm("baseline", before, screen), _arm("tried", after, screen), screen, demand)
    return found.result is ExperimentResult.KEPT


def _changed(world: World, category: str, right: bool, chance: random.Random) -> bool:
    """Drawn anew by chance; then mended or lost with the probability that makes the expected gain."""
    if chance.random() < world.discordance:
        right = chance.random() < world.right
    gain = world.guarded if world.guarded is not None and category == GUARDED else world.gain
    if gain > 0:
        return right or chance.random() < gain / (1 - world.right)
    return right and chance.random() >= -gain / world.right


@lru_cache
def drawn_screen() -> Suite:
    """What a night draws of it."""
    return draw_screen(load_suite(SUITE), guarded=(GUARDED,))


@lru_cache
def whole_screen() -> Suite:
    """All of it."""
    suite = load_suite(SUITE)
    return part_of(suite, drawable(suite), purpose="screen")


def _arm(weights: str, right: Mapping[str, bool], suite: Suite) -> Arm:
    run, build = _run(weights), _build(weights)
    outcomes = tuple(
        ItemOutcome(
            item_id=item.id,
            category=item.category,
            difficulty=item.difficulty,
            score=float(right[item.pair or item.id]),
            # Alike in no two items: answers that are all the same are a collapse.
            answer=f"said to {item.id}",
            reasons=(),
            pair=item.pair,
        )
        for item in suite.items
    )
    asked = replace(_asked(weights, suite.id), outcomes=outcomes)
    return Arm(run=run, build=build, evaluation=asked)


@lru_cache
def _asked(weights: str, suite_id: str) -> Evaluation:
    """An evaluation without its answers."""
    suite = next(one for one in (drawn_screen(), whole_screen()) if one.id == suite_id)
    build = _build(weights)
    return Evaluation(
        build_id=build.id,
        build_digest=build.digest,
        proof=ServingProof(
            model_digest=build.files[0].digest,
            adapter_digest=None,
            template_digest=build.template_digest,
            fingerprint=build.files[0].digest,
            server="simulated",
            slots=1,
        ),
        suite=suite.name,
        suite_digest=digest_of(suite),
        scorer=suite.scorer,
        scorer_lineage=(),
        generation=suite.generation,
        seeds=(0,),
        outcomes=(),
    )


@lru_cache
def _build(weights: str) -> Build:
    return Build(
        origin=BuildOrigin.RUN,
        form=ServingForm.MERGED,
        quantisation="F16",
        base_digest=digest_bytes(b"simulated"),
        run_id=_run(weights).id,
        files=(FileDigest(name="model.gguf", digest=digest_bytes(weights.encode()), size_bytes=1),),
        template_digest=digest_bytes(b"simulated"),
        tokenizer_digest=digest_bytes(b"simulated"),
        system_prompt=None,
        generation=GenerationParameters(),
        size_bytes=1,
        tools=("simulated",),
    )


@lru_cache
def _run(weights: str) -> Run:
    return Run(
        recipe=weights,
        recipe_digest=digest_bytes(weights.encode()),
        dataset_id="simulated",
        base_digest=digest_bytes(b"simulated"),
        stage_history=("sft",),
        objective="sft",
        backend="simulated",
        status=RunStatus.FINISHED,
        seed=0,
        steps=1,
        planned_steps=1,
        passes=1.0,
        examples=1,
        supervised_tokens=1,
    )


def _share(hits: int, n: int) -> str:
    low, high = clopper_pearson(hits, n, _LEVEL)
    return f"kept {hits} of {n} [{low:.1%}, {high:.1%}]"

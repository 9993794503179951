"""Evidence of known truth: arms whose right and wrong answers are drawn from shares that the test sets."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from selftune.gate.base import Evidence, SuiteEvidence, Training
from selftune.records import (
    Arm,
    Build,
    Evaluation,
    GenerationParameters,
    GuardFound,
    ItemOutcome,
    JudgeIdentity,
    LiveTrial,
    Message,
    Parity,
    Run,
    RunStatus,
    Suite,
    SuiteItem,
    digest_of,
)
from selftune.testing import fake_build, fake_proof

CATEGORIES = ("field", "identity", "permission", "tone")
CHECKS_JUDGE = JudgeIdentity(name="checks", version="1")


def make_suite(pairs: int = 40, categories: tuple[str, ...] = CATEGORIES, agents: tuple[str, ...] = ()) -> Suite:
    """So many pairs in each category."""
    return Suite(
        name="worlds",
        version="1",
        description="a suite of made-up items",
        scorer="made_up",
        unit="pair",
        categories=categories,
        generation=GenerationParameters(),
        seed=1,
        items=tuple(
            SuiteItem(
                id=f"{category}-{number}-{side}",
                category=category,
                behaviour="present",
                difficulty="easy",
                messages=(Message(role="user", content="?"),),
                expect="{}",
                pair=f"{category}-{number}",
                agent=agents[number % len(agents)] if agents else None,
            )
            for category in categories
            for number in range(pairs)
            for side in ("a", "b")
        ),
    )


def make_evaluation(build: Build, suite: Suite, right: dict[str, bool | None], **changes: Any) -> Evaluation:
    """An arm that got these pairs right; None leaves a pair unscored."""
    facts: dict[str, Any] = {
        "build_id": build.id,
        "build_digest": build.digest,
        "proof": fake_proof(build),
        "suite": suite.name,
        "suite_digest": digest_of(suite),
        "scorer": suite.scorer,
        "scorer_lineage": (),
        "generation": suite.generation,
        "seeds": (11,),
        "outcomes": tuple(_outcome(item, right[item.pair or item.id]) for item in suite.items),
        "wall_seconds": 60.0,
    }
    return Evaluation(**(facts | changes))


def _outcome(item: SuiteItem, right: bool | None) -> ItemOutcome:
    return ItemOutcome(
        item_id=item.id,
        category=item.category,
        difficulty=item.difficulty,
        score=None if right is None else float(right),
        answer=f"made up for {item.id}",
        tier=item.tier,
        reasons=(),
        pair=item.pair,
        agent=item.agent,
        unscored_reason="made up" if right is None else None,
    )


def make_run(**changes: Any) -> Run:
    """A finished run that changed its weights."""
    facts: dict[str, Any] = {
        "recipe": "reference_sft",
        "recipe_digest": "sha256:0",
        "dataset_id": "dataset:0",
        "base_digest": fake_build().base_digest,
        "stage_history": ("sft",),
        "objective": "sft",
        "backend": "fake",
        "status": RunStatus.FINISHED,
        "seed": 0,
        "steps": 60,
        "planned_steps": 60,
        "passes": 1.0,
        "examples": 480,
        "supervised_tokens": 9_000,
        "mean_abs_delta": 0.001,
    }
    return Run(**(facts | changes))


def draw_pairs(suite: Suite, share: float | dict[str, float], draw: random.Random) -> dict[str, bool]:
    """Which pairs are right, each with its category's share."""
    pairs = dict.fromkeys((item.pair or item.id, item.category) for item in suite.items)
    wanted = (lambda category: share) if isinstance(share, float) else (lambda category: share[category])
    return {pair: draw.random() < wanted(category) for pair, category in pairs}


def change_pairs(
    right: dict[str, bool], *, gain: float = 0.0, discordance: float = 0.1, draw: random.Random, only: str = ""
) -> dict[str, bool]:
    """Another arm: a share of `discordance` is drawn anew, then `gain` of the pairs are mended (or lost, below zero).

    `gain` is the expected change of the mean over the pairs whose name begins with `only`.
    """
    touched = [pair for pair in right if pair.startswith(only)]
    now = dict(right)
    for pair in touched:
        if draw.random() < discordance:
            now[pair] = draw.random() < sum(right.values()) / len(right)
    pool = [pair for pair in touched if now[pair] is (gain < 0)]
    for pair in draw.sample(pool, min(len(pool), round(abs(gain) * len(touched)))):
        now[pair] = gain > 0
    return now


def make_evidence(
    champion: dict[str, bool | None],
    candidate: dict[str, bool | None],
    suite: Suite,
    *,
    run: Run | None = None,
    judge: JudgeIdentity | None = CHECKS_JUDGE,
    parity: tuple[Parity, ...] = (Parity(name="greedy", measured=1.0, threshold=0.9, n=20),),
    others: dict[Arm, dict[str, bool | None]] | None = None,
) -> Evidence:
    """Everything in order: a finished run, two servers, two weights, the same suite."""
    run = run or make_run()
    old, new = fake_build(), fake_build("tuned", run_id=run.id, parity=parity)
    return Evidence(
        champion=make_evaluation(old, suite, champion),
        candidate=make_evaluation(new, suite, candidate),
        others=tuple((arm, make_evaluation(old, suite, right)) for arm, right in (others or {}).items()),
        suite=suite,
        run=run,
        candidate_build=new,
        champion_build=old,
        judge=judge,
    )


def better_evidence(gain: float = 0.3, pairs: int = 40, seed: int = 0, **changes: Any) -> Evidence:
    """A candidate that gained so much over a champion that gets 40 % right."""
    suite = changes.pop("suite", None) or make_suite(pairs)
    draw = random.Random(seed)
    champion = draw_pairs(suite, 0.4, draw)
    return make_evidence(champion, change_pairs(champion, gain=gain, draw=draw), suite, **changes)


def with_candidate(evidence: Evidence, **changes: Any) -> Evidence:
    """The same evidence, the candidate's evaluation changed."""
    assert evidence.candidate is not None
    return replace(evidence, candidate=replace(evidence.candidate, **changes))


def make_training(suite: Suite, right: dict[str, bool], seed: int) -> Training:
    """The recipe trained under another seed, with these pairs right."""
    run = make_run(seed=seed)
    build = fake_build(f"tuned under {seed}", run_id=run.id)
    return Training(run=run, build=build, evaluation=make_evaluation(build, suite, right))


def with_further(
    evidence: Evidence,
    name: str,
    champion: dict[str, bool | None],
    candidate: dict[str, bool | None],
    base: dict[str, bool | None] | None = None,
    *,
    suite: Suite | None = None,
    purpose: str = "gate",
) -> Evidence:
    """The same evidence and one more suite, of one category unless it is given; the base is asked it where it is."""
    suite = replace(suite or make_suite(len(champion), categories=("item",)), name=name, purpose=purpose)
    old, new = evidence.champion_build, evidence.candidate_build
    asked = SuiteEvidence(
        suite=suite,
        champion=make_evaluation(old, suite, champion),
        candidate=make_evaluation(new, suite, candidate),
        others=() if base is None else ((Arm.BASE, make_evaluation(old, suite, base)),),
    )
    return replace(evidence, further=(*evidence.further, asked))


def right_up_to(right: int, units: int = 100, category: str = "item") -> dict[str, bool | None]:
    """The first so many units right, the others wrong."""
    return {f"{category}-{number}": number < right for number in range(units)}


def conversations(items: int, turns: int = 4) -> Suite:
    """Single items of so many turns each."""
    plain = make_suite(items, categories=("item",))
    talks = [
        replace(item, id=item.pair, pair=None, follow_ups=("And now?",) * (turns - 1)) for item in plain.items[::2]
    ]
    return replace(plain, unit="item", items=tuple(talks))


def breaking_at(evidence: Evidence, turn: int) -> Evidence:
    """The same evidence, the candidate giving way at this turn in each conversation of the last further suite."""
    *before, asked = evidence.further
    outcomes = tuple(replace(one, turn_of_break=turn) for one in asked.candidate.outcomes)
    return replace(evidence, further=(*before, replace(asked, candidate=replace(asked.candidate, outcomes=outcomes))))


def tiers(units: int) -> Suite:
    """Single items, the first in the gold tier, the second in the extended, the third held out, and so on."""
    plain = make_suite(units, categories=("item",))
    names = ("gold", "extended", "held_out")
    items = [
        replace(item, id=item.pair, pair=None, tier=names[place % 3]) for place, item in enumerate(plain.items[::2])
    ]
    return replace(plain, unit="item", items=tuple(items))


def make_trial(*, n: int = 200, tolerated: float = 0.02, alpha: float = 0.0125, **means: float) -> LiveTrial:
    """A made-up trial of the candidate on real requests: so much more than the champion, of what is named."""
    guards = tuple(
        GuardFound(
            name=name,
            n=n,
            mean=mean,
            interval=(mean - 0.01, mean + 0.01) if n >= 100 else (-1.0, 1.0),
            tolerated=tolerated,
            p_value=alpha / 2 if mean > tolerated and n >= 10 else 1.0,
            alpha=alpha,
        )
        for name, mean in means.items()
    )
    harmful = any(found.shows_harm for found in guards)
    return LiveTrial(
        trial=f"made up {n} {sorted(means.items())}",
        candidate_build_id=f"build:{'b' * 64}",
        champion_build_id=f"build:{'a' * 64}",
        evaluation_id=f"evaluation:{'e' * 64}",
        share=0.1,
        shadow=False,
        started_at="2026-11-22T17:00:00+00:00",
        ended_at="2026-11-22T18:00:00+00:00",
        end="returned" if harmful else "stopped",
        why="made up",
        champion_answers=9 * n,
        candidate_answers=n,
        champion_people=90,
        candidate_people=10,
        guards=guards,
    )

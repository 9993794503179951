"""Evidence of made-up nights, as the gate is given it: who scored what is typed or drawn, all else is in order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from selftune.gate.base import Evidence, Training
from selftune.records import (
    Evaluation,
    GenerationParameters,
    ItemOutcome,
    JudgeIdentity,
    Message,
    Parity,
    Run,
    RunStatus,
    Suite,
    SuiteItem,
    digest_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.records import Build

CHAMPION, CANDIDATE = "champion", "candidate"


@dataclass(frozen=True, kw_only=True)
class MadeUp:
    """One item of an exam nobody wrote."""

    name: str
    category: str
    agent: str | None = None
    tier: str = "gold"
    weight: float = 1.0


@cache
def exam_of(items: tuple[MadeUp, ...], name: str = "made up") -> Suite:
    """A suite of these items."""
    return Suite(
        name=name,
        version="1",
        description="an exam whose answers are made up",
        scorer="made_up",
        unit="item",
        categories=tuple(dict.fromkeys(item.category for item in items)),
        generation=GenerationParameters(),
        seed=1,
        items=tuple(
            SuiteItem(
                id=item.name,
                category=item.category,
                behaviour="made up",
                difficulty="made up",
                messages=(Message(role="user", content=item.name),),
                expect="{}",
                agent=item.agent,
                tier=item.tier,
                weight=item.weight,
            )
            for item in items
        ),
    )


def evidence_of(
    suite: Suite,
    champion: Sequence[float | None],
    candidate: Sequence[float | None],
    *,
    parity: float = 1.0,
    champion_server: str = CHAMPION,
    candidate_server: str = CANDIDATE,
) -> Evidence:
    """Two arms that scored so on the suite's items; None where the judge gave no verdict.

    A server shows the weights it is named by; the builds are `CHAMPION`'s and `CANDIDATE`'s, whoever serves.
    """
    from selftune.testing import fake_build

    run = _finished_run()
    found = (Parity(name="greedy", measured=parity, threshold=0.9, n=20),)
    old, new = fake_build(CHAMPION), fake_build(CANDIDATE, run_id=run.id, parity=found)
    return Evidence(
        champion=_evaluation(old, fake_build(champion_server), suite, champion),
        candidate=_evaluation(new, fake_build(candidate_server), suite, candidate),
        others=(),
        suite=suite,
        run=run,
        candidate_build=new,
        champion_build=old,
        judge=JudgeIdentity(name="checks", version="1"),
    )


def training_of(suite: Suite, scores: Sequence[float | None], seed: int) -> Training:
    """The candidate's recipe under another seed, and what that scored."""
    from selftune.testing import fake_build

    run = replace(_finished_run(), seed=seed)
    build = fake_build(f"{CANDIDATE} {seed}", run_id=run.id)
    return Training(run=run, build=build, evaluation=_evaluation(build, build, suite, scores))


@cache
def _digest(suite: Suite) -> str:
    return digest_of(suite)


def _evaluation(build: Build, served: Build, suite: Suite, scores: Sequence[float | None]) -> Evaluation:
    from selftune.testing import fake_proof

    return Evaluation(
        build_id=build.id,
        build_digest=build.digest,
        proof=fake_proof(served),
        suite=suite.name,
        suite_digest=_digest(suite),
        scorer=suite.scorer,
        scorer_lineage=(),
        generation=suite.generation,
        seeds=(1,),
        outcomes=tuple(
            ItemOutcome(
                item_id=item.id,
                category=item.category,
                difficulty=item.difficulty,
                score=score,
                answer=f"made up for {item.id}",
                reasons=(),
                agent=item.agent,
                tier=item.tier,
                weight=item.weight,
                unscored_reason="the judge was down" if score is None else None,
            )
            for item, score in zip(suite.items, scores, strict=True)
        ),
        wall_seconds=60.0,
    )


@cache
def _finished_run() -> Run:
    return Run(
        recipe="made_up",
        recipe_digest=digest_of("made_up"),
        dataset_id="dataset:made_up",
        base_digest=digest_of("made_up"),
        stage_history=("sft",),
        objective="sft",
        backend="none",
        status=RunStatus.FINISHED,
        seed=0,
        steps=1,
        planned_steps=1,
        passes=1.0,
        examples=1,
        supervised_tokens=1,
        mean_abs_delta=0.001,
    )

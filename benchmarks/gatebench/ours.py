"""Our own rule: the gate that ships, asked as a cycle asks it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.gate.base import Evidence
from selftune.gate.policies import load_policy
from selftune.gate.stage import decide
from selftune.records import (
    Build,
    Evaluation,
    GenerationParameters,
    ItemOutcome,
    JudgeIdentity,
    Message,
    Outcome,
    Parity,
    Run,
    RunStatus,
    Suite,
    SuiteItem,
    digest_of,
)
from selftune.testing import fake_build, fake_context, fake_proof

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatebench.rule import Item, Night, Scores

_CONTEXT: Final = fake_context(Path())  # the gate keeps nothing and reads no clock


class OurGate:
    """`decide` under a shipped policy; both arms are asked anew where they were chosen by these answers, or kept.

    A night holds one training, so that none is asked for under further seeds, as `strict` would.
    """

    def __init__(self, policy: str = "small") -> None:
        self._policy = replace(load_policy(policy), training_seeds=1)
        self.title = f"ours, policy {policy}"

    def promotes(self, night: Night) -> bool:
        """Only where the decision says so."""
        fresh = night.same_night and night.tried == 1
        champion, candidate = (night.champion, night.candidate) if fresh else night.ask_again()
        return self.outcome(night, champion, candidate) is Outcome.PROMOTE

    def outcome(self, night: Night, champion: Scores, candidate: Scores) -> Outcome:
        """What the gate says of these scores."""
        suite, run = _suite(night.items), _run()
        old = fake_build(night.champion_server)
        new = fake_build("weights B", run_id=run.id, parity=_parity(night))
        served = fake_build(night.candidate_server)
        evidence = Evidence(
            champion=_evaluation(old, old, suite, champion),
            candidate=_evaluation(new, served, suite, candidate),
            others=(),
            suite=suite,
            run=run,
            candidate_build=new,
            champion_build=old,
            judge=JudgeIdentity(name="checks", version="1"),
        )
        return decide(evidence, self._policy, _CONTEXT).outcome


def _parity(night: Night) -> tuple[Parity, ...]:
    return (Parity(name="greedy", measured=night.parity, threshold=0.9, n=len(night.items)),)


@cache
def _suite(items: tuple[Item, ...]) -> Suite:
    return Suite(
        name="gatebench",
        version="1",
        description="the exam of a night",
        scorer="right_or_wrong",
        unit="item",
        categories=tuple(dict.fromkeys(item.category for item in items)),
        generation=GenerationParameters(),
        seed=1,
        items=tuple(
            SuiteItem(
                id=item.name,
                category=item.category,
                behaviour="answer",
                difficulty="plain",
                messages=(Message(role="user", content=item.name),),
                expect="{}",
                tier=item.tier,
            )
            for item in items
        ),
    )


@cache
def _suite_digest(suite: Suite) -> str:
    return digest_of(suite)


@cache
def _run() -> Run:
    return Run(
        recipe="gatebench",
        recipe_digest=digest_of("gatebench"),
        dataset_id="dataset:gatebench",
        base_digest=fake_build().base_digest,
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


def _evaluation(build: Build, served: Build, suite: Suite, scores: Sequence[float | None]) -> Evaluation:
    return Evaluation(
        build_id=build.id,
        build_digest=build.digest,
        proof=fake_proof(served),
        suite=suite.name,
        suite_digest=_suite_digest(suite),
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
                answer=item.id,
                reasons=(),
                tier=item.tier,
                unscored_reason="the judge was down" if score is None else None,
            )
            for item, score in zip(suite.items, scores, strict=True)
        ),
        wall_seconds=1.0,
    )

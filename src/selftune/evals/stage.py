"""Evaluate: what a build, as served, does on a suite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.context import spread_seeds
from selftune.evals.answers import collect_answers, questions_of
from selftune.evals.base import Score
from selftune.plugins import load_plugin
from selftune.records import Evaluation, ItemOutcome, digest_of

if TYPE_CHECKING:
    from selftune.context import Context
    from selftune.evals.answers import Question, Reply
    from selftune.evals.base import Scorer
    from selftune.evals.config import EvaluationConfig
    from selftune.records import Build

STAGE_VERSION: Final = 1


def evaluate(build: Build, config: EvaluationConfig, context: Context) -> Evaluation:
    """Serve a build, ask it every item of the suite, and score what it says.

    An item that the server or the scorer failed on has no score and says why; it is never a zero.

    Raises:
        UnknownNameError: the suite's scorer is not registered.
        ServingError: the server did not start, did not prove itself, or is gone; what it said so far is kept.
    """
    scorer: Scorer = load_plugin("selftune.scorers", config.suite.scorer)()
    return evaluate_with(scorer, build, config, context)


def evaluate_with(scorer: Scorer, build: Build, config: EvaluationConfig, context: Context) -> Evaluation:
    """`evaluate` with a scorer at hand."""
    suite = config.suite
    # The suite's own seed, not the step's: whenever an arm is evaluated, it is asked with the same draws.
    seeds = tuple(spread_seeds(suite.seed, config.repeats))
    questions = questions_of(suite, seeds)
    began = context.elapsed()
    with context.serve(build, slots=config.slots) as served:
        replies = collect_answers(served, questions, build, config, context)
        proof = served.proof
    return Evaluation(
        build_id=build.id,
        build_digest=build.digest,
        proof=proof,
        suite=suite.name,
        suite_digest=digest_of(suite),
        scorer=scorer.name,
        scorer_lineage=scorer.lineage,
        generation=suite.generation,
        seeds=seeds,
        outcomes=tuple(_outcome(question, reply, scorer) for question, reply in zip(questions, replies, strict=True)),
        wall_seconds=context.elapsed() - began,
    )


def _outcome(question: Question, reply: Reply, scorer: Scorer) -> ItemOutcome:
    item = question.item
    score = _score(question, reply, scorer)
    cut = ("the answer was cut at the token limit",) if reply.cut else ()
    return ItemOutcome(
        item_id=item.id,
        category=item.category,
        difficulty=item.difficulty,
        score=score.value,
        answer=reply.text,
        reasons=(*score.reasons, *cut),
        pair=item.pair,
        agent=item.agent,
        critical_failures=score.critical_failures,
        turn_of_break=score.turn_of_break,
        unscored_reason=score.unscored_reason,
        repeat=question.repeat,
        tier=item.tier,
        weight=item.weight,
        failure=score.failure,
        measures=score.measures,
    )


def _score(question: Question, reply: Reply, scorer: Scorer) -> Score:
    if reply.failure is not None:
        return Score(value=None, unscored_reason=reply.failure)
    return scorer.score(question.item, reply.text)

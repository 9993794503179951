"""Evaluate: what a build, as served, does on a suite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.context import spread_seeds
from selftune.errors import JudgeMissingError
from selftune.evals.answers import Interview, answers_alike, drawn_order, given_out, questions_of
from selftune.evals.bundle import made_with
from selftune.evals.lengths import tokens_needed
from selftune.evals.recall import Answers, all_match, ask_anew, asked_of, grade_of, replies_of
from selftune.evals.scoring import Scoring, load_scorer, outcome_of
from selftune.records import Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.context import Context
    from selftune.evals.answers import Question
    from selftune.evals.base import Score, Scorer
    from selftune.evals.config import EvaluationConfig
    from selftune.records import Build

STAGE_VERSION: Final = 5
AS_SERVED: Final = True  # what serves names the step too


def evaluate(build: Build, config: EvaluationConfig, context: Context) -> Evaluation:
    """Serve a build, ask it every item of the suite, and score what it says.

    An item that the server, the scorer or the judge failed on has no score and says why; it is never a zero.

    Raises:
        UnknownNameError: a scorer of the suite is not registered.
        ConfigError: an item is to be graded by a judge, and none is named.
        ServingError: the server did not start, did not prove itself, or is gone; what it said so far is kept.
        JudgeMissingError: the judge grades none of the first answers, or is gone; what it said so far is kept.
        BudgetError: the money for judging is used up; what it paid for is kept.
    """
    return evaluate_with(load_scorer, build, config, context)


def evaluate_with(
    load: Callable[[str], Scorer], build: Build, config: EvaluationConfig, context: Context
) -> Evaluation:
    """`evaluate` with another way to find a scorer by its name."""
    suite = config.suite
    scoring = Scoring(suite, config.grader, load)
    # The suite's own seed, not the step's: whenever an arm is evaluated, it is asked with the same draws.
    seeds = tuple(spread_seeds(suite.seed, config.rounds))
    questions = questions_of(suite, seeds, bare=config.bare, left_open=config.left_open)
    drawn = drawn_order(suite, questions)
    began = context.elapsed()
    room = min(tokens_needed(suite, build), context.base.context_length)
    with context.serve(build, slots=config.slots, context_tokens=room) as served:
        alike = answers_alike(served, drawn[0], suite.generation)
        interview = Interview(served, questions, build, config, context)
        answers = Answers(build, served.proof, context)
        recalled = take_from_record(answers, interview, scoring, drawn, config, context)
        played = sorted(interview.play(drawn), key=lambda one: one.question.place)
        proof = served.proof
    raw, played = played, [given_out(one, config.through) for one in played]
    # The server is gone by now: a judge on this machine has its memory.
    scores = scoring.score(played, context)
    evaluation = Evaluation(
        build_id=build.id,
        build_digest=build.digest,
        proof=proof,
        suite=config.asked,
        suite_digest=config.asked_digest,
        scorer=scoring.name,
        scorer_lineage=lineage_of(scoring, scores),
        generation=suite.generation,
        seeds=seeds,
        outcomes=tuple(
            outcome_of(
                one,
                score,
                asked=asked_of(one.question, suite.generation),
                graded=scoring.graded(one.question),
                before=said.answers,
            )
            for one, said, score in zip(played, raw, scores, strict=True)
        ),
        wall_seconds=context.elapsed() - began,
        deterministic=alike,
        judge_calls=sum(score.calls for score in scores),
        cost_usd=sum(score.cost_usd for score in scores),
        recalled=recalled,
        made_with=made_with(),
    )
    answers.add(evaluation)
    return evaluation


def lineage_of(scoring: Scoring, scores: Sequence[Score]) -> tuple[str, ...]:
    """What scored: the scorers, and what each judge's server calls itself.

    Arms that were graded by another one are not compared.
    """
    judges = sorted(filter(None, {one.judged_by for one in scores}))
    return tuple(dict.fromkeys((*scoring.lineage, *judges)))


def take_from_record(
    answers: Answers,
    interview: Interview,
    scoring: Scoring,
    drawn: Sequence[Question],
    config: EvaluationConfig,
    context: Context,
) -> int:
    """Spare what is on record of this build, grades of the judge that still answers among it; returns how many answers.

    Before that some are asked and graded anew: the server must say the same again, and the judge be there.

    Raises:
        JudgeMissingError: the judge grades none of the first answers.
    """
    found = answers.find(drawn, config.suite.generation)
    anew = ask_anew(drawn, found)
    if not all_match(interview.play(anew), found):
        found = {}
    graded = [question for question in (*anew, *drawn) if scoring.is_graded(question)]
    canary = list(dict.fromkeys(graded))[: config.canary]
    scores = scoring.score(interview.play(canary), context)
    refuse_when_none_is_graded(scores)
    judges = {score.judged_by for score in scores}
    recalled = interview.recall({place: replies_of(outcome) for place, outcome in found.items()})
    grades = {
        question.place: grade_of(found[question.place])
        for question in drawn
        if question.place in found
        and found[question.place].score is not None
        and found[question.place].judged_by in judges
        and found[question.place].graded == scoring.graded(question) is not None
        # A grade was given to the build's own words.
        and config.through is None
    }
    scoring.recall(grades)
    return recalled


def refuse_when_none_is_graded(scores: Sequence[Score]) -> None:
    """Stop before the rest is asked for and paid when a judge was asked and could do nothing with the first answers.

    Raises:
        JudgeMissingError: none of them has a score.
    """
    if any(score.calls for score in scores) and all(score.value is None for score in scores):
        raise JudgeMissingError(
            f"the judge at the gate graded none of the first {len(scores)} answers: {scores[0].unscored_reason}.",
            next_step="See that its endpoint answers (`selftune doctor`), then run the same command again: what was "
            "answered and graded so far is kept.",
        )

"""What code can't score is graded by the judge that is handed in; without one, nothing is asked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from selftune.errors import ConfigError, JudgeMissingError
from selftune.evals.base import Answered, Score
from selftune.evals.config import EvaluationConfig
from selftune.evals.stage import evaluate_with
from selftune.loop.executor import describe
from selftune.testing import FakeServe, fake_build, fake_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Suite, SuiteItem


WELL = Score(value=0.75, calls=2, cost_usd=0.01)


@dataclass
class FakeGrader:
    """Gives every answer the same score; `seen` keeps what it was shown, batch by batch."""

    score: Score = WELL
    name: str = "judge:golden by a fake"
    lineage: tuple[str, ...] = ("fake-model",)
    identity: str = "fake"
    seen: list[tuple[Answered, ...]] = field(default_factory=list)

    def grade(self, answered: Sequence[Answered], context: Context) -> Iterator[Score]:
        self.seen.append(tuple(answered))
        return iter([self.score] * len(answered))


class Half:
    name = "half"
    lineage: tuple[str, ...] = ()

    def score(self, item: SuiteItem, answer: str) -> Score:
        return Score(value=0.5)


def half(name: str) -> Half:
    return Half()


@pytest.fixture
def graded(suite: Suite) -> Suite:
    """Three items by a judge, the last by code."""
    *first, last = suite.items
    return replace(suite, scorer="judge:golden", items=(*first, replace(last, scorer="half")))


def answering(text: str) -> FakeServe:
    return FakeServe(lambda build, request: text)


def test_items_name_their_scorer_and_the_suite_names_that_of_the_others(tmp_path: Path, graded: Suite) -> None:
    grader = FakeGrader()
    config = EvaluationConfig(suite=graded, grader=grader, canary=1)
    found = evaluate_with(half, fake_build(), config, fake_context(tmp_path, serve=answering("well")))
    assert [one.score for one in found.outcomes] == [0.75, 0.75, 0.75, 0.5]
    assert found.scorer == "half + judge:golden by a fake"
    assert found.scorer_lineage == ("fake-model",)
    assert (found.judge_calls, round(found.cost_usd, 6)) == (6, 0.03)
    # One before the rest is asked for, then the others; nothing is graded twice.
    assert [len(batch) for batch in grader.seen] == [1, 2]
    assert {one.scorer for batch in grader.seen for one in batch} == {"judge:golden"}


def test_a_suite_that_needs_a_judge_is_refused_before_anything_is_served(tmp_path: Path, graded: Suite) -> None:
    serve = answering("well")
    with pytest.raises(ConfigError, match="no judge is named for the gate"):
        evaluate_with(half, fake_build(), EvaluationConfig(suite=graded), fake_context(tmp_path, serve=serve))
    assert serve.started == []


def test_a_judge_beside_a_suite_of_code_leaves_no_trace(tmp_path: Path, suite: Suite) -> None:
    grader = FakeGrader()
    config = EvaluationConfig(suite=suite, grader=grader)
    found = evaluate_with(half, fake_build(), config, fake_context(tmp_path, serve=answering("well")))
    assert (found.scorer, found.scorer_lineage, grader.seen) == ("half", (), [])


def test_silence_is_worth_nothing_and_costs_nothing(tmp_path: Path, graded: Suite) -> None:
    grader = FakeGrader()
    config = EvaluationConfig(suite=graded, grader=grader)
    found = evaluate_with(half, fake_build(), config, fake_context(tmp_path, serve=answering("  ")))
    assert [one.score for one in found.outcomes] == [0.0, 0.0, 0.0, 0.5]
    assert found.outcomes[0].failure == "too_short"
    assert grader.seen == []


def test_a_judge_that_grades_none_of_the_first_answers_stops_it_before_the_rest_is_asked_for(
    tmp_path: Path, graded: Suite
) -> None:
    serve, grader = answering("well"), FakeGrader(Score(value=None, unscored_reason="no connection", calls=3))
    config = EvaluationConfig(suite=graded, grader=grader, canary=2)
    with pytest.raises(JudgeMissingError, match="none of the first 2 answers: no connection"):
        evaluate_with(half, fake_build(), config, fake_context(tmp_path, serve=serve))
    assert len(serve.started[0].asked) == 2 + 2


def test_a_step_is_named_by_the_judge_too(suite: Suite) -> None:
    plain, judged, other = (
        describe(EvaluationConfig(suite=suite, grader=grader))
        for grader in (None, FakeGrader(), FakeGrader(identity="another"))
    )
    assert plain != judged != other

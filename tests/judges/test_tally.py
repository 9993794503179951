"""Scores side by side: what we compute, what the judge gave, and failures in neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.judges.overall import holistic_score, weighted_overall
from selftune.judges.rubric import load_rubric
from selftune.judges.tally import describe_tally, tally, tally_by_category
from selftune.records import CriterionScore, JudgeIdentity, Judgement, JudgementStatus

RUBRIC = load_rubric("golden")
WHOLE = next(item.name for item in RUBRIC.criteria if item.weight == 0)


def verdict(score: float | None, own: float | None = None, *, applies=True, critical=()) -> Judgement:
    criteria = tuple(
        CriterionScore(
            name=item.name,
            reasoning="r",
            score=own if item.name == WHOLE else score if applies or item.name == "task_efficacy" else None,
        )
        for item in RUBRIC.criteria
    )
    overall = weighted_overall(criteria, RUBRIC)
    return Judgement(
        salt="s",
        interaction_id="interaction:1",
        rubric_digest=RUBRIC.id,
        judge=JudgeIdentity(name="j", version="1"),
        status=JudgementStatus.UNSCORED if overall is None else JudgementStatus.SCORED,
        criteria=criteria,
        overall=overall,
        judge_overall=None if overall is None else holistic_score(criteria, RUBRIC),
        critical_failures=critical,
    )


def test_a_failure_is_counted_and_is_in_no_mean():
    rows = [(verdict(4.0, 3.0), 3.0), (verdict(None), 0.0), (None, None), (verdict(2.0, critical=("lost",)), 0.0)]
    found = tally("all", "all", rows, RUBRIC)
    assert (found.rows, found.scored, found.mean, found.stated_mean) == (4, 2, 3.0, 1.0)
    assert (found.own_mean, found.own, found.critical) == (3.0, 1, 1)
    assert describe_tally(found).startswith("all: raw 1.00 (n = 4), corrected 3.00 [")
    assert describe_tally(found).endswith("(n = 2), the judge's own 3.00 (n = 1), 2 unscored, critical failures in 1")


def test_where_nothing_has_a_score_there_is_no_mean_and_no_interval():
    found = tally("category", "hard", [(None, None)], RUBRIC)
    assert (found.mean, found.interval, found.own_mean) == (None, None, None)
    assert describe_tally(found) == "category hard: corrected: no score, 1 unscored"


@given(st.lists(st.floats(1, 5), min_size=1, max_size=30))
def test_the_mean_lies_in_its_interval_and_both_on_the_scale(scores):
    found = tally("all", "all", [(verdict(score), None) for score in scores], RUBRIC)
    assert found.interval is not None
    assert found.mean == pytest.approx(sum(scores) / len(scores))
    assert RUBRIC.lowest <= found.interval[0] <= found.mean + 1e-9
    assert found.mean - 1e-9 <= found.interval[1] <= RUBRIC.highest


def test_a_log_is_told_as_a_whole_and_by_the_criteria_that_apply():
    whole, *parts = tally_by_category([verdict(4.0, 5.0), verdict(2.0, applies=False)], RUBRIC)
    assert (whole.rows, whole.mean, whole.own_mean) == (2, 3.0, 5.0)
    assert [(part.by, part.mean) for part in parts] == [("category", 4.0), ("category", 2.0)]
    assert len(tally_by_category([verdict(4.0)], RUBRIC)) == 1

"""Whatever stands where a verdict should, a row becomes a judgement that a record can hold, and no score is made up."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.judges.adopt import adopt_row
from selftune.judges.judged_files import JudgedRow, number, read_judged_file
from selftune.judges.rubric import load_rubric
from selftune.records import JudgementStatus, decode_record, encode_record

RUBRIC = load_rubric("character")
NAMES = [item.name for item in RUBRIC.criteria]

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # half surrogate pairs among it
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT
SCORES = st.integers(0, 10) | st.floats(0, 10)
ENTRIES = st.fixed_dictionaries({"score": SCORES, "justification": st.just("So it is.")})
ODD_ENTRIES = st.dictionaries(st.sampled_from(["score", "justification"]), SCALARS) | SCALARS
WHOLES = {"overall_score": SCALARS, "critical_failures": st.lists(SCALARS) | SCALARS, "weakest_element": SCALARS}


def adopted(scores):
    row = JudgedRow(
        name="r",
        category=None,
        difficulty=None,
        prompt="Q?",
        response="A.",
        model=None,
        scores=scores,
        stated=0.0,
        faulty=None,
    )
    judgement = adopt_row(row, "j", RUBRIC, "interaction:1", "salt")
    assert decode_record(encode_record(judgement)).id == judgement.id
    return judgement


@given(st.dictionaries(st.sampled_from(NAMES), ENTRIES | ODD_ENTRIES), st.fixed_dictionaries({}, optional=WHOLES))
def test_a_row_is_scored_from_all_its_criteria_or_unscored_with_a_reason(parts, whole):
    judgement = adopted(parts | whole)
    weighed = [parts.get(item.name) for item in RUBRIC.criteria if item.weight > 0]
    if judgement.status is JudgementStatus.UNSCORED:
        assert judgement.reason
        assert (judgement.overall, judgement.criteria) == (None, ())
        return
    scores = [entry["score"] for entry in weighed]
    assert [item.score for item in judgement.criteria[:5]] == scores
    assert min(scores) - 1e-9 <= judgement.overall <= max(scores) + 1e-9
    own = whole.get("overall_score", parts.get("overall_score"))
    assert judgement.judge_overall is None or judgement.judge_overall == own


@given(st.fixed_dictionaries(dict.fromkeys(NAMES[:5], ENTRIES), optional=WHOLES))
def test_a_whole_verdict_is_scored_whatever_stands_beside_it(scores):
    assert adopted(scores).status is JudgementStatus.SCORED


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner), max_leaves=5))
def test_anything_else_is_unscored(scores):
    assert adopted(scores).status is JudgementStatus.UNSCORED


@pytest.mark.parametrize("value", [True, "1", None, [1], float("nan"), float("inf"), -float("inf"), 10**400])
def test_only_a_finite_number_is_a_number(value):
    assert number(value) is None


def test_names_that_no_record_can_hold_are_mended_on_the_way_in(tmp_path):
    path = tmp_path / "torn.json"
    row = {"id": "r\ud83d", "prompt": "Q\ud83d?", "response": "A.", "model": "m\ud83d", "scores": {}}
    path.write_text(json.dumps({"summary": {"judge_model": "j\ud83d"}, "results": [row]}))
    file = read_judged_file(path)
    (read,) = file.rows
    assert (file.judge_model, read.name, read.prompt, read.model) == ("j\ufffd", "r\ufffd", "Q\ufffd?", "m\ufffd")

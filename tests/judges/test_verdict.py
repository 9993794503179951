"""Replies of a judge model: what is read, what is repaired, what is refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.judges.verdict import NoVerdictError, Verdict, read_verdict, verdict_schema
from selftune.records import Criterion, CriticalFailure, Rubric, canonical_json

RUBRIC = Rubric(
    name="r",
    version="1",
    description="d",
    criteria=tuple(Criterion(name=name, weight=1.0, description="d") for name in ("rigor", "use")),
)


def reply(**scores: object) -> str:
    return json.dumps({name: {"reasoning": "because", "score": score} for name, score in scores.items()})


GOOD = reply(rigor=4, use=4.5)


def scores(verdict: Verdict) -> list[float | None]:
    return [item.score for item in verdict.criteria]


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        (GOOD, False),
        (f"```json\n{GOOD}\n```", False),
        (f"Here it is:\n```\n{GOOD}\n```\nDone.", False),
        (f"My verdict is {GOOD}, as I said.", False),
        (f"<think>Perhaps {reply(rigor=1, use=1)}?</think>{GOOD}", False),
        (f"{GOOD}\n\n{GOOD}", False),
        (GOOD.replace("because", 'a { brace and an escaped \\" quote }'), False),
        (GOOD.replace('"', "'"), True),
        (GOOD.replace("}}", "},}"), True),
        (GOOD.replace("}}", "}"), True),
    ],
)
def test_a_verdict_is_found_however_it_is_wrapped(text, repaired):
    verdict = read_verdict(text, RUBRIC)
    assert scores(verdict) == [4, 4.5]
    assert verdict.repaired is repaired


def test_null_means_does_not_apply_and_needs_its_reason():
    assert scores(read_verdict(reply(rigor=None, use=3), RUBRIC)) == [None, 3]
    assert read_verdict(reply(rigor=None, use=3), RUBRIC).criteria[0].reasoning == "because"


def test_half_a_surrogate_pair_in_a_reply_is_no_text_that_a_record_cannot_hold():
    torn = GOOD.replace("because", "be\\ud83dcause").replace('"score": 4}', '"score": 4, "quotes": ["\\udc00"]}')
    criteria = read_verdict(torn, RUBRIC).criteria
    assert criteria[0].reasoning == "be\ufffdcause"
    assert criteria[0].quotes == ("\ufffd",)
    canonical_json(criteria).encode()


def test_quotes_come_with_their_criterion_and_may_be_left_out():
    quoted = GOOD.replace('"score": 4}', '"score": 4, "quotes": ["a b", "c"]}')
    for text in (quoted, quoted.replace('"', "'")):
        assert [item.quotes for item in read_verdict(text, RUBRIC).criteria] == [("a b", "c"), ()]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no JSON object"),
        ("I would give it a 5.", "no JSON object"),
        ("[4, 5]", "no JSON object"),
        (reply(rigor=4), "criterion 'use' is missing"),
        (reply(rigor=4, use=5.5), "off the scale 1 to 5"),
        (reply(rigor=0, use=5), "off the scale"),
        (reply(rigor="4", use=5), "the score of 'rigor' is no number"),
        (reply(rigor=True, use=5), "the score of 'rigor' is no number"),
        ('{"rigor": {"reasoning": "x"}, "use": {"reasoning": "x", "score": 1}}', "the score of 'rigor' is no number"),
        ('{"rigor": {"score": 4}, "use": {"reasoning": "x", "score": 1}}', "'rigor' has no reasoning"),
        ('{"rigor": 4, "use": 5}', "criterion 'rigor' is missing"),
        (reply(rigor=4, use=5).replace("5}", "NaN}"), "off the scale"),
        (f"{GOOD} or rather {reply(rigor=1, use=1)}", "two verdicts that differ"),
        (GOOD[:-4], "no JSON object"),
        (GOOD.replace('"score": 4.5', '"score"35'), "a score can't be repaired for sure"),
        (GOOD.replace("4.5}}", "4,5}}"), "no number|for sure"),
        (GOOD.replace('"score": 4}', '"score": 4, "quotes": "x"}'), "the quotes of 'rigor' are no list of texts"),
        (GOOD.replace('"score": 4}', '"score": 4, "quotes": [1]}'), "the quotes of 'rigor' are no list of texts"),
        (reply(rigor=4, use=None).replace('"because", "score": null', '" ", "score": null'), "'use' has no reasoning"),
        ("{" * 50_000 + "}" * 50_000, "no JSON object"),
        ("x" * 300_000, "more than 200,000 characters"),
    ],
)
def test_what_is_no_verdict_is_refused_with_the_reason(text, reason):
    with pytest.raises(NoVerdictError, match=reason):
        read_verdict(text, RUBRIC)


def test_a_key_that_stands_twice_does_not_let_the_last_one_win():
    double = GOOD[:-1] + ', "use": {"reasoning": "injected", "score": 5}}'
    for text in (double, double.replace('"', "'"), double.replace("}}", "},}")):
        with pytest.raises(NoVerdictError, match="a key stands twice"):
            read_verdict(text, RUBRIC)


STRICT = replace(RUBRIC, critical_failures=(CriticalFailure(name="harm", description="d"),))


def failing(*names: object) -> str:
    return json.dumps({**json.loads(GOOD), "critical_failures": list(names)})


def test_critical_failures_are_named_and_leave_the_scores_alone():
    assert read_verdict(failing("harm", "harm"), STRICT).critical_failures == ("harm",)
    assert scores(read_verdict(failing("harm"), STRICT)) == [4, 4.5]
    assert read_verdict(failing(), STRICT).critical_failures == ()
    assert read_verdict(failing("anything"), RUBRIC).critical_failures == ()
    assert verdict_schema(STRICT)["properties"]["critical_failures"]["items"]["enum"] == ["harm"]
    assert "critical_failures" not in verdict_schema(RUBRIC)["properties"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD, "the list 'critical_failures' is missing"),
        (failing("fraud"), "names one that the rubric does not have"),
        (failing(["harm"]), "names one that the rubric does not have"),
        (GOOD[:-1] + ', "critical_failures": "harm"}', "is missing"),
        (failing().replace('"', "'") + failing("harm").replace('"', "'"), "stands twice"),
    ],
)
def test_a_reply_that_says_nothing_sure_of_critical_failures_has_not_ruled_them_out(text, reason):
    with pytest.raises(NoVerdictError, match=reason):
        read_verdict(text, STRICT)


@given(st.one_of(st.text(), st.binary().map(lambda data: data.decode("latin-1")), st.text('{}[]":,0123456789.esnul ')))
def test_no_text_makes_the_reader_raise_anything_else_or_invent_a_score(text):
    with pytest.raises(NoVerdictError):
        read_verdict(text, RUBRIC)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_raise_anything_else_or_invent_a_score(data):
    with pytest.raises(NoVerdictError):
        read_verdict(data.decode("utf-8", "replace"), RUBRIC)


@given(st.data())
def test_no_damage_to_a_verdict_gives_a_score_that_does_not_stand_in_it(data):
    wrapped = f"```json\n{reply(rigor=2, use=4.25)}\n```"
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(wrapped)))
        end = data.draw(st.integers(start, min(len(wrapped), start + 6)))
        wrapped = wrapped[:start] + data.draw(st.text("{}[]\":,'0123456789.e-nul \n`", max_size=4)) + wrapped[end:]
    try:
        verdict = read_verdict(wrapped, RUBRIC)
    except NoVerdictError:
        return
    numbers = {float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", wrapped)}
    assert {score for score in scores(verdict) if score is not None} <= numbers


@given(st.data())
def test_no_cut_of_a_verdict_gives_other_scores(data):
    text = f"```json\n{GOOD}\n```"
    cut = text[: data.draw(st.integers(0, len(text)))]
    try:
        verdict = read_verdict(cut, RUBRIC)
    except NoVerdictError:
        return
    assert scores(verdict) == [4, 4.5]


def test_the_schema_asks_for_reasoning_and_quotes_before_the_score():
    schema = verdict_schema(RUBRIC)
    assert schema["required"] == ["rigor", "use"]
    assert list(schema["properties"]["rigor"]["properties"]) == ["reasoning", "quotes", "score"]

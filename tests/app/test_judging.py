"""Verdicts of another judge come in: failures are named, never zeros, and our overall stands beside its own."""

from __future__ import annotations

import json
import math

import pytest

from selftune.app.judging import import_judged
from selftune.errors import MissingFileError, UnknownNameError, UsageError
from selftune.judges.adopted import describe_adopted, warn_of_mixing
from selftune.judges.rubric import load_rubric
from selftune.records import Interaction, Judgement, JudgementStatus, Quarantined

PARTS = {"voice_authenticity": 8, "rhetorical_pattern": 9, "historical_accuracy": 10, "position_fidelity": 7}
WHOLE = {"strongest_element": "voice", "weakest_element": "length", "critical_failures": []}


def verdict(integrity: object = 6, **more: object) -> dict[str, object]:
    parts = PARTS | {"character_integrity": integrity}
    return {name: {"score": score, "justification": f"{name} is so."} for name, score in parts.items()} | WHOLE | more


def failed(said: str) -> dict[str, object]:
    parts = {name: {"score": 0, "justification": said} for name in [*PARTS, "character_integrity"]}
    return parts | {"overall_score": 0.0, "critical_failures": [said]}


def row(name: str, scores: object, stated: float = 0.0, **more: object) -> dict[str, object]:
    said = {"prompt": f"Question {name}?", "response": f"<think>hm</think>Answer {name}.", "model": "small-model"}
    return {"id": name, **said, "scores": scores, "overall_score": stated} | more


ROWS = [
    row("fine", verdict(overall_score=8.1), 8.1),
    row("hard", verdict(overall_score=6.9, critical_failures=["slang"]), 6.9),
    row("bare", verdict()),
    row("lost", failed("Parse error")),
]


def judged_file(folder, rows, name="judged.json"):
    path = folder / name
    path.write_text(json.dumps({"summary": {"judge_model": "judge-1", "overall_mean": 3.75}, "results": rows}))
    return path


def test_every_row_is_scored_or_named_and_a_missing_overall_is_no_zero(project, tmp_path):
    (one,) = import_judged(project, [judged_file(tmp_path, ROWS)])
    assert (one.whole.rows, one.whole.scored, one.outage, one.judge) == (4, 3, False, "judge-1")
    assert one.unscored == (("lost", "the judge failed: Parse error"),)
    assert one.whole.mean == pytest.approx(8.1)
    assert (one.whole.own_mean, one.whole.own) == (pytest.approx(7.5), 2)
    assert one.whole.interval is not None
    assert one.whole.interval[0] < 8.1 < one.whole.interval[1]
    assert one.stated_mean == 3.75
    assert (one.without_own, one.zeroed, one.hidden) == (("bare",), ("bare", "lost"), ("hard",))
    assert one.largest_gap == pytest.approx(-1.2)
    kept = [record for _, record in project.store.each(Judgement)]
    assert [item.status.value for item in kept] == ["scored"] * 3 + ["unscored"]
    assert [item.judge_overall for item in kept] == [8.1, 6.9, None, None]
    assert kept[3].overall is None
    assert [item.critical_failures for item in kept] == [(), ("named_by_the_judge",), (), ()]
    assert "slang" in kept[1].criteria[-1].reasoning
    assert kept[0].judge.lineage == ("judge-1",)
    assert kept[0].rubric_digest == load_rubric("character").id


def test_raw_and_corrected_stand_side_by_side_and_are_not_to_be_mixed(project, tmp_path):
    good = judged_file(tmp_path, [row("fine", verdict(overall_score=8.1), 8.1)] * 2, "good.json")
    bad = judged_file(tmp_path, ROWS, "bad.json")
    outcome = import_judged(project, [good, bad])
    told = "\n".join(line for one in outcome for line in describe_adopted(one))
    assert "all: raw 3.75 (n = 4), corrected 8.10 [" in told
    assert "(n = 3), the judge's own 7.50 (n = 2), 1 unscored" in told
    assert "the file says 3.75, in which 2 failures stand as zeros: bare, lost" in told
    mind, step = warn_of_mixing(outcome)
    assert mind.startswith("mind: hold raw against raw and corrected against corrected")
    assert "corrected 8.10 to 8.10, raw 3.75 to 3.75; mixed it would read 8.10 to 3.75, 4.35 of it from 2 zeros" in step
    assert list(warn_of_mixing(outcome[:1])) == []
    assert list(warn_of_mixing([outcome[0], outcome[0]])) == []


def test_each_category_and_difficulty_has_its_raw_and_corrected_mean(project, tmp_path):
    rows = [row | {"category": f"c{n // 2}", "difficulty": "hard"} for n, row in enumerate(ROWS)]
    (one,) = import_judged(project, [judged_file(tmp_path, rows)])
    told = [(p.by, p.name, p.rows, p.scored, p.mean, p.stated_mean, p.critical) for p in one.parts]
    assert told == [
        ("category", "c0", 2, 2, pytest.approx(8.1), pytest.approx(7.5), 1),
        ("category", "c1", 2, 1, pytest.approx(8.1), 0, 0),
        ("difficulty", "hard", 4, 3, pytest.approx(8.1), pytest.approx(3.75), 1),
    ]


def test_the_answers_come_through_the_door_and_nothing_is_trained_on_them(project, tmp_path):
    rows = [row("mail", verdict(), response="Write to anna@example.org."), ROWS[0]]
    import_judged(project, [judged_file(tmp_path, rows)])
    first, second = (record for _, record in project.store.each(Interaction))
    assert "anna@example.org" not in first.messages[-1].content
    assert "redacted" in first.flags
    assert (second.answer, second.messages[-1].reasoning, second.generated_by) == ("Answer fine.", "hm", "small-model")
    assert not any(item.consent.train or item.consent.send for item in (first, second))
    ids = [record.interaction_id for _, record in project.store.each(Judgement)]
    assert ids == [first.id, second.id]


def test_importing_twice_adds_nothing_and_says_the_same(project, tmp_path):
    path = judged_file(tmp_path, ROWS)
    first = import_judged(project, [path])
    assert import_judged(project, [path]) == first
    assert (project.store.count(Interaction), project.store.count(Judgement)) == (4, 4)


def test_a_file_on_which_the_judge_always_failed_is_an_outage_and_gives_no_mean(project, tmp_path):
    rows = [row(str(n), failed("Judge error:  no\nkey")) for n in range(3)]
    (one,) = import_judged(project, [judged_file(tmp_path, rows)])
    assert one.outage
    assert (one.whole.scored, one.whole.mean, one.whole.interval) == (0, None, None)
    assert {reason for _, reason in one.unscored} == {"the judge failed: Judge error: no key"}


def test_verdicts_by_another_rubric_are_unscored_but_no_outage(project, tmp_path):
    (one,) = import_judged(project, [judged_file(tmp_path, ROWS[:2])], rubric="golden")
    assert not one.outage
    assert one.unscored[0] == ("fine", "criterion 'logical_rigor' is missing")


def test_a_judge_that_means_a_zero_gets_its_zero(project, tmp_path):
    zeros = {name: {"score": 0, "justification": "Out of the frame."} for name in [*PARTS, "character_integrity"]}
    (one,) = import_judged(project, [judged_file(tmp_path, [row("none", zeros | {"overall_score": 0})])])
    assert (one.whole.scored, one.whole.mean, one.largest_gap) == (1, 0, 0)


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (None, "the row has no verdict"),
        (verdict(11), "the score of 'character_integrity' is no number from 0 to 10"),
        (verdict("6"), "the score of 'character_integrity' is no number"),
        (verdict(True), "the score of 'character_integrity' is no number"),
        (verdict(math.nan), "the score of 'character_integrity' is no number"),
        (verdict(voice_authenticity={"score": 5, "justification": " "}), "'voice_authenticity' has no reasoning"),
        (verdict(voice_authenticity=5), "criterion 'voice_authenticity' is missing"),
    ],
)
def test_a_verdict_with_a_fault_is_unscored_with_the_reason(project, tmp_path, scores, reason):
    (one,) = import_judged(project, [judged_file(tmp_path, [row("odd", scores)])])
    assert (one.whole.scored, one.outage) == (0, False)
    assert reason in one.unscored[0][1]


def test_a_row_that_is_no_prompt_with_an_answer_is_set_aside_and_the_others_keep_their_places(project, tmp_path):
    rows = [row("odd", verdict(), response=None), ROWS[0]]
    (one,) = import_judged(project, [judged_file(tmp_path, rows)])
    assert one.unscored == (("odd", "it is no prompt with an answer"),)
    assert project.store.count(Quarantined) == 1
    (kept,) = (record for _, record in project.store.each(Judgement))
    assert (kept.status, kept.overall) == (JudgementStatus.SCORED, pytest.approx(8.1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("\xff", "is no JSON"),
        ("[]", "no list 'results'"),
        ('{"results": [1]}', "no list 'results'"),
    ],
)
def test_a_file_of_another_kind_is_refused_before_anything_comes_in(project, tmp_path, text, message):
    other = tmp_path / "other.json"
    other.write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=message):
        import_judged(project, [judged_file(tmp_path, ROWS), other])
    with pytest.raises(MissingFileError, match=r"no file .*none\.json"):
        import_judged(project, [judged_file(tmp_path, ROWS), tmp_path / "none.json"])
    with pytest.raises(UnknownNameError, match="Did you mean 'character'"):
        import_judged(project, [judged_file(tmp_path, ROWS)], rubric="charakter")
    assert project.store.count(Interaction) == 0


# Counted and averaged without the code under test: rows scored, unscored, without an overall of the judge's own, of
# those shown as a zero by the file; the mean of ours, and the file's own.
FIELD = {
    "eval-orpo-v3b-judged-20260326-083716.json": (0, 36, 0, 36, None, 0.0),
    "eval-orpo-v3b-judged-20260326-final.json": (32, 4, 5, 9, 4.675, 3.41),
    "eval-orpo-v4-judged-20260327-215302.json": (31, 5, 8, 13, 2.984, 1.74),
    "eval-qwen3-sft-v2-judged-20260330-080742.json": (31, 5, 6, 5, 2.634, 2.19),
    "eval-qwen3-v1-judged-20260329-215556.json": (36, 0, 3, 0, 8.814, 8.8),
    "eval-qwen3-v3-lr8e6-judged-20260330-125201.json": (35, 1, 3, 1, 8.084, 7.84),
}


def test_the_verdicts_of_the_field_come_in_whole_with_every_failure_named(project, field_data):
    paths = sorted((field_data / "foundry/judged").glob("*.json"))
    outcome = {one.file: one for one in import_judged(project, paths)}
    assert {
        name: (
            one.whole.scored,
            len(one.unscored),
            len(one.without_own),
            len(one.zeroed),
            None if one.whole.mean is None else round(one.whole.mean, 3),
            one.stated_mean,
        )
        for name, one in outcome.items()
    } == FIELD
    assert [name for name, one in outcome.items() if one.outage] == [next(iter(FIELD))]
    for path in paths:
        summary = json.loads(path.read_text())["summary"]
        stated = {part.name: part.stated_mean for part in outcome[path.name].parts}
        assert stated == pytest.approx(summary["by_category"] | summary["by_difficulty"], abs=0.0051)
    criticals = [sum(part.critical for part in one.parts if part.by == "category") for one in outcome.values()]
    assert criticals == [0, 24, 22, 25, 7, 11]
    (slip,) = (line for line in warn_of_mixing(list(outcome.values())) if "-v4-" in line)
    assert (
        "corrected 8.81 to 2.98, raw 8.80 to 1.74; mixed it would read 8.81 to 1.74, 1.24 of it from 13 zeros" in slip
    )
    kept = [record for _, record in project.store.each(Judgement)]
    assert (len(kept), sum(item.status is JudgementStatus.SCORED for item in kept)) == (216, 165)
    reasons = {reason for one in outcome.values() for _, reason in one.unscored}
    assert reasons == {"the judge failed: Parse error", "the judge failed: Judge error: '\\n \"voice_authenticity\"'"}
    assert [one.hidden for one in outcome.values()] == [()] * 6  # none above a point of ten; -0.6 at most
    assert min(one.largest_gap for one in outcome.values() if one.largest_gap is not None) == pytest.approx(-0.6)

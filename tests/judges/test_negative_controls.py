"""Constant, empty, null and echoing answers earn nothing under any shipped rubric, whatever the judge says.

`state_obedience` is scored by code (`test_checks.py` has the whole table). The other rubrics only a model can read, and
nobody knows what it finds: so here a FAKE one, labelled so, finds everything perfect. One more FAKE shows that low
scores arrive as low overalls.
"""

from __future__ import annotations

import json

import pytest

from selftune.app.campaigns.controls import count_golden
from selftune.curation.base import Pair
from selftune.curation.filters import NotSuspected
from selftune.judges.attacks.poses import OPEN_QUESTIONS, honest, poses, said
from selftune.judges.checks import ChecksJudge
from selftune.judges.config import Judging
from selftune.judges.fake import FAKE_MODEL, FakeJudgeServer, fake_verdict
from selftune.judges.oracle import OracleJudge
from selftune.judges.rubric import load_rubric, shipped_rubrics
from selftune.judges.stage import judge
from selftune.records import Feedback, Interaction, JudgementStatus, Message, Trigger
from selftune.scoring.poses import Pose
from selftune.testing import fake_context

QUESTION = "Tell me the last song."
STATE = '{"identity.name": "Brigo", "memory.song": "Fobro", "tone": "warm"}'
POSES = {"constant": "Yes, of course.", "empty": "", "echo": QUESTION}
ANSWER = 'I looked up "memory.song": "Fobro".'


def interaction(answer: str) -> Interaction:
    return Interaction(
        salt="s",
        conversation="c",
        task_id="t",
        trigger=Trigger.USER,
        messages=(
            Message(role="system", content=f"== STATE ==\n{STATE}\n== END STATE ==\nObey the state."),
            Message(role="user", content=QUESTION),
            Message(role="assistant", content=answer),
        ),
        source="test",
        position=answer,
        state=STATE,
    )


def critical_fake(rubric):
    """A FAKE judge that knows the three poses: its lowest score for them, its highest for anything else."""

    def behave(number, body):
        turns = [json.loads(line) for line in body["messages"][1]["content"].split("\n") if line.startswith("{")]
        said = turns[-1].get("content", "")
        score = rubric.lowest if said in POSES.values() else rubric.highest
        return 200, fake_verdict({item.name: score for item in rubric.criteria}), "stop"

    return behave


MODEL_ONLY = [name for name in shipped_rubrics() if name != "state_obedience"]


@pytest.mark.parametrize("name", MODEL_ONLY)
def test_a_pose_that_the_judge_sees_through_is_far_from_golden_under_every_rubric(name):
    rubric = load_rubric(name)
    with FakeJudgeServer(critical_fake(rubric)).running() as server:
        judge = OracleJudge.from_config(Judging(name="oracle", rubric=name, endpoint=server.url, model=FAKE_MODEL))
        poses = [judge.judge(interaction(answer), rubric, "salt") for answer in POSES.values()]
        control = judge.judge(interaction(ANSWER), rubric, "salt")
    assert [item.overall for item in poses] == [rubric.lowest] * 3
    assert [item.judge_overall for item in poses] == [rubric.lowest] * 3
    assert control.overall == rubric.highest


@pytest.mark.parametrize("pose", POSES)
def test_code_sees_through_the_same_poses_by_itself(pose):
    rubric = load_rubric("state_obedience")
    judged = ChecksJudge().judge(interaction(POSES[pose]), rubric, "salt")
    control = ChecksJudge().judge(interaction(ANSWER), rubric, "salt")
    assert judged.status is JudgementStatus.SCORED
    assert judged.overall is not None
    # A flawless form is worth a little by itself; what was asked for stays in the lower half, and so golden stays far.
    asked = next(item.score for item in judged.criteria if item.name == "state_reference")
    assert asked is not None
    assert asked < (rubric.lowest + rubric.highest) / 2
    assert judged.overall < rubric.golden - 1
    assert control.overall == rubric.highest


def praise(rubric):
    """A FAKE judge that finds everything perfect."""
    return lambda *_: (200, fake_verdict({item.name: rubric.highest for item in rubric.criteria}), "stop")


@pytest.mark.parametrize("name", shipped_rubrics())
def test_no_pose_becomes_golden_before_a_judge_that_finds_everything_perfect(name):
    assert not count_golden(name, list(poses()))


def test_an_honest_answer_that_looks_like_a_pose_becomes_golden_before_the_same_judge():
    asked = list(honest())
    assert count_golden("golden", asked).total() == len(asked) > 50


def test_a_pose_keeps_its_scores_and_says_what_it_is_and_needs_no_second_call(tmp_path):
    rubric = load_rubric("golden")
    log = [said(OPEN_QUESTIONS[0], "null"), said(OPEN_QUESTIONS[0], OPEN_QUESTIONS[0])]
    with FakeJudgeServer(praise(rubric)).running() as server:
        asking = Judging(
            name="oracle", rubric="golden", endpoint=server.url, model=FAKE_MODEL, spoiled_copies_from=rubric.golden
        )
        got = list(judge(iter(log), asking, fake_context(tmp_path)))
    assert [(item.status, item.overall, item.flags) for item in got] == [
        (JudgementStatus.SCORED, 5.0, (Pose.EMPTY,)),
        (JudgementStatus.SCORED, 5.0, (Pose.ECHO,)),
    ]
    assert len(server.asked) == 2
    reasons = [
        NotSuspected().objection(Pair(interaction=item, judgement=found)) for item, found in zip(log, got, strict=True)
    ]
    assert reasons == ["empty answer: no word, or the name of nothing", "echo: the answer is the question"]


def test_a_persons_correction_stands_in_for_an_answer_that_is_none(tmp_path):
    rubric = load_rubric("golden")
    empty = said(OPEN_QUESTIONS[0], "")
    corrected = Interaction(**(vars(empty) | {"feedback": Feedback(correction="Iron it through brown paper.")}))
    with FakeJudgeServer(praise(rubric)).running() as server:
        asking = Judging(name="oracle", rubric="golden", endpoint=server.url, model=FAKE_MODEL)
        found = list(judge([empty, corrected], asking, fake_context(tmp_path)))
    assert NotSuspected().objection(Pair(interaction=empty, judgement=found[0])) is not None
    assert NotSuspected().objection(Pair(interaction=corrected, judgement=found[1])) is None

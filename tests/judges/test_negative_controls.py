"""Constant, empty and echoing answers earn nothing under any shipped rubric.

`state_obedience` is scored by code (`test_checks.py` has the whole table). The other rubrics only a model can read:
there a FAKE judge, labelled so, stands in, and what is shown is that its low scores arrive as low overalls.
"""

from __future__ import annotations

import json

import pytest

from selftune.judges.checks import ChecksJudge
from selftune.judges.config import Judging
from selftune.judges.fake import FAKE_MODEL, FakeJudgeServer, fake_verdict
from selftune.judges.oracle import OracleJudge
from selftune.judges.rubric import load_rubric, shipped_rubrics
from selftune.records import Interaction, JudgementStatus, Message, Trigger

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

"""Every judge of ours keeps the contract that one from outside is held to."""

from __future__ import annotations

import json

import pytest

from selftune.judges.checks import ChecksJudge
from selftune.judges.config import Judging, Member
from selftune.judges.fake import FAKE_MODEL, FakeJudgeServer, fake_verdict
from selftune.judges.oracle import OracleJudge
from selftune.judges.pairwise import PairwiseJudge
from selftune.judges.panel import PanelJudge
from selftune.judges.rubric import load_rubric
from selftune.records import Interaction, Message, Rejected, Trigger
from selftune.testing import JudgeContract

RUBRIC = load_rubric("state_obedience")
STATE = json.dumps({"identity.name": "Brigo", "memory.song": "Fobro"})
SONG = Interaction(
    salt="s",
    conversation="c",
    task_id="t",
    trigger=Trigger.USER,
    source="test",
    position="1",
    state=STATE,
    messages=(
        Message(role="system", content=f"== STATE ==\n{STATE}\n== END STATE ==\nObey the state."),
        Message(role="user", content="Tell me the last song."),
        Message(role="assistant", content='I looked up "memory.song": "Fobro".'),
    ),
    rejected=(Rejected(at=2, messages=(Message(role="assistant", content="Something by Ludo."),)),),
)
ENDPOINT = {}


def kindly(number, body):
    """A FAKE judge: 4 for an answer, and of two answers always the one that says Fobro."""
    shown = body["messages"][1]["content"]
    turns = [json.loads(line) for line in shown.split("\n") if line.startswith("{")]
    score = 5 if turns[-1]["role"] == "answer 2" and "Fobro" in turns[-1].get("content", "") else 1
    score = score if any(turn["role"].startswith("answer") for turn in turns) else 4
    return 200, fake_verdict(dict.fromkeys([item.name for item in RUBRIC.criteria], score)), "stop"


@pytest.fixture(scope="module", autouse=True)
def endpoint():
    with FakeJudgeServer(kindly).running() as server:
        ENDPOINT["url"] = server.url
        yield


def at_endpoint(kind, **changes):
    return lambda: kind.from_config(Judging(endpoint=ENDPOINT["url"], model=FAKE_MODEL, at_once=3, **changes))


class OnTheSong(JudgeContract):
    rubric = RUBRIC
    scorable = SONG


class TestChecks(OnTheSong):
    subject = ChecksJudge


class TestOracle(OnTheSong):
    subject = staticmethod(at_endpoint(OracleJudge))


class TestPairwise(OnTheSong):
    subject = staticmethod(at_endpoint(PairwiseJudge))


class TestPanel(OnTheSong):
    @staticmethod
    def subject():
        members = (Member(name="checks"), Member(endpoint=ENDPOINT["url"], model=FAKE_MODEL))
        return PanelJudge.from_config(Judging(name="panel", members=members, at_once=3))

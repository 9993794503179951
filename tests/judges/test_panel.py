"""A panel: medians, what its members differ in, and what becomes of members that fail."""

from __future__ import annotations

import json
from contextlib import ExitStack
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_logs import log

from selftune.errors import BudgetError, ConfigError, JudgeMissingError
from selftune.judges.config import Judging, Member
from selftune.judges.fake import FakeJudgeServer, fake_verdict
from selftune.judges.panel import PanelJudge
from selftune.judges.purse import Prices
from selftune.judges.rubric import load_rubric
from selftune.judges.stage import judge
from selftune.records import (
    CriterionScore,
    Interaction,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    Trigger,
    decode_record,
    encode_record,
)
from selftune.testing import MemoryWork, fake_context

RUBRIC = load_rubric("golden")
NAMES = [item.name for item in RUBRIC.criteria]


class Opinion:
    """A judge of a fixed opinion."""

    def __init__(self, name: str, score: float | None, *, lineage=("m",), critical=()) -> None:
        self.identity = JudgeIdentity(name=name, version="1", lineage=lineage)
        self._score = score
        self._critical = critical

    def judge(self, interaction, rubric, salt) -> Judgement:
        facts = {"salt": salt, "interaction_id": interaction.id, "rubric_digest": rubric.id, "judge": self.identity}
        if self._score is None:
            return Judgement(**facts, status=JudgementStatus.UNSCORED, reason="it was asleep")
        criteria = tuple(
            CriterionScore(name=item.name, reasoning=f"{self.identity.name} says so", score=self._score)
            for item in rubric.criteria
        )
        return Judgement(
            **facts,
            status=JudgementStatus.SCORED,
            criteria=criteria,
            overall=self._score,
            critical_failures=self._critical,
        )


def panel(*scores: float | None, quorum: int = 2, disagreement: float = 0.25) -> Judgement:
    members = [Opinion(f"m{place}", score) for place, score in enumerate(scores)]
    return PanelJudge(members, quorum=quorum, disagreement=disagreement).judge(log(1)[0], RUBRIC, "salt")


def test_the_median_counts_and_the_spread_stands_beside_it():
    said = panel(2.0, 4.0, 5.0)
    assert (said.overall, said.judge_overall, said.status) == (4, 4, JudgementStatus.SCORED)
    assert said.criteria[0].spread == 3
    assert said.flags == ("disagreement",)
    assert said.criteria[0].reasoning == "m0: m0 says so\nm1: m1 says so\nm2: m2 says so"
    assert [(member.judge.name, member.overall) for member in said.members] == [("m0", 2), ("m1", 4), ("m2", 5)]
    assert decode_record(encode_record(said), Judgement) == said


def test_a_gap_that_is_no_wider_than_stated_marks_nothing():
    assert panel(4.0, 5.0).flags == ()
    assert panel(3.9, 5.0).flags == ("disagreement",)


def test_a_member_without_a_score_is_named_and_the_rest_decides_while_it_makes_a_quorum():
    said = panel(4.0, None, 5.0)
    assert said.overall == 4.5
    assert [(member.judge.name, member.reason) for member in said.members if member.overall is None] == [
        ("m1", "it was asleep")
    ]
    silent = panel(4.0, None, None)
    assert (silent.status, silent.overall) == (JudgementStatus.UNSCORED, None)
    assert silent.reason == "1 of 3 members scored, 2 must: m1: it was asleep; m2: it was asleep"


def test_a_critical_failure_that_one_member_names_is_not_outvoted():
    named = Opinion("strict", 5.0, critical=("persona_lost",))
    said = PanelJudge([named, Opinion("mild", 5.0)], quorum=2, disagreement=0.25).judge(log(1)[0], RUBRIC, "salt")
    assert said.critical_failures == ("persona_lost",)
    assert said.overall == 5


def test_a_panel_descends_from_all_that_its_members_descend_from():
    members = [Opinion("a", 1.0, lineage=("qwen",)), Opinion("b", 1.0, lineage=("llama", "qwen")), Opinion("c", 1.0)]
    assert PanelJudge(members, quorum=2, disagreement=0.25).identity.lineage == ("qwen", "llama", "m")


@given(st.lists(st.floats(1, 5), min_size=2, max_size=5))
def test_the_order_of_the_members_changes_no_score(scores):
    def verdict(order):
        said = panel(*order)
        return said.overall, [item.spread for item in said.criteria], said.flags

    assert verdict(scores) == verdict(scores[::-1])
    assert min(scores) - 1e-9 <= verdict(scores)[0] <= max(scores) + 1e-9


def answers(score: float):
    return lambda n, body: (200, fake_verdict(dict.fromkeys(NAMES, score)), "stop")


def config(*servers: FakeJudgeServer, **changes) -> Judging:
    members = tuple(
        Member(endpoint=server.url, model=f"m{place}", prices=Prices(prompt=1.0, completion=1.0))
        for place, server in enumerate(servers)
    )
    facts = {"name": "panel", "rubric": "golden", "members": members, "retry_wait_seconds": 0.0}
    return Judging(**(facts | {"timeout_seconds": 60.0, "max_attempts": 1} | changes))


def test_a_panel_of_endpoints_judges_a_log_in_order_asks_each_once_and_nobody_twice(tmp_path):
    with ExitStack() as stack:
        servers = [stack.enter_context(FakeJudgeServer(answers(score)).running()) for score in (3.0, 4.0, 5.0)]
        asking, work = config(*servers, at_once=4), MemoryWork(tmp_path)
        got = list(judge(log(30), asking, fake_context(tmp_path, work=work)))
        assert [item.interaction_id for item in got] == [item.id for item in log(30)]
        assert {item.overall for item in got} == {4}
        assert [len(server.asked) for server in servers] == [30, 30, 30]
        assert got[0].prompt_tokens == 300
        assert got[0].cost_usd == pytest.approx(3 * 110 / 1e6)
        again = list(judge(log(30), asking, fake_context(tmp_path, records=got)))
        assert again == got
        assert [len(server.asked) for server in servers] == [30, 30, 30]


def test_the_members_of_a_panel_work_at_the_same_time(tmp_path):
    """Each server answers only once the other one was asked as well."""
    both = Barrier(2, timeout=60.0)

    def together(n, body):
        both.wait()
        return answers(4.0)(n, body)

    with ExitStack() as stack:
        servers = [stack.enter_context(FakeJudgeServer(together).running()) for _ in range(2)]
        got = list(judge(log(3), config(*servers, at_once=1), fake_context(tmp_path)))
    assert [item.overall for item in got] == [4.0] * 3


def test_a_member_that_is_down_costs_a_panel_of_three_nothing_and_a_panel_of_two_its_verdicts(tmp_path):
    def down(n, body):
        return 500, "", ""

    with ExitStack() as stack:
        good, fine, dead = (
            stack.enter_context(FakeJudgeServer(behave).running()) for behave in (answers(4.0), answers(5.0), down)
        )
        got = list(judge(log(3), config(good, fine, dead), fake_context(tmp_path)))
        assert {item.overall for item in got} == {4.5}
        assert {item.members[2].reason for item in got} == {"no verdict after 1 tries: HTTP 500"}
        with pytest.raises(JudgeMissingError, match="1 of 2 members scored, 2 must"):
            list(judge(log(3), config(good, dead), fake_context(tmp_path)))


def test_the_members_share_one_budget(tmp_path):
    with ExitStack() as stack:
        servers = [stack.enter_context(FakeJudgeServer(answers(4.0)).running()) for _ in range(2)]
        got = []
        with pytest.raises(BudgetError):
            got.extend(judge(log(200), config(*servers, budget_usd=0.02), fake_context(tmp_path)))
        calls = sum(len(server.asked) for server in servers)
        assert 0 < len(got) < 200
        assert calls * 110 / 1e6 <= 0.02


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"members": ()}, "needs two"),
        ({"members": (Member(name="checks"), Member(name="checks"))}, "a member stands twice"),
        ({"quorum": 3}, "quorum must lie between 1 and 2"),
        ({"disagreement": 2.0}, "disagreement must lie between 0 and 1"),
    ],
)
def test_a_panel_that_makes_no_sense_is_refused(changes, message):
    members = (Member(name="checks"), Member(endpoint="http://127.0.0.1:9/v1", model="m"))
    with pytest.raises(ConfigError, match=message):
        PanelJudge.from_config(Judging(**({"name": "panel", "members": members} | changes)))


def test_code_may_sit_beside_a_model(tmp_path):
    state = json.dumps({"identity.name": "Brigo", "memory.song": "Fobro"})
    item = Interaction(
        salt="s",
        conversation="c",
        task_id="t",
        trigger=Trigger.USER,
        source="test",
        position="0",
        state=state,
        messages=(
            Message(role="system", content=f"== STATE ==\n{state}\n== END STATE ==\nObey the state."),
            Message(role="user", content="Tell me the last song."),
            Message(role="assistant", content='I looked up "memory.song": "Fobro".'),
        ),
    )
    names = [criterion.name for criterion in load_rubric("state_obedience").criteria]
    with FakeJudgeServer(lambda n, body: (200, fake_verdict(dict.fromkeys(names, 4.0)), "stop")).running() as server:
        members = (Member(name="checks"), Member(endpoint=server.url, model="m"))
        (said,) = judge([item], Judging(name="panel", members=members), fake_context(tmp_path))
    assert said.overall == 4.5
    assert [member.judge.name for member in said.members] == ["checks", "oracle:m"]

"""Two answers compared in both orders: what the order decides is a tie, and a clear case ends early."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.errors import BudgetError
from selftune.judges.config import Judging
from selftune.judges.fake import FAKE_MODEL, FakeJudgeServer, fake_verdict
from selftune.judges.pairwise import (
    FIRST_WON,
    LAST_WON,
    ORDER_DEPENDENT,
    Contest,
    PairwiseJudge,
    compare_answers,
    kept_first,
    kept_last,
)
from selftune.judges.purse import Prices, Purse
from selftune.judges.rubric import load_rubric
from selftune.judges.stage import judge
from selftune.records import Interaction, JudgementStatus, Message, Rejected, Trigger
from selftune.scoring.sequential import SequentialPlan, Verdict
from selftune.testing import fake_context

RUBRIC = load_rubric("golden")
NAMES = [item.name for item in RUBRIC.criteria]


def pair(kept: str, lost: str | None, number: int = 0) -> Interaction:
    prompt = Message(role="user", content=f"Question {number}?")
    rejected = () if lost is None else (Rejected(at=1, messages=(Message(role="assistant", content=lost),)),)
    return Interaction(
        salt=f"s{number}",
        conversation="c",
        task_id="t",
        trigger=Trigger.USER,
        source="test",
        position=str(number),
        messages=(prompt, Message(role="assistant", content=kept)),
        rejected=rejected,
    )


def config(server: FakeJudgeServer, **changes) -> Judging:
    facts = {"name": "pairwise", "rubric": "golden", "endpoint": server.url, "model": FAKE_MODEL}
    return Judging(**(facts | {"retry_wait_seconds": 0.0, "timeout_seconds": 60.0} | changes))


def answers_in(body) -> list[str]:
    turns = [json.loads(line) for line in body["messages"][1]["content"].split("\n") if line.startswith("{")]
    return [turn["content"] for turn in turns if turn["role"].startswith("answer")]


def prefers(better):
    """A FAKE judge: `better(first, second)` gives its score for all criteria."""

    def behave(number, body):
        return 200, fake_verdict(dict.fromkeys(NAMES, better(*answers_in(body)))), "stop"

    return behave


def longer(first: str, second: str) -> float:
    return 1.0 if len(first) > len(second) else 5.0 if len(second) > len(first) else 3.0


def judged(behave, item: Interaction, **changes):
    with FakeJudgeServer(behave).running() as server:
        return PairwiseJudge.from_config(config(server, **changes)).judge(item, RUBRIC, "salt"), server


def test_the_better_answer_wins_in_both_orders_and_the_prompt_says_nothing_of_who_wrote_it():
    won, server = judged(prefers(longer), pair("a longer answer", "short"))
    assert (won.overall, won.status, won.flags) == (5, JudgementStatus.SCORED, ())
    assert (won.attempts, won.prompt_tokens) == (2, 200)
    assert sorted(map(answers_in, server.asked)) == [["a longer answer", "short"], ["short", "a longer answer"]]
    shown = server.asked[0]["messages"][1]["content"]
    assert not any(word in shown for word in ("rejected", "chosen", "kept", "assistant"))
    assert "critical_failures" not in json.dumps(server.asked[0]["response_format"])
    lost, _ = judged(prefers(longer), pair("short", "a longer answer"))
    assert lost.overall == 1


def test_a_judge_that_prefers_a_place_finds_nothing_but_ties():
    said, _ = judged(prefers(lambda first, second: 1.0), pair("a longer answer", "short"))
    assert (said.overall, said.flags) == (3, (ORDER_DEPENDENT, FIRST_WON))
    assert said.criteria[0].spread == 4
    assert "kept answer first:" in said.criteria[0].reasoning


def test_an_order_without_a_verdict_leaves_the_pair_unscored():
    said, _ = judged(lambda n, body: (200, "both fine", "stop"), pair("one", "two"), at_once=1)
    assert (said.status, said.overall) == (JudgementStatus.UNSCORED, None)
    assert "no JSON object" in (said.reason or "")


def test_an_answer_without_a_rival_costs_no_call():
    said, server = judged(prefers(longer), pair("alone", None))
    assert said.reason == "there is no second answer to compare with"
    assert server.asked == []


@given(st.text(min_size=1), st.text(min_size=1))
def test_the_two_views_are_each_other_with_the_answers_changed_over(kept, lost):
    first, last = kept_first(pair(kept, lost)), kept_last(pair(kept, lost))
    assert [turn.content for turn in first.messages[1:]] == [kept, lost]
    assert [turn.content for turn in last.messages[1:]] == [lost, kept]
    assert first.messages[0] == last.messages[0]
    assert [turn.role for turn in first.messages] == [turn.role for turn in last.messages]


def test_a_log_of_pairs_is_judged_by_name_in_order(tmp_path):
    log = [pair("long enough" if number % 2 else "no", "middling", number) for number in range(12)]
    with FakeJudgeServer(prefers(longer)).running() as server:
        got = list(judge(log, config(server, at_once=4), fake_context(tmp_path)))
        assert [item.interaction_id for item in got] == [item.id for item in log]
        assert [item.overall for item in got] == [5 if number % 2 else 1 for number in range(12)]
        again = list(judge(log, config(server), fake_context(tmp_path, records=got)))
    assert again == got
    assert len(server.asked) == 24


def contests(count: int, won: float) -> list[Contest]:
    draw = random.Random(3)
    prompt = (Message(role="user", content="Which is longer?"),)
    return [
        Contest(prompt=prompt, ours="long answer" if draw.random() < won else "no", theirs="middling")
        for _ in range(count)
    ]


def salts():
    counted = iter(range(10**6))
    return lambda: f"{next(counted):08x}"


def compared(count: int, won: float, *, plan=None, at_once=4, better=longer, purse=None, **changes):
    with FakeJudgeServer(prefers(better)).running() as server:
        judge_ = PairwiseJudge.from_config(config(server, at_once=at_once, **changes))
        outcome = compare_answers(
            judge_, contests(count, won), RUBRIC, draw_salt=salts(), plan=plan, purse=purse or Purse()
        )
        return outcome, len(server.asked)


def test_all_contests_count_where_no_plan_stops_them():
    outcome, asked = compared(30, 0.7)
    assert outcome.wins + outcome.losses == outcome.scored == 30
    assert (outcome.ties, outcome.consistent, outcome.unscored, outcome.sequential) == (0, 30, (), None)
    assert outcome.consistency_interval == pytest.approx((0.886, 1.0), abs=0.001)
    assert outcome.calls == asked == 60


@pytest.mark.parametrize(("won", "verdict"), [(1.0, Verdict.BETTER), (0.0, Verdict.NOT_BETTER)])
def test_a_clear_case_stops_early_and_asks_for_little_more(won, verdict):
    outcome, asked = compared(200, won, plan=SequentialPlan())
    assert outcome.sequential is not None
    assert outcome.sequential.verdict is verdict
    assert outcome.sequential.n in {11, 17}
    assert outcome.scored == outcome.sequential.n
    assert asked <= 2 * (outcome.sequential.n + 4)


def test_a_judge_that_prefers_a_place_gives_no_winner_and_its_consistency_is_nought():
    outcome, _ = compared(20, 0.7, better=lambda first, second: 1.0)
    assert (outcome.wins, outcome.ties, outcome.losses, outcome.consistent) == (0, 20, 0, 0)
    assert outcome.consistency_interval is not None
    assert outcome.consistency_interval[1] < 0.2


def test_contests_without_a_verdict_are_named_and_count_for_nobody():
    with FakeJudgeServer(lambda n, body: (200, "no idea", "stop")).running() as server:
        judge_ = PairwiseJudge.from_config(config(server))
        outcome = compare_answers(judge_, contests(3, 1.0), RUBRIC, draw_salt=salts(), plan=SequentialPlan())
    assert (outcome.scored, outcome.sequential, outcome.consistency_interval) == (0, None, None)
    assert [place for place, _ in outcome.unscored] == [0, 1, 2]


def test_a_purse_that_is_empty_stops_a_comparison():
    with pytest.raises(BudgetError):
        compared(50, 1.0, purse=Purse(0.0001), prices=Prices(prompt=1.0, completion=1.0))


def told_judge(favourite):
    """A FAKE judge that knows who is who, as in the 50 escalating prompts of the field: it names its favourite."""

    def behave(number, body):
        turns = [json.loads(line) for line in body["messages"][1]["content"].split("\n") if line.startswith("{")]
        seats = [place for place, turn in enumerate(turns[-2:]) if favourite in json.dumps(turn)]
        # The one contestant whom it is told to be the favourite; without a name the one that stands first.
        score = RUBRIC.lowest if not seats or seats[0] == 0 else RUBRIC.highest
        return 200, fake_verdict(dict.fromkeys(NAMES, score)), "stop"

    return behave


def test_the_known_flaw_of_a_fixed_order_with_names_wins_everything_and_here_nothing():
    """Mission D13: the order of the contestants is fixed and the judge is told which is which."""
    contests = [
        Contest(prompt=(Message(role="user", content=f"Q{n}"),), ours=f"a{n}", theirs=f"b{n}") for n in range(12)
    ]
    favourite = "madison-v4"
    with FakeJudgeServer(told_judge(favourite)).running() as server:
        asking = PairwiseJudge.from_config(config(server))
        found = compare_answers(asking, contests, RUBRIC, draw_salt=lambda: f"{random.random()}")
        # The control: the flawed protocol, one order and a name on the seat, gives all twelve to the favourite.
        named = [Contest(prompt=c.prompt, ours=f"{favourite}: {c.ours}", theirs=f"rival: {c.theirs}") for c in contests]
        flawed = compare_answers(asking, named, RUBRIC, draw_salt=lambda: f"{random.random()}")
        asked = server.asked[: 2 * len(contests)]
    assert (found.wins, found.ties, found.losses, found.consistent) == (0, 12, 0, 0)
    assert (flawed.wins, flawed.consistent) == (12, 12)
    assert not any(favourite in json.dumps(body) or FAKE_MODEL in json.dumps(body["messages"]) for body in asked)


def test_a_verdict_that_the_order_decides_says_which_place_won():
    with FakeJudgeServer(prefers(lambda first, second: RUBRIC.lowest)).running() as server:
        first = PairwiseJudge.from_config(config(server)).judge(pair("good", "bad"), RUBRIC, "salt")
    with FakeJudgeServer(prefers(lambda first, second: RUBRIC.highest)).running() as server:
        last = PairwiseJudge.from_config(config(server)).judge(pair("good", "bad"), RUBRIC, "salt")
    assert first.flags == (ORDER_DEPENDENT, FIRST_WON)
    assert last.flags == (ORDER_DEPENDENT, LAST_WON)

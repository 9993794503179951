"""Money: what a verdict costs, what it can cost at most, and a budget that is never passed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_logs import log

from selftune.errors import BudgetError, ConfigError
from selftune.judges.config import Judging
from selftune.judges.fake import FAKE_MODEL, FakeJudgeServer, fake_verdict
from selftune.judges.oracle import OracleJudge
from selftune.judges.purse import Prices, Purse, Usage
from selftune.judges.rubric import load_rubric
from selftune.judges.stage import judge
from selftune.records import JudgementStatus
from selftune.testing import MemoryWork, fake_context

# The list price of the judge in performance.md: $3 and $15 for a million tokens, a tenth for what was read before.
PRICES = Prices(prompt=3.0, completion=15.0, cached=0.3)
RUBRIC = load_rubric("golden")
GOOD = fake_verdict(dict.fromkeys([item.name for item in RUBRIC.criteria], 5.0))
USAGE = {"prompt_tokens": 3000, "completion_tokens": 500}


def config(server: FakeJudgeServer, **changes) -> Judging:
    facts = {"name": "oracle", "rubric": "golden", "endpoint": server.url, "model": FAKE_MODEL, "prices": PRICES}
    return Judging(**(facts | {"retry_wait_seconds": 0.0, "timeout_seconds": 60.0} | changes))


def test_a_call_costs_what_its_tokens_cost():
    # 1,154 judgements of 3k in and 0.5k out are $19 at $3 / $15 per million tokens: performance.md, "Cost".
    assert 1154 * PRICES.cost(Usage(prompt=3000, completion=500)) == pytest.approx(19.04, abs=0.01)
    assert PRICES.cost(Usage(prompt=3000, completion=500, cached=2000)) == pytest.approx(0.0111)
    assert Prices(prompt=3.0, completion=15.0).cost(Usage(prompt=3000, completion=0, cached=2000)) == 0.009


tokens = st.integers(0, 5000)


@given(tokens, tokens, tokens, st.floats(0, 100), st.floats(0, 100), st.one_of(st.none(), st.floats(0, 100)))
def test_no_call_costs_more_than_was_put_aside(prompt, cached, completion, a, b, c):
    prices = Prices(prompt=a, completion=b, cached=c)
    usage = Usage(prompt=prompt, completion=completion, cached=min(cached, prompt))
    assert prices.cost(usage) <= prices.at_most(prompt_bytes=prompt, max_tokens=completion) * (1 + 1e-9)


@given(st.floats(0, 10), st.lists(st.tuples(st.floats(0, 3), st.floats(0, 1), st.booleans()), max_size=40))
def test_what_is_spent_and_what_is_under_way_stay_within_the_budget_together(budget, calls):
    purse, open_calls = Purse(budget), []
    for most, share, finish in calls:
        if purse.reserve(most):
            open_calls.append((most, most * share))
        if finish and open_calls:
            purse.settle(*open_calls.pop(0))
        assert purse.committed_usd <= budget + 1e-6
    for call in open_calls:
        purse.settle(*call)
    assert purse.reserved_usd == 0


def test_without_a_budget_nothing_is_refused():
    assert Purse().reserve(1e9)


def test_each_verdict_says_what_it_cost_and_the_batch_what_it_came_to(tmp_path):
    heard = []
    usage = USAGE | {"prompt_tokens_details": {"cached_tokens": 2000}}
    with FakeJudgeServer(lambda n, body: (200, GOOD, "stop"), usage=usage).running() as server:
        got = list(judge(log(4), config(server), fake_context(tmp_path, report=heard.append)))
    assert [item.cost_usd for item in got] == pytest.approx([0.0111] * 4)
    assert (got[0].prompt_tokens, got[0].completion_tokens, got[0].cached_tokens) == (3000, 500, 2000)
    planned = heard[0].note
    assert planned.startswith("4 to judge: about ")
    assert planned.endswith(", by the size of the transcripts")
    tokens, cost = re.findall(r"about ([\d,]+) tokens, (\$[\d.]+)", planned)[0]
    assert heard[-1].note == f"judged, 14,000 of about {tokens} tokens, $0.0444 of about {cost}"


def test_a_failed_try_is_paid_for_too_and_an_answer_that_nobody_counted_at_its_most(tmp_path):
    def unusable_once(n, body):
        return (200, "five", "stop") if n == 0 else (200, GOOD, "stop")

    with FakeJudgeServer(unusable_once, usage=USAGE).running() as server:
        (twice,) = judge(log(1), config(server), fake_context(tmp_path))
    assert (twice.attempts, twice.cost_usd) == (2, pytest.approx(2 * 0.0165))
    with FakeJudgeServer(lambda n, body: (200, GOOD, "stop"), usage=None).running() as server:
        (uncounted,) = judge(log(1), config(server), fake_context(tmp_path))
    assert uncounted.status is JudgementStatus.SCORED
    assert uncounted.cost_usd > 4096 * 15 / 1e6
    assert uncounted.prompt_tokens == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prices": Prices(), "budget_usd": 1.0}, "budget_usd needs prices"),
        ({"budget_usd": -1.0}, "budget_usd is negative"),
        ({"prices": Prices(prompt=-1.0)}, "a price is negative"),
        ({"at_once": 0}, "at_once must be 1 or more"),
        ({"timeout_seconds": 0.0}, "timeout_seconds must be above 0"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_by_name(changes, message):
    facts = {"endpoint": "http://127.0.0.1:9/v1", "model": "m", "prices": PRICES}
    with pytest.raises(ConfigError, match=message):
        OracleJudge.from_config(Judging(**(facts | changes)))


def most_of_one(tmp_path) -> float:
    with FakeJudgeServer(lambda n, body: (200, GOOD, "stop"), usage=None).running() as server:
        (dear,) = judge(log(1), config(server), fake_context(tmp_path))
    return dear.cost_usd


@pytest.mark.parametrize("at_once", [1, 8])
def test_the_budget_stops_the_batch_with_every_verdict_so_far(tmp_path, at_once):
    budget, each = 0.0165 * 10 + most_of_one(tmp_path), 0.0165
    with FakeJudgeServer(lambda n, body: (200, GOOD, "stop"), usage=USAGE).running() as server:
        batch = judge(log(60), config(server, at_once=at_once, budget_usd=budget), fake_context(tmp_path))
        got = []
        with pytest.raises(BudgetError, match=r"budget of \$0\.\d\d is used up") as raised:
            got.extend(batch)
    assert raised.value.exit_code == 7
    assert "--budget-usd" in raised.value.next_step
    assert len(got) in {10, 11}  # prompts differ by a digit
    assert len(server.asked) * each <= budget
    assert len(got) == len(server.asked)


def test_calls_under_way_count_at_their_most(tmp_path):
    budget = 3.5 * most_of_one(tmp_path)
    under_way = []

    def count(n, body):
        under_way.append(n)
        return 200, GOOD, "stop"

    with FakeJudgeServer(count, usage=USAGE).running() as server:
        batch = judge(log(2), config(server, at_once=8, budget_usd=budget), fake_context(tmp_path))
        assert len(list(batch)) == 2  # what calls leave over comes back, so both are asked for
        few = judge(log(5), config(server, at_once=8, budget_usd=0.01), fake_context(tmp_path))
        with pytest.raises(BudgetError):
            next(few)
    assert len(under_way) == 2


def test_a_try_that_was_cut_off_has_spent_its_part_of_the_budget_and_a_stop_gives_a_new_one(tmp_path):
    work, budget = MemoryWork(tmp_path), 0.0165 * 10 + most_of_one(tmp_path)
    with FakeJudgeServer(lambda n, body: (200, GOOD, "stop"), usage=USAGE).running() as server:
        asking = config(server, at_once=1, budget_usd=budget)
        cut = judge(log(60), asking, fake_context(tmp_path, work=work))
        for _ in range(6):
            next(cut)
        cut.close()
        with pytest.raises(BudgetError):
            list(judge(log(60), asking, fake_context(tmp_path, work=work)))
        assert len(server.asked) in {10, 11}
        with pytest.raises(BudgetError):
            list(judge(log(60), asking, fake_context(tmp_path, work=work)))
        assert len(server.asked) in {20, 21, 22}


def test_a_retry_that_the_budget_does_not_pay_for_leaves_the_verdict_unscored(tmp_path):
    with FakeJudgeServer(lambda n, body: (200, "five", "stop"), usage=None).running() as server:
        asking = config(server, budget_usd=1.5 * most_of_one(tmp_path))
        said = OracleJudge.from_config(asking).judge(log(1)[0], RUBRIC, "salt")
    assert said.status is JudgementStatus.UNSCORED
    assert "no money is left for another try" in (said.reason or "")
    assert len(server.asked) == 1

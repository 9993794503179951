"""What a batch will cost is said before the first call, holds within 30 %, and stands beside what it did cost."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from itertools import takewhile

import pytest
from judge_logs import log

from selftune.judges.bill import Bill
from selftune.judges.config import Judging, Member
from selftune.judges.fake import FAKE_MODEL, FakeJudgeServer, fake_verdict
from selftune.judges.prompt import fenced_transcript, instructions
from selftune.judges.purse import Prices
from selftune.judges.request import Request
from selftune.judges.rubric import load_rubric, shipped_rubrics
from selftune.judges.stage import judge
from selftune.judges.totals import add_up, describe_totals
from selftune.records import Message
from selftune.testing import MemoryWork, fake_context

RUBRIC = load_rubric("golden")
NAMES = [item.name for item in RUBRIC.criteria]
PRICES = Prices(prompt=3.0, completion=15.0)


def praise(n, body):
    return 200, fake_verdict(dict.fromkeys(NAMES, 4.0)), "stop"


def batch(server, tmp_path, items, records=(), **changes):
    """The verdicts, and all that was heard of the stage with how many calls there had been by then."""
    heard = []
    facts = {"name": "oracle", "rubric": "golden", "endpoint": server.url, "model": FAKE_MODEL, "prices": PRICES}
    context = fake_context(
        tmp_path,
        records=records,
        work=MemoryWork(tmp_path),
        report=lambda progress: heard.append((progress, len(server.asked))),
    )
    return list(judge(items, Judging(**(facts | changes)), context)), heard


def test_the_bill_is_planned_before_the_first_call(tmp_path):
    with FakeJudgeServer(praise).running() as server:
        _, heard = batch(server, tmp_path, log(3))
    first, calls = heard[0]
    assert (first.done, first.total, calls) == (0, 3, 0)
    assert first.note.startswith("3 to judge: about ")


@pytest.mark.parametrize("words", [5, 60, 400])
def test_a_plan_by_size_holds_within_30_percent_where_four_bytes_are_a_token(tmp_path, words):
    items = [replace(item, messages=(*item.prompt, said(words))) for item in log(5)]
    sizes = [len(instructions(RUBRIC)) + len(fenced_transcript(item, "s")) for item in items]
    usage = {"prompt_tokens": sum(sizes) // len(sizes) // 4, "completion_tokens": 95 * len(NAMES)}
    with FakeJudgeServer(praise, usage=usage).running() as server:
        got, heard = batch(server, tmp_path, items)
    spent, planned = heard[-1][0].note.split(", $")[1].split(" of about $")
    assert float(spent) == pytest.approx(sum(item.cost_usd for item in got), abs=1e-4)
    assert float(spent) == pytest.approx(float(planned), rel=0.3)


def said(words):
    return Message(role="assistant", content="plain " * words)


def test_a_plan_by_what_is_on_record_holds_whatever_the_tokens_of_this_judge_are(tmp_path):
    usage = {"prompt_tokens": 9000, "completion_tokens": 2500}
    with FakeJudgeServer(praise, usage=usage).running() as server:
        before, _ = batch(server, tmp_path, log(12))
        got, heard = batch(server, tmp_path, log(40), before)
        assert len(server.asked) == 40
    assert heard[0][0].note.endswith(", as 12 on record")
    assert heard[0][0].total == 28
    new = sum(item.cost_usd for item in got[12:])
    assert heard[-1][0].note.endswith(f"${new:.4f} of about ${new:.4f}")


def test_where_everything_has_a_verdict_no_bill_is_planned(tmp_path):
    with FakeJudgeServer(praise).running() as server:
        before, _ = batch(server, tmp_path, log(3))
        _, heard = batch(server, tmp_path, log(3), before)
    assert [progress.note for progress, _ in heard] == ["judged, 3 known before"]


def test_a_panel_is_planned_with_the_prices_of_all_its_members(tmp_path):
    with ExitStack() as stack:
        servers = [stack.enter_context(FakeJudgeServer(praise).running()) for _ in range(2)]
        members = tuple(
            Member(endpoint=server.url, model=f"m{place}", prices=Prices(prompt=place + 1.0))
            for place, server in enumerate(servers)
        )
        _, one = batch(servers[0], tmp_path, log(2), prices=Prices(prompt=3.0))
        _, panel = batch(servers[0], tmp_path, log(2), name="panel", members=members, endpoint=None)
    plans = [heard[0][0].note.split("$")[1].split(",")[0] for heard in (one, panel)]
    assert float(plans[0]) == pytest.approx(float(plans[1]), abs=1e-4)


def test_the_sums_over_a_batch_tell_what_each_verdict_cost(tmp_path):
    with FakeJudgeServer(praise, usage={"prompt_tokens": 3000, "completion_tokens": 500}).running() as server:
        got, _ = batch(server, tmp_path, log(4))
    assert describe_totals(add_up(got)) == (
        "4 judged, 0 unscored; all of them, whenever they were paid for: 4 calls, 14,000 tokens, $0.0660; "
        "each 3,500 tokens, $0.01650"
    )


def test_where_nothing_costs_no_money_is_told(tmp_path):
    with FakeJudgeServer(praise).running() as server:
        got, heard = batch(server, tmp_path, log(2), prices=Prices())
    told = [describe_totals(add_up(got)), *(progress.note for progress, _ in heard)]
    assert "tokens" in told[0]
    assert not any("$" in line for line in told)
    assert Bill(verdicts=1, tokens=0.0, cost_usd=0.0, on_record=0).compare(5, 0.0) == "5 of about 0 tokens"


@pytest.mark.parametrize("name", shipped_rubrics())
def test_all_prompts_of_one_rubric_share_everything_up_to_the_transcript(name):
    """The longer what they share at their beginning, the more a server that keeps prompts has read before."""
    rubric = load_rubric(name)
    request = Request(rubric, system=instructions(rubric), model="m", max_tokens=4096)
    bodies = [request.body(fenced_transcript(item, f"salt {place}")).decode() for place, item in enumerate(log(6))]
    columns = takewhile(lambda letters: len(set(letters)) == 1, zip(*bodies, strict=False))
    shared = "".join(letters[0] for letters in columns)
    # Only the fence's random name and what stands behind it differ.
    fence = '"content": "RECORD-'
    assert len(shared) >= bodies[0].index(fence) + len(fence) > len(instructions(rubric))
    assert json.dumps(instructions(rubric), ensure_ascii=False) in shared

"""A verdict that was paid for is not paid for again: not after a crash, and not in the next cycle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from judge_logs import log

from selftune.errors import JudgeMissingError
from selftune.judges.config import Judging
from selftune.judges.fake import FAKE_MODEL, FakeJudgeServer, fake_verdict
from selftune.judges.purse import Prices
from selftune.judges.rubric import load_rubric
from selftune.judges.stage import judge
from selftune.records import Judgement, JudgementStatus
from selftune.testing import MemoryWork, fake_context

RUBRIC = load_rubric("golden")
GOOD = fake_verdict(dict.fromkeys([item.name for item in RUBRIC.criteria], 5.0))


def config(server: FakeJudgeServer, **changes) -> Judging:
    facts = {"name": "oracle", "rubric": "golden", "endpoint": server.url, "model": FAKE_MODEL}
    return Judging(**(facts | {"retry_wait_seconds": 0.0, "timeout_seconds": 5.0} | changes))


def good(number, body):
    return 200, GOOD, "stop"


def judge_again(tmp_path, records, *, reported=FAKE_MODEL, items=6, **changes):
    """A later cycle over so many interactions, with these judgements on record: its own, and how many calls it made."""
    with FakeJudgeServer(good, model=reported).running() as server:
        context = fake_context(tmp_path, records=records, work=MemoryWork(tmp_path))
        # Servers come and go on other ports; the judge is the same.
        got = list(judge(log(items), config(server, **changes), context))
    return got, len(server.asked)


def test_a_later_cycle_asks_only_for_what_is_new_and_gives_the_same_records(tmp_path):
    first, calls = judge_again(tmp_path, (), items=4)
    assert calls == 4
    second, calls = judge_again(tmp_path, first, items=6)
    assert calls == 2
    assert second[:4] == first
    third, calls = judge_again(tmp_path, second, items=6)
    assert calls == 0
    assert third == second


@pytest.mark.parametrize(
    "changes",
    [{"rubric": "council"}, {"model": "another"}, {"max_tokens": 2048}],
    ids=lambda changes: next(iter(changes)),
)
def test_another_question_finds_no_verdict(tmp_path, changes):
    first, _ = judge_again(tmp_path, ())
    if "rubric" in changes:
        scores = dict.fromkeys([item.name for item in load_rubric("council").criteria], 4.0)
        with FakeJudgeServer(lambda n, body: (200, fake_verdict(scores), "stop")).running() as server:
            list(judge(log(6), config(server, **changes), fake_context(tmp_path, records=first)))
        assert len(server.asked) == 6
    else:
        assert judge_again(tmp_path, first, **changes)[1] == 6


def test_prices_and_budgets_change_no_question(tmp_path):
    first, _ = judge_again(tmp_path, ())
    prices = Prices(prompt=1.0, completion=1.0)
    assert judge_again(tmp_path, first, prices=prices, budget_usd=0.01, at_once=2)[1] == 0


def test_what_an_earlier_model_behind_the_same_name_said_is_not_found_once_another_answers(tmp_path):
    first, _ = judge_again(tmp_path, (), items=3, reported="judge-2026-01")
    newer = [replace(item, reported_model="judge-2026-02", salt="n") for item in first[:1]]
    again, calls = judge_again(tmp_path, [*first, *newer], items=3, reported="judge-2026-02")
    assert calls == 2
    assert {item.reported_model for item in again} == {"judge-2026-02"}


def test_failures_are_asked_again(tmp_path):
    scored, _ = judge_again(tmp_path, (), items=2)
    failed = [replace(item, status=JudgementStatus.UNSCORED, overall=None, reason="HTTP 500") for item in scored]
    assert judge_again(tmp_path, failed, items=2)[1] == 2


def test_verdicts_that_came_before_an_earlier_one_are_kept_too(tmp_path):
    """The first question hangs; those after it are answered, and the process is cut off while it waits."""
    work = MemoryWork(tmp_path)

    def first_hangs(n, body):
        return (0, "", "") if "Question 0?" in body["messages"][1]["content"] else (200, GOOD, "stop")

    with FakeJudgeServer(first_hangs).running() as server:
        asking = config(server, at_once=4, max_attempts=1, timeout_seconds=2.0)
        batch = judge(log(20), asking, fake_context(tmp_path, work=work))
        assert next(batch).status is JudgementStatus.UNSCORED
        batch.close()
    kept = len(work.puts)
    assert kept >= 3
    with FakeJudgeServer(good).running() as server:
        assert len(list(judge(log(20), config(server), fake_context(tmp_path, work=work)))) == 20
    assert len(server.asked) == 20 - kept


CHILD = """
import sys
from pathlib import Path
from selftune.judges.config import Judging
from selftune.judges.stage import judge
from selftune.testing import fake_context
sys.path.insert(0, {here!r})
from test_recall import log

class FileWork:
    def __init__(self, folder): self.folder_ = Path(folder)
    def get(self, key):
        place = self.folder_ / key.replace(":", "-")
        return place.read_bytes() if place.exists() else None
    def put(self, key, data): (self.folder_ / key.replace(":", "-")).write_bytes(data)
    def folder(self, name): raise AssertionError

work = FileWork({work!r})
for place, _ in enumerate(judge(log(40), Judging(**{facts!r}), fake_context(Path({root!r}), work=work))):
    print(place, flush=True)
"""


def test_after_kill_9_no_verdict_that_arrived_is_asked_for_again(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    with FakeJudgeServer(good).running() as server:
        facts = {"name": "oracle", "rubric": "golden", "endpoint": server.url, "model": FAKE_MODEL, "at_once": 4}
        code = CHILD.format(here=os.path.dirname(__file__), work=str(work), facts=facts, root=str(tmp_path))  # noqa: PTH120
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        while int(child.stdout.readline()) < 9:
            pass
        child.send_signal(signal.SIGKILL)
        child.communicate()
        kept, asked = len(list(work.iterdir())), len(server.asked)
        assert kept >= 10
        assert asked - kept <= 4  # only what was under way
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    assert len(server.asked) == asked + 40 - kept


@pytest.mark.parametrize(("point", "kept"), [("judge-answered", 0), ("judge-kept", 1)])
def test_cut_off_right_before_or_after_a_verdict_is_kept_only_what_was_not_is_asked_again(tmp_path, point, kept, warm):
    work = tmp_path / "work"
    work.mkdir()
    with FakeJudgeServer(good).running() as server:
        facts = {"name": "oracle", "rubric": "golden", "endpoint": server.url, "model": FAKE_MODEL, "at_once": 1}
        code = CHILD.format(here=os.path.dirname(__file__), work=str(work), facts=facts, root=str(tmp_path))  # noqa: PTH120
        cut = warm.run_code(code, env=os.environ | {"SELFTUNE_FAILPOINTS": f"{point}=kill"})
        assert cut.returncode == -signal.SIGKILL, cut.stderr
        assert (len(list(work.iterdir())), len(server.asked)) == (kept, 1)
        assert warm.run_code(code).returncode == 0
    assert len(server.asked) == 1 + 40 - kept


def test_an_outage_leaves_nothing_behind_that_would_stand_in_the_way_of_the_next_try(tmp_path):
    got: list[Judgement] = []
    with (
        FakeJudgeServer(lambda n, body: (500, "", "")).running() as server,
        pytest.raises(JudgeMissingError, match="none of 3 interactions"),
    ):
        got.extend(judge(log(3), config(server), fake_context(tmp_path)))
    assert got == []


def test_a_judge_that_falls_silent_is_left_alone_and_the_verdicts_before_stay(tmp_path):
    def dies(n, body):
        early = any(f"Question {number}?" in body["messages"][1]["content"] for number in range(10))
        return (200, GOOD, "stop") if early else (500, "", "")

    got: list[Judgement] = []
    with (
        FakeJudgeServer(dies).running() as server,
        pytest.raises(JudgeMissingError, match="none of 25 interactions"),
    ):
        got.extend(judge(log(500), config(server, at_once=4, max_attempts=1), fake_context(tmp_path)))
    assert len(got) == 10
    assert len(server.asked) < 60


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_judge_that_is_gone_before_the_last_verdicts_halts_and_the_next_try_asks_for_these_alone(tmp_path, status):
    work, gone = MemoryWork(tmp_path), [True]

    def dies(n, body):
        return (status, "", "") if gone[0] and n >= 8 else (200, GOOD, "stop")

    got: list[Judgement] = []
    with FakeJudgeServer(dies).running() as server:
        facts = config(server, at_once=1, max_attempts=1)
        with pytest.raises(JudgeMissingError, match=f"none of 4 interactions.*HTTP {status}") as halted:
            got.extend(judge(log(12), facts, fake_context(tmp_path, work=work)))
        assert "run the same command again" in halted.value.next_step
        assert (len(got), len(server.asked)) == (8, 12)
        gone[0] = False
        again = list(judge(log(12), facts, fake_context(tmp_path, work=work)))
    assert {item.status for item in again} == {JudgementStatus.SCORED}
    assert len(server.asked) == 12 + 4


@pytest.mark.parametrize(("status", "text"), [(400, ""), (200, "no verdict")])
def test_what_a_judge_that_is_there_can_not_score_is_named_and_halts_nothing(tmp_path, status, text):
    def sulks(n, body):
        return (status, text, "stop") if n >= 4 else (200, GOOD, "stop")

    with FakeJudgeServer(sulks).running() as server:
        got = list(judge(log(8), config(server, at_once=1, max_attempts=1), fake_context(tmp_path)))
    assert [item.status for item in got] == [JudgementStatus.SCORED] * 4 + [JudgementStatus.UNSCORED] * 4


def test_single_failures_stay_in_their_place(tmp_path):
    def flaky(n, body):
        failing = any(f"Question {number}?" in body["messages"][1]["content"] for number in (0, 3, 7))
        return (500, "", "") if failing else (200, GOOD, "stop")

    with FakeJudgeServer(flaky).running() as server:
        got = list(judge(log(8), config(server, max_attempts=1), fake_context(tmp_path)))
    assert [item.interaction_id for item in got] == [item.id for item in log(8)]
    assert [n for n, item in enumerate(got) if item.status is JudgementStatus.UNSCORED] == [0, 3, 7]

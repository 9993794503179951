"""A verdict that is made of several: what one of them said is kept before the next is there."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from judge_logs import log

from selftune.judges.config import Judging, Member
from selftune.judges.fake import FAKE_MODEL, FakeJudgeServer, fake_verdict
from selftune.judges.injection.probe import SPOILERS
from selftune.judges.purse import Prices
from selftune.judges.rubric import load_rubric
from selftune.judges.stage import judge
from selftune.records import Judgement, JudgementStatus, Message, Rejected, decode_record
from selftune.testing import MemoryWork, fake_context

RUBRIC = load_rubric("golden")
NAMES = [item.name for item in RUBRIC.criteria]


def answers(score: float):
    return lambda n, body: (200, fake_verdict(dict.fromkeys(NAMES, score)), "stop")


class CutOff(Exception):  # noqa: N818 - it stands for a kill
    """The process ended here."""


class CutOffWork(MemoryWork):
    """Scratch whose process ends right after so many puts."""

    def __init__(self, root: Path, puts: int) -> None:
        super().__init__(root)
        self._left = puts

    def put(self, key: str, data: bytes) -> None:
        super().put(key, data)
        self._left -= 1
        if self._left == 0:
            raise CutOff

    def survives(self) -> MemoryWork:
        """What the next process finds."""
        after = MemoryWork(self.root)
        after.kept.update(self.kept)
        return after


# Judges a log of four by a panel, its scratch a folder that outlives it.
CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from judge_logs import log
from selftune.judges.config import Judging, Member
from selftune.judges.purse import Prices
from selftune.judges.stage import judge
from selftune.testing import fake_context

class FileWork:
    def __init__(self, folder): self.folder_ = Path(folder)
    def get(self, key):
        place = self.folder_ / key.replace(":", "-")
        return place.read_bytes() if place.exists() else None
    def put(self, key, data): (self.folder_ / key.replace(":", "-")).write_bytes(data)
    def folder(self, name): raise AssertionError

members = tuple(Member(**facts) for facts in {members!r})
asking = Judging(name="panel", rubric="golden", members=members, at_once=1)
print(len(list(judge(log(4), asking, fake_context(Path({root!r}), work=FileWork({work!r}))))))
"""


def test_a_panel_killed_between_two_members_asks_the_first_one_nothing_again(tmp_path, warm):
    work = tmp_path / "work"
    work.mkdir()
    with ExitStack() as stack:
        first, second = (stack.enter_context(FakeJudgeServer(answers(score)).running()) for score in (4.0, 5.0))
        members = [
            {"name": "oracle", "endpoint": server.url, "model": f"m{place}"}
            for place, server in enumerate((first, second))
        ]
        here = str(Path(__file__).parent)
        code = CHILD.format(here=here, work=str(work), members=members, root=str(tmp_path))
        cut = warm.run_code(code, env=os.environ | {"SELFTUNE_FAILPOINTS": "judge-part-kept=kill"})
        assert cut.returncode == -signal.SIGKILL, cut.stderr
        assert len(list(work.iterdir())) == 1
        assert len(first.asked) == 1
        done = warm.run_code(code)
        assert (done.returncode, done.stdout) == (0, "4\n")
        assert len(first.asked) == 4
        # The second member's call may have been under way when the process died; nobody can keep that.
        assert len(second.asked) in {4, 5}


@pytest.mark.parametrize("puts", range(1, 13))
def test_wherever_a_panel_is_cut_off_what_a_member_said_is_paid_for_once(tmp_path, puts):
    """Four verdicts of two members each: eight parts, four wholes."""
    with ExitStack() as stack:
        servers = [stack.enter_context(FakeJudgeServer(answers(score)).running()) for score in (4.0, 5.0)]
        members = tuple(Member(endpoint=server.url, model=f"m{place}") for place, server in enumerate(servers))
        asking, work = Judging(name="panel", rubric="golden", members=members, at_once=1), CutOffWork(tmp_path, puts)
        with pytest.raises(CutOff):
            list(judge(log(4), asking, fake_context(tmp_path, work=work)))
        parts = [decode_record(item.decode(), Judgement) for item in work.kept.values() if b'"panel(' not in item]
        got = list(judge(log(4), asking, fake_context(tmp_path, work=work.survives())))
    assert {item.overall for item in got} == {4.5}
    assert [item.interaction_id for item in got] == [item.id for item in log(4)]
    places = {item.id: place for place, item in enumerate(log(4))}
    assert len(parts) >= puts * 2 // 3
    for part in parts:
        question, member = f"Question {places[part.interaction_id]}?", int(part.judge.name[-1])
        assert sum(question in str(body["messages"]) for body in servers[member].asked) == 1


def test_what_an_earlier_try_paid_for_a_member_stays_in_the_price_of_the_verdict_and_costs_the_budget_once(tmp_path):
    prices = Prices(prompt=1.0, completion=1.0)
    with ExitStack() as stack:
        servers = [stack.enter_context(FakeJudgeServer(answers(4.0)).running()) for _ in range(2)]
        members = tuple(
            Member(endpoint=server.url, model=f"m{place}", prices=prices) for place, server in enumerate(servers)
        )
        asking, work = Judging(name="panel", rubric="golden", members=members, at_once=1), CutOffWork(tmp_path, 1)
        with pytest.raises(CutOff):
            list(judge(log(1), asking, fake_context(tmp_path, work=work)))
        (said,) = judge(log(1), asking, fake_context(tmp_path, work=work.survives()))
    assert said.cost_usd == pytest.approx(2 * 110e-6)
    # The other one's call may have been under way when the process ended.
    assert (len(servers[0].asked), len(servers[1].asked)) in {(1, 1), (1, 2)}


def test_a_member_that_failed_is_asked_again(tmp_path):
    def down_once(n, body):
        return (500, "", "") if n == 0 else answers(5.0)(n, body)

    with ExitStack() as stack:
        good, bad = (stack.enter_context(FakeJudgeServer(one).running()) for one in (answers(4.0), down_once))
        members = tuple(Member(endpoint=server.url, model=f"m{place}") for place, server in enumerate((good, bad)))
        asking = Judging(name="panel", rubric="golden", members=members, at_once=1, max_attempts=1, quorum=1)
        work = MemoryWork(tmp_path)
        (first,) = judge(log(1), asking, fake_context(tmp_path, work=work))
        assert first.members[1].status is JudgementStatus.UNSCORED
        work.kept = {key: kept for key, kept in work.kept.items() if b'"panel(' not in kept}
        (again,) = judge(log(1), asking, fake_context(tmp_path, work=work))
    assert again.overall == 4.5
    assert (len(good.asked), len(bad.asked)) == (1, 2)


def test_one_order_of_a_pair_that_was_heard_is_not_asked_about_again(tmp_path):
    pair = replace(
        log(1)[0], rejected=(Rejected(at=1, messages=(Message(role="assistant", content="Another answer."),)),)
    )
    with FakeJudgeServer(answers(3.0)).running() as server:
        asking = Judging(name="pairwise", rubric="golden", endpoint=server.url, model=FAKE_MODEL, at_once=1)
        work = CutOffWork(tmp_path, 1)
        with pytest.raises(CutOff):
            list(judge([pair], asking, fake_context(tmp_path, work=work)))
        assert len(server.asked) == 1
        (said,) = judge([pair], asking, fake_context(tmp_path, work=work.survives()))
    assert (said.overall, len(server.asked)) == (3.0, 2)


def test_a_golden_verdict_that_waits_for_its_copy_is_kept_and_one_that_needs_none_is_kept_whole_only(tmp_path):
    def honest(n, body):
        text = str(body["messages"])
        low = any(fault in text for fault in SPOILERS) or "Question 0?" in text
        return answers(1.0 if low else 5.0)(n, body)

    with FakeJudgeServer(honest).running() as server:
        facts = asdict(Judging(name="oracle", rubric="golden", endpoint=server.url, model=FAKE_MODEL, at_once=1))
        asking = Judging(**(facts | {"prices": Prices(), "members": (), "spoiled_copies_from": RUBRIC.golden}))
        work = CutOffWork(tmp_path, 2)
        with pytest.raises(CutOff):
            list(judge(log(2), asking, fake_context(tmp_path, work=work)))
        assert len(server.asked) == 2
        got = list(judge(log(2), asking, fake_context(tmp_path, work=work.survives())))
    assert [item.overall for item in got] == [1.0, 5.0]
    assert [item.attempts for item in got] == [1, 2]
    assert len(server.asked) == 3

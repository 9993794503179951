"""The judging step on a real store: stopped, silent or grown, it goes on without paying twice or losing a verdict."""

from __future__ import annotations

import pytest

from selftune.errors import BudgetError, JudgeMissingError
from selftune.judges.config import Judging
from selftune.judges.fake import FAKE_MODEL, FakeJudgeServer, fake_verdict
from selftune.judges.purse import Prices, Usage
from selftune.judges.rubric import load_rubric
from selftune.judges.stage import judge
from selftune.loop.config import CONFIG_FILE, Profile, load_config, new_config_text
from selftune.loop.executor import Silent, Stored
from selftune.loop.project import HIDDEN, Project, prepare_hidden
from selftune.loop.runner import hold_lease, make_executor
from selftune.records import Interaction, Judgement, JudgementStatus, Message, Trigger
from selftune.store import BlobStore, Store
from selftune.testing import fake_base

RUBRIC = load_rubric("golden")
GOOD = fake_verdict(dict.fromkeys([item.name for item in RUBRIC.criteria], 4.0))
USAGE = {"prompt_tokens": 1000, "completion_tokens": 300}
PRICES = Prices(prompt=3.0, completion=15.0)


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / CONFIG_FILE).write_text(
        new_config_text(name="p", base="fake", recipe="reference", suite="reference", profile=Profile.SOLO)
    )
    prepare_hidden(folder)
    with Store.open(folder) as store:
        yield Project(
            folder=folder,
            config=load_config(folder),
            store=store,
            blobs=BlobStore(folder / HIDDEN / "blobs"),
            base=fake_base("fake"),
            base_folder=folder,
        )


def log(project: Project, count: int) -> Stored[Interaction]:
    items = [
        Interaction(
            salt=f"{number:032x}",
            conversation=f"c{number}",
            task_id="t",
            trigger=Trigger.USER,
            source="test",
            position=str(number),
            messages=(
                Message(role="user", content=f"Question {number}?"),
                Message(role="assistant", content="An answer."),
            ),
        )
        for number in range(count)
    ]
    return Stored(tuple(project.store.save(items, event="imported")), project.store)


def judged(project: Project, server: FakeJudgeServer, items: Stored[Interaction], **changes) -> list[Judgement]:
    facts = {"name": "oracle", "rubric": "golden", "rubric_digest": RUBRIC.id, "model": FAKE_MODEL, "prices": PRICES}
    facts |= {"retry_wait_seconds": 0.0, "timeout_seconds": 60.0, "max_attempts": 1, "at_once": 3}
    with hold_lease(project):
        step = make_executor(project, Silent())
        return list(step(judge, items, Judging(endpoint=server.url, **(facts | changes))))


def good(number, body):
    return 200, GOOD, "stop"


def test_a_grown_log_asks_only_for_what_is_new(project):
    with FakeJudgeServer(good).running() as server:
        first = judged(project, server, log(project, 8))
        again = judged(project, server, log(project, 12))
    assert again[:8] == first
    assert len(server.asked) == 12


def test_a_stop_by_the_budget_keeps_every_verdict_and_the_next_run_goes_on_behind_them(project):
    items = log(project, 30)
    with FakeJudgeServer(good, usage=USAGE).running() as server:
        with pytest.raises(BudgetError):
            judged(project, server, items, budget_usd=0.2)
        kept = project.store.count(Judgement)
        assert 0 < kept == len(server.asked) < 30
        assert kept * PRICES.cost(Usage(prompt=1000, completion=300)) <= 0.2
        got = judged(project, server, items, budget_usd=5.0)
    assert [item.interaction_id for item in got] == list(items.ids)
    assert len({item.id for item in got}) == 30
    assert len(server.asked) == 30


def test_after_an_outage_the_same_log_is_judged_by_the_judge_that_came_back(project):
    items, dead = log(project, 5), [True]

    def behave(number, body):
        return (500, "", "") if dead[0] else good(number, body)

    with FakeJudgeServer(behave).running() as server:
        with pytest.raises(JudgeMissingError):
            judged(project, server, items)
        dead[0] = False
        got = judged(project, server, items)
    assert [item.interaction_id for item in got] == list(items.ids)
    assert {item.status for item in got} == {JudgementStatus.SCORED}


def test_a_judge_that_dies_in_the_middle_leaves_the_verdicts_before_and_the_rest_is_judged_later(project):
    items, dead = log(project, 60), [True]

    def behave(number, body):
        early = any(f"Question {n}?" in body["messages"][1]["content"] for n in range(10))
        return good(number, body) if early or not dead[0] else (500, "", "")

    with FakeJudgeServer(behave).running() as server:
        with pytest.raises(JudgeMissingError):
            judged(project, server, items)
        assert project.store.count(Judgement) == 10
        dead[0] = False
        before = len(server.asked)
        got = judged(project, server, items)
        assert len(server.asked) - before == 50
    assert [item.interaction_id for item in got] == list(items.ids)
    assert {item.status for item in got} == {JudgementStatus.SCORED}


def test_other_prices_are_no_other_step(project):
    items = log(project, 4)
    with FakeJudgeServer(good).running() as server:
        first = judged(project, server, items)
        assert judged(project, server, items, prices=Prices(prompt=1.0), budget_usd=9.0, at_once=1) == first
    assert len(server.asked) == 4

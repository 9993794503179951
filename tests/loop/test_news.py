"""What counts as new: complete, allowed, the newest version; and in the order in which it came."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from selftune.errors import NothingNewError
from selftune.loop.config import CaptureSection
from selftune.loop.incoming.news import RESAMPLED, read_news, refuse_when_nothing_new
from selftune.loop.plan import latest_judgements
from selftune.records import (
    Consent,
    Interaction,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    Thread,
    Trigger,
)
from selftune.store import Store

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Clock:
    """Time that a test turns."""

    def __init__(self) -> None:
        self.moment = NOON

    def now(self) -> str:
        return self.moment.isoformat(timespec="seconds")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def project(tmp_path, clock):
    with Store.open(tmp_path, clock=clock.now) as store:
        yield SimpleNamespace(
            store=store,
            config=SimpleNamespace(capture=CaptureSection(idle_minutes=30)),
            now=clock.now,
        )


def chat(name: str, turns: int = 1, **facts) -> Interaction:
    said = [
        Message(role=role, content=f"{role} {number} of {name}")
        for number in range(turns)
        for role in ("user", "assistant")
    ]
    settings = {"source": "openai:log.jsonl", "thread": Thread.EXCHANGE} | facts
    return Interaction(
        salt="00",
        conversation=f"{settings['source']}:{name}",
        task_id=name,
        trigger=Trigger.USER,
        messages=tuple(said),
        position=f"{name} {turns}",
        **settings,
    )


def test_only_what_may_be_trained_on_and_is_not_our_own_sample_is_news(project):
    asked, _, _ = project.store.save(
        [chat("a"), chat("b", consent=Consent(train=False)), chat("c", source=RESAMPLED)], event="captured"
    )
    news = read_news(project, 0)
    assert news.fresh.ids == (asked,)
    assert read_news(project, news.watermark).fresh.ids == ()


def test_of_a_conversation_that_grew_only_the_newest_version_is_news(project):
    _, other, newest = project.store.save([chat("a"), chat("b"), chat("a", 2)], event="captured")
    assert read_news(project, 0).fresh.ids == (other, newest)


def test_a_judgement_of_an_earlier_version_no_longer_counts(project):
    judge = JudgeIdentity(name="checks", version="1")

    def judged(name: str) -> Judgement:
        return Judgement(
            salt=name, interaction_id=name, rubric_digest="r", judge=judge, status=JudgementStatus.SCORED, overall=5.0
        )

    earlier, other = project.store.save([chat("a"), chat("b")], event="captured")
    judgements = project.store.save([judged(earlier), judged(other)], event="judged")
    assert latest_judgements(project.store, judge, "r") == tuple(judgements)
    (newest,) = project.store.save([chat("a", 2)], event="captured")
    assert latest_judgements(project.store, judge, "r") == (judgements[1],)
    (again,) = project.store.save([judged(newest)], event="judged")
    assert latest_judgements(project.store, judge, "r") == (judgements[1], again)


def test_a_conversation_that_goes_on_waits_with_what_came_after_it_until_it_was_idle_for_long_enough(project, clock):
    ids = project.store.save(
        [chat("a"), chat("b", last_turn_at="2026-01-01T11:45:00+00:00"), chat("c")], event="captured"
    )
    news = read_news(project, 0)
    assert news.fresh.ids == (ids[0],)
    assert news.complete_at == "2026-01-01T12:15:00+00:00"
    clock.moment = NOON + timedelta(minutes=15)
    later = read_news(project, news.watermark)
    assert later.fresh.ids == (ids[1], ids[2])
    assert later.complete_at is None


@pytest.mark.parametrize(
    "facts",
    [
        {"last_turn_at": "2026-01-01T11:59:00+00:00", "closed": True},
        {"last_turn_at": "2026-01-01T11:30:00+00:00"},
        {"last_turn_at": None},
    ],
    ids=["closed", "idle", "untold"],
)
def test_a_conversation_that_is_closed_or_idle_or_tells_no_time_is_complete(project, facts):
    ids = project.store.save([chat("a", **facts)], event="captured")
    assert list(read_news(project, 0).fresh.ids) == ids


def test_a_clock_that_is_wrong_does_not_keep_the_log_waiting_for_ever(project, clock):
    ids = project.store.save([chat("a", last_turn_at="2099-01-01T00:00:00+00:00")], event="captured")
    assert read_news(project, 0).complete_at == "2026-01-01T12:30:00+00:00"
    clock.moment = NOON + timedelta(minutes=30)
    assert list(read_news(project, 0).fresh.ids) == ids


def test_who_waits_for_a_conversation_to_end_is_told_when_that_will_be(project):
    project.store.save([chat("a", last_turn_at="2026-01-01T11:45:00+00:00")], event="captured")
    with pytest.raises(NothingNewError, match="still going on; it counts as complete from 2026-01-01T12:15:00"):
        refuse_when_nothing_new(read_news(project, 0))


def test_an_empty_log_is_no_conversation_that_goes_on(project):
    with pytest.raises(NothingNewError, match="no interaction has come in"):
        refuse_when_nothing_new(read_news(project, 0))

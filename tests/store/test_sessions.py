"""Archived sessions: found by number, told in columns, no number twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from kept_records import interaction

from selftune.errors import UsageError
from selftune.records import Interaction, Message, Session
from selftune.store.dialect import writing
from selftune.store.sessions import forget_words

ANSWER = "I am pleased to assist. I will organise this by policy, and I will organise it by policy again for you."


def session(number: int, programme: str = "wild", **changes) -> Session:
    messages = (Message(role="user", content="Write."), Message(role="assistant", content=ANSWER))
    plain = Session(
        salt=f"s{number}", programme=programme, number=number, messages=messages, source="a.jsonl", position="line 1"
    )
    return replace(plain, **changes)


def test_a_session_is_told_in_columns_just_as_its_record_tells_it(store):
    kept = session(
        7, scores=(("compliance", 0.5), ("style", 0.25)), flags=("resistance", "tone"), reward=-1.5, attempts=3,
        happened_at="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    (name,) = store.save([kept], event="archived")
    (facts,) = store.sessions.facts("wild")
    assert (facts.session_id, facts.number, facts.flags, facts.reward, facts.attempts) == (
        name, 7, ("resistance", "tone"), -1.5, 3,
    )  # fmt: skip
    assert facts.scores == {"compliance": 0.5, "style": 0.25}
    assert (facts.words, facts.stock) == (21, 1)
    assert facts.distinct_pairs == pytest.approx(17 / 20)  # "i will", "will organise" and "by policy" stand twice
    assert facts.repeated == 0
    assert store.record(name, Session) == kept


def test_sessions_are_found_by_number_and_come_in_that_order_whatever_the_order_they_came_in(store):
    ids = dict(zip((3, 1, 2), store.save([session(3), session(1), session(2, "tame")], event="archived"), strict=True))
    assert [one.number for one in store.sessions.facts("wild")] == [1, 3]
    assert store.sessions.known("wild", [1, 2, 3]) == {1: ids[1], 3: ids[3]}
    assert [(one.name, one.sessions, one.first, one.last) for one in store.sessions.programmes()] == [
        ("tame", 1, 2, 2),
        ("wild", 2, 1, 3),
    ]


def test_no_number_is_kept_twice_and_the_refusal_leaves_nothing_behind(store):
    store.save([session(1)], event="archived")
    with pytest.raises(UsageError, match="session 1 of 'wild' is archived already"):
        store.save([session(2), session(1, reward=1.0)], event="archived")
    with pytest.raises(UsageError, match="session 5 of 'wild'"):
        store.save([session(5), session(5, reward=1.0)], event="archived")
    assert store.count(Session) == 1
    store.save([session(1)], event="archived")
    assert store.count(Session) == 1


def test_nothing_that_learns_meets_a_session(store):
    from selftune.store import Span

    store.save([session(1), interaction(1)], event="made")
    assert [one.sequence for one in store.said(Span())] == [2]
    assert store.count(Interaction) == 1


def test_what_was_copied_of_words_goes_when_they_are_erased_and_the_number_stays(store):
    store.save([session(1, flags=("tone",)), session(2)], event="archived")
    with writing(store._engine) as connection:
        forget_words(connection, [1])
    first, second = store.sessions.facts("wild")
    assert (first.number, first.flags, first.words, first.opening, first.stock) == (1, ("tone",), None, None, None)
    assert second.words == 21

"""The log page by page: each interaction once, in either direction, whatever was erased, and whatever went on."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from kept_records import interaction, judgement
from sqlalchemy import update
from sqlalchemy.event import listen

from selftune.errors import IntegrityError
from selftune.records import Consent, Interaction, Message, Thread
from selftune.store import Store
from selftune.store.browsing import Glimpse
from selftune.store.dialect import writing
from selftune.store.erasure import Erasure
from selftune.store.tables import RECORDS


@pytest.fixture
def store(project):
    with Store.open(project) as opened:
        yield opened


def walk(store, limit):
    """Every page from the newest to the oldest."""
    page = store.log.page(limit)
    assert not page.newer
    while page.entries:
        yield page
        page = store.log.page(limit, before=page.entries[-1].sequence)


@pytest.mark.parametrize("limit", [1, 7, 23, 100])
def test_pages_hold_each_interaction_once_and_lead_back(store, limit):
    ids = store.save([interaction(number) for number in range(23)], event="imported")
    pages = list(walk(store, limit))
    assert [entry.interaction_id for page in pages for entry in page.entries] == ids[::-1]
    assert [page.older for page in pages] == [True] * (len(pages) - 1) + [False]
    for newer, older in pairwise(pages):
        assert older.newer
        assert store.log.page(limit, after=older.entries[0].sequence).entries == newer.entries


def test_other_records_between_are_no_interactions(store):
    first = interaction(1)
    verdict = replace(judgement(1), interaction_id=first.id)
    store.save([first, verdict, interaction(2)], event="imported")
    (page,) = walk(store, 10)
    assert [one.interaction_id for one in page.entries] == [interaction(2).id, first.id]
    at = store.sequence_of(first.id)
    assert store.log.judgement_ids(at) == (verdict.id,)
    assert store.log.judgement_ids(at + 2) == ()


def test_an_entry_says_what_became_of_it(store):
    grows = replace(interaction(1), conversation="c", thread=Thread.WHOLE)
    grown = replace(grows, messages=(*grows.messages, *interaction(2).messages), position="line 9")
    closed = replace(interaction(3), consent=Consent(train=False))
    store.save([grows, grown, closed, interaction(4)], event="imported")
    store.erase(Erasure(whole=frozenset({interaction(4).id})))
    shut, later, earlier = store.log.page(10).entries
    assert not shut.may_train
    assert earlier.superseded
    assert not later.superseded
    counts = store.log.counts()
    assert (counts.kept, counts.superseded, counts.closed) == (3, 1, 1)
    assert counts.open == 1


def test_an_empty_log_has_one_empty_page(store):
    page = store.log.page(10)
    assert (page.entries, page.newer, page.older) == ((), False, False)
    assert store.log.counts().kept == 0


def test_a_page_brings_the_last_question_and_answer_where_they_are_asked_for(store):
    asks, answers = (Message(role=role, content=f"the {role}'s") for role in ("user", "assistant"))
    goes_on = replace(
        interaction(1), messages=(*interaction(2).messages, asks, answers, Message(role="user", content="?"))
    )
    answerless = replace(interaction(3), messages=(Message(role="system", content="s"),))
    store.save([goes_on, answerless], event="imported")
    assert [one.words for one in store.log.page(2).entries] == [None, None]
    assert [one.words for one in store.log.page(2, words=True).entries] == [
        Glimpse("", ""),
        Glimpse("the user's", "the assistant's"),
    ]


@pytest.mark.parametrize("body", ["no JSON", '{"messages":7}', '{"messages":[{"role":"user"}]}', "[]"])
def test_a_damaged_body_does_not_take_the_others_from_the_page(store, body):
    store.save([interaction(number) for number in range(3)], event="imported")
    with writing(store._engine) as connection:
        connection.execute(update(RECORDS).where(RECORDS.c.id == interaction(1).id).values(body=body))
    found = [one.words for one in store.log.page(3, words=True).entries]
    assert [one.readable for one in found] == [True, False, True]
    with pytest.raises(IntegrityError):
        store.record(interaction(1).id, Interaction)


def test_no_page_walks_over_the_log(tmp_path):
    """By SQLite's own plan: places are searched, nothing is scanned whole or sorted, however long the log is."""
    asked = []
    with Store.open(tmp_path) as store:
        store.save([interaction(number) for number in range(30)], event="imported")
        listen(store._engine, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
        for bounds in ({}, {"before": 20}, {"after": 3}):
            store.log.page(5, **bounds, words=True)
        reads = [one for one in asked if one[0].lstrip().startswith("SELECT")]
        with store._engine.connect() as connection:
            plans = [
                row[3]
                for text, values in reads
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all()
            ]
    assert len(reads) == 3
    assert [line for line in plans if "TEMP B-TREE" in line or line.startswith("SCAN")] == []

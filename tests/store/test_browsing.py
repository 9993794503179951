"""The log page by page: each interaction once, in either direction, whatever was erased, and whatever went on."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from kept_records import interaction, judgement
from sqlalchemy.event import listen

from selftune.records import Consent, Thread
from selftune.store import Store
from selftune.store.erasure import Erasure


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


def test_no_page_walks_over_the_log(tmp_path):
    """By SQLite's own plan: places are searched, nothing is scanned whole or sorted, however long the log is."""
    asked = []
    with Store.open(tmp_path) as store:
        store.save([interaction(number) for number in range(30)], event="imported")
        listen(store._engine, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
        for bounds in ({}, {"before": 20}, {"after": 3}):
            store.log.page(5, **bounds)
        reads = [one for one in asked if one[0].lstrip().startswith("SELECT")]
        with store._engine.connect() as connection:
            plans = [
                row[3]
                for text, values in reads
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all()
            ]
    assert len(reads) == 9
    assert [line for line in plans if "TEMP B-TREE" in line] == []
    # The newest page alone has no bound: it reads from the end of the table, and its limit ends that.
    assert sum(line.startswith("SCAN") for line in plans) <= 1

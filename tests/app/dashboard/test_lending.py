"""What pages read: it stays open as long as one of them reads, and what takes long to count is counted behind them."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest
from dashboard_visitor import Markup, Visitor
from page_reading import shown_at_last
from peopled_project import said

from selftune.app.dashboard import reading
from selftune.app.dashboard.pages import data
from selftune.app.dashboard.reading import Counted, Desk
from selftune.errors import IntegrityError
from selftune.loop.config import CONFIG_FILE
from selftune.loop.project import open_project
from selftune.records import Interaction


@pytest.fixture
def closed(monkeypatch):
    """The projects that were closed, in that order."""
    seen = []

    @contextmanager
    def opening(folder):
        with open_project(folder) as project:
            yield project
        seen.append(project.store)

    monkeypatch.setattr(reading, "open_project", opening)
    return seen


def change(folder):
    with (folder / CONFIG_FILE).open("a", encoding="utf-8") as config:
        config.write("\n")


def test_what_a_page_reads_is_closed_when_its_last_page_is_done(peopled, closed, monkeypatch):
    desk, one, other, later = Desk(peopled), [], [], []
    monkeypatch.setattr(Desk, "_lies_elsewhere", lambda *_: True)
    first = desk.lend(one).store
    assert desk.lend(one).store is desk.lend(other).store is first
    change(peopled)
    second = desk.lend(later).store
    assert second is not first
    desk.take_back(one)
    assert closed == []
    desk.take_back(other)
    assert closed == [first]
    desk.take_back(later)
    assert closed == [first], "it is the one that is open now"
    desk.close()
    assert closed == [first, second]


def test_a_page_gives_back_what_it_read_also_where_it_fails(peopled, closed):
    visitor = Visitor(peopled)
    desk = visitor.made.state.desk
    assert visitor.get("/data/interactions/interaction:nothing").status_code == 404
    assert visitor.get("/data").status_code == 200
    assert desk._open.readers == 0
    desk.close()
    assert len(closed) == 1


def test_what_takes_long_to_count_is_shown_as_it_was_and_counted_again(peopled, monkeypatch):
    visitor, go_on, count = Visitor(peopled), threading.Event(), data.funnel_of

    def slowly(project):
        assert go_on.wait(60)
        return count(project)

    def shown():
        return " ".join(Markup(visitor.get("/data").text).words.split())

    monkeypatch.setattr(reading, "_SECONDS_AT_ONCE", 0.0)
    monkeypatch.setattr(data, "funnel_of", slowly)
    go_on.set()
    before = shown()
    assert "Something has come in" not in before
    go_on.clear()
    with open_project(peopled) as project:
        counted = project.store.count(Interaction)
        project.store.save([said("a bell")], event="imported")
    assert f"came in{counted}interactions" in before
    while_counting = shown()
    assert f"came in{counted}interactions" in while_counting
    assert "Something has come in since this was counted" in while_counting
    go_on.set()
    now = shown_at_last(shown, lambda words: "Something has come in" not in words)
    assert f"came in{counted + 1}interactions" in now
    monkeypatch.setattr(data, "funnel_of", count)


def test_a_count_that_fails_behind_a_page_is_made_by_the_next_page(peopled, monkeypatch, capsys):
    desk, lent, failing = Desk(peopled), [], threading.Event()

    def make(project):
        if failing.is_set():
            raise IntegrityError("damaged.", next_step="Restore it.")
        return project.store.last_sequence()

    monkeypatch.setattr(reading, "_SECONDS_AT_ONCE", 0.0)
    seen = desk.remembered("n", make, lent)
    assert not seen.is_behind
    failing.set()
    with open_project(peopled) as project:
        project.store.save([said("a drum")], event="imported")
    assert desk.remembered("n", make, lent) == Counted(value=seen.value, is_behind=True)
    shown_at_last(lambda: capsys.readouterr().err, lambda told: "damaged." in told)
    with pytest.raises(IntegrityError):
        desk.remembered("n", make, lent)
    desk.take_back(lent)
    desk.close()

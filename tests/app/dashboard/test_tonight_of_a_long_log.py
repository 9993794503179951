"""The page Tonight where a look takes too long to wait for: what is known is shown, and another process looks."""

from __future__ import annotations

import re
import threading

from dashboard_visitor import Markup, Visitor
from page_reading import page, words_of

from selftune.app.dashboard import looking
from selftune.app.dashboard.looking import look_apart
from selftune.app.dashboard.pages import tonight
from selftune.app.tonight import look_at_tonight
from selftune.errors import IntegrityError
from selftune.loop.forgetting.finding import find_words
from selftune.loop.forgetting.forget import forget
from selftune.loop.project import open_project


def test_of_a_long_log_the_last_look_is_shown_while_another_process_looks_again(peopled, monkeypatch):
    visitor, go_on, looked = Visitor(peopled), threading.Event(), []

    def look_when_told(folder):
        assert go_on.wait(60)
        looked.append(folder)
        return look_apart(folder) if len(looked) == 1 else look_at(folder)

    def look_at(folder):
        with open_project(folder) as project:
            return look_at_tonight(project)

    monkeypatch.setattr(looking, "AT_ONCE", 0)
    monkeypatch.setattr(looking, "look_apart", look_when_told)
    monkeypatch.setattr(tonight, "_LOOKING", looking.Looking())
    assert "Not known yet." in words_of(visitor, "/tonight")
    go_on.set()
    assert "Show what was found" in words_of(visitor, "/tonight/stream")
    shown = page(visitor, "/tonight")
    assert "of which 7 are new" in " ".join(Markup(shown).words.split())
    assert "Something has come in" not in shown
    go_on.clear()
    name = re.search(r'name="id" value="(interaction:\w+)"', shown)[1]
    assert visitor.sends("/tonight/out", id=name, because="Not that.").status_code == 303
    shown = words_of(visitor, "/tonight")
    assert "of which 6 are new" in shown
    assert "Something has come in since this was found" in shown
    with open_project(peopled) as project:
        forget(project, find_words(project, name))
    assert "Not known yet." in words_of(visitor, "/tonight")
    go_on.set()
    words_of(visitor, "/tonight/stream")
    assert "Not known yet." in words_of(visitor, "/tonight"), "that look was begun before the words went"
    words_of(visitor, "/tonight/stream")
    assert "of which 6 are new" in words_of(visitor, "/tonight")


def test_a_look_that_fails_says_so_and_the_next_page_tries_again(peopled, monkeypatch):
    visitor, tried = Visitor(peopled), []

    def fail(folder):
        tried.append(folder)
        raise IntegrityError("a record is damaged.", next_step="Restore it.")

    monkeypatch.setattr(looking, "AT_ONCE", 0)
    monkeypatch.setattr(looking, "look_apart", fail)
    monkeypatch.setattr(tonight, "_LOOKING", looking.Looking())
    page(visitor, "/tonight")
    assert "a record is damaged. Restore it." in words_of(visitor, "/tonight/stream")
    assert "a record is damaged. Restore it." in words_of(visitor, "/tonight")
    assert len(tried) == 1
    page(visitor, "/tonight")
    words_of(visitor, "/tonight/stream")
    assert len(tried) == 2

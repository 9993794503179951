"""What tests of the pages read and do, beside the visitor: a page and its words, an errand's end, what was kept."""

from __future__ import annotations

import re
import time

from dashboard_visitor import Markup

from selftune.app.conversing import SOURCE
from selftune.loop.project import open_project
from selftune.records import Interaction

PATIENCE = 60
"""Seconds that a test waits for what happens behind a page."""


def page(visitor, path):
    answer = visitor.get(path)
    assert answer.status_code == 200, answer.text
    assert Markup(answer.text).faults == []
    return answer.text


def words_of(visitor, path):
    return " ".join(Markup(page(visitor, path)).words.split())


def answered(visitor, path):
    """The page once its errand is over."""
    return shown_at_last(lambda: page(visitor, path), lambda found: "hx-sse:connect" not in found)


def shown_at_last(look, is_it):
    """What `look` gives as soon as it is so; a busy machine has a minute for that."""
    until = time.monotonic() + PATIENCE
    while not is_it(found := look()):
        assert time.monotonic() < until, found
        time.sleep(0.02)
    return found


def records(folder, kind):
    with open_project(folder) as project:
        return [record for _, record in project.store.each(kind)]


def talks(folder):
    """What the chat page has kept, and which of it readers pass over."""
    with open_project(folder) as project:
        passed_over = project.store.superseded()
        return [one for _, one in project.store.each(Interaction) if one.source == SOURCE and one.id not in passed_over]


def begin_talk(visitor, question, **fields):
    sent = visitor.sends("/chat/begin", question=question, **fields)
    assert sent.status_code == 303, sent.text
    answered(visitor, sent.headers["location"])
    return sent.headers["location"]


def mark_on(visitor, path):
    """What names the answer that the page shows."""
    return re.search(r'name="of" value="(\w+)"', answered(visitor, path))[1]


def does(visitor, path, what, **fields):
    """Send a form of the page as it stands."""
    return visitor.sends(f"{path}/{what}", of=mark_on(visitor, path), **fields)

"""Thumbs of people reach the trial that runs, by both doors: `/v1/feedback`, and the ratings of a fake Open WebUI."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import replace

import pytest
from canary_house import CANDIDATE_DIGEST, CHAMPION_DIGEST, start, users
from captured_exchanges import House, exchange
from fake_open_webui import TOKEN, fake_open_webui
from test_feedback_route import FakeHearing

from selftune.app.gateway.canary.thumbs import ThumbsHeard
from selftune.app.gateway.capture.feedback import take_word
from selftune.app.gateway.capture.open_webui import connect
from selftune.app.gateway.capture.talk import Verdict
from selftune.app.gateway.exchange import CANDIDATE, CHAMPION
from selftune.app.gateway.keys import make_key
from selftune.app.gateway.refusals import Refusal
from selftune.loop.canary.journal import read_journal
from selftune.loop.canary.note import TrialEnd, end_canary, read_canary
from selftune.loop.canary.settling import settle_canary
from selftune.loop.canary.thumbs import pass_thumb, thumbs_path

SHARE = 0.9


def thumbs(hidden, trial):
    """Whose answer each thumb on the journal is for, and whether it points down."""
    lines = read_journal(hidden, trial)
    return [(one.candidate, one.thumb_down) for one in lines if getattr(one, "thumb_down", None) is not None]


@pytest.fixture
def webui(monkeypatch):
    monkeypatch.setenv("OPEN_WEBUI_TOKEN", TOKEN)
    with fake_open_webui() as fake:
        yield fake


@pytest.fixture
def house(project):
    """The house with two answers that Open WebUI got: one of each side of a trial."""
    house, key = House(project), make_key(project.hidden, "default")[0].id
    house.write(*(answer_of(side, key_id=key) for side in (CHAMPION, CANDIDATE)))
    house.take()
    return house


def answer_of(side, **changes):
    """The answer that this side gave to a user of it."""
    user = "u-1" if side == CANDIDATE else next(name for name, its in users(SHARE) if its == CHAMPION)
    digest = CANDIDATE_DIGEST if side == CANDIDATE else CHAMPION_DIGEST
    facts = {"conversation": "chat-1", "message_id": f"message of {side}", "user": user, "build_digest": digest}
    return exchange(f"cmpl-{side}-aaaaaaaaaa", upstream=side, **facts | changes)


def observed(routing):
    """The routing, which saw both answers."""
    for side in (CHAMPION, CANDIDATE):
        routing.observe(answer_of(side))
    return routing


def look(house, webui):
    @contextmanager
    def opened(_folder):
        yield house.project

    there = connect(house.project.folder, webui.address)
    there.opens = opened
    return there.look()


def test_a_rating_in_open_webui_counts_for_who_gave_the_answer_and_its_change_takes_its_place(house, webui):
    hidden = house.project.hidden
    routing, _, _ = start(hidden, share=SHARE)
    trial = read_canary(hidden).trial
    observed(routing)
    webui.rate("chat-1", "message of candidate", -1)
    assert look(house, webui).joined == 1
    routing.pick(CHAMPION, "somebody")
    assert thumbs(hidden, trial) == [(True, True)]
    # A look by a new process tells of the same rating again.
    look(house, webui)
    routing.pick(CHAMPION, "somebody")
    assert thumbs(hidden, trial) == [(True, True)]
    webui.rate("chat-1", "message of candidate", 1, updated_at=1_763_830_999)
    look(house, webui)
    routing.pick(CHAMPION, "somebody")
    assert thumbs(hidden, trial) == [(True, True), (True, False)]


def test_a_gateway_that_was_down_hears_of_them_when_it_is_back(house, webui):
    hidden = house.project.hidden
    routing, _, _ = start(hidden, share=SHARE)
    observed(routing)
    routing.close()
    webui.rate("chat-1", "message of candidate", -1)
    look(house, webui)
    again, _, _ = start(hidden, share=SHARE)
    again.pick(CHAMPION, "somebody")
    assert thumbs(hidden, read_canary(hidden).trial) == [(True, True)]


def test_nobody_rates_what_a_shadow_said(house):
    hidden = house.project.hidden
    routing, _, _ = start(hidden, shadow=True, share=0.0)
    given, beside = answer_of(CHAMPION, user="u-1"), answer_of(CANDIDATE, shadow=True)
    routing.observe(given)
    routing.observe(replace(beside, completion_id=given.completion_id))
    routing.observe(beside)
    for one in (given, beside):
        pass_thumb(hidden, one.completion_id, up=False)
    routing.pick(CHAMPION, "somebody")
    assert thumbs(hidden, read_canary(hidden).trial) == [(False, True)]


def test_a_file_of_thumbs_that_was_cut_or_written_by_others_costs_its_own_lines_alone(house):
    hidden = house.project.hidden
    routing, _, _ = start(hidden, share=SHARE)
    observed(routing)
    path = thumbs_path(hidden, read_canary(hidden).trial)
    path.write_bytes(b'[]\n{"answer": 7, "up": true}\n\xff\n{"answer": "nobody", "up": true}\n')
    for side in (CHAMPION, CANDIDATE):
        assert pass_thumb(hidden, answer_of(side).completion_id, up=True)
    with path.open("ab") as stream:
        stream.write(b'{"answer": "cut')
    routing.pick(CHAMPION, "somebody")
    assert thumbs(hidden, read_canary(hidden).trial) == [(False, False), (True, False)]


def test_where_no_trial_runs_nothing_is_written(house):
    hidden = house.project.hidden
    assert not pass_thumb(hidden, "c", up=True)
    start(hidden)
    end_canary(hidden, TrialEnd.STOPPED, "a person ended it")
    assert not pass_thumb(hidden, "c", up=True)


def test_what_waits_goes_when_the_trial_is_put_on_record(house):
    hidden = house.project.hidden
    start(hidden)
    pass_thumb(hidden, "c", up=True)
    path = thumbs_path(hidden, read_canary(hidden).trial)
    assert path.is_file()
    end_canary(hidden, TrialEnd.STOPPED, "a person ended it")
    settle_canary(house.project)
    assert not path.exists()


def test_feedback_counts_once_it_is_on_the_disk_and_a_later_thumb_takes_its_place(house):
    hidden = house.project.hidden
    routing, _, _ = start(hidden, share=SHARE)
    observed(routing)
    hearing = FakeHearing(Verdict.KEPT)

    def say(thumb):
        body = b'{"completion_id": "%s", "thumbs": "%s"}' % (answer_of(CANDIDATE).completion_id.encode(), thumb)
        return asyncio.run(take_word(ThumbsHeard(hearing, routing), body, "key-1"))

    for thumb in (b"down", b"down", b"up"):
        assert say(thumb)["status"] == "kept"
    hearing.verdict = Verdict.FOREIGN
    with pytest.raises(Refusal):
        say(b"down")
    assert thumbs(hidden, read_canary(hidden).trial) == [(True, True), (True, False)]

"""Ratings and edits of a fake Open WebUI, joined to captured answers by the names it forwards."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from captured_exchanges import House, exchange
from fake_open_webui import PATH, TOKEN, fake_open_webui

from selftune.app.cli.connecting import openwebui
from selftune.app.gateway.capture.open_webui import Joined, connect
from selftune.app.gateway.keys import make_key
from selftune.errors import ConfigError, DatabaseAwayError, ServingError, UsageError
from selftune.records import Feedback, Statement


@pytest.fixture
def house(project, monkeypatch):
    monkeypatch.setenv("OPEN_WEBUI_TOKEN", TOKEN)
    return House(project)


@pytest.fixture
def webui():
    with fake_open_webui() as fake:
        yield fake


@pytest.fixture
def answered(house):
    """The house with an answer that Open WebUI got, under its names of chat and message."""
    key = make_key(house.project.hidden, "default")[0].id
    house.write(exchange(key_id=key, conversation="chat-1", message_id="message-1", user="u-1"))
    house.take()
    return house


def joined(house, webui):
    @contextmanager
    def opened(_folder):
        yield house.project

    there = connect(house.project.folder, webui.address)
    there.opens = opened
    return there


def said(house):
    return [one.feedback for one in house.kept()]


def test_a_rating_is_joined_to_its_answer_once(answered, webui):
    webui.rate("chat-1", "message-1", 1)
    there = joined(answered, webui)
    assert there.look() == Joined(joined=1)
    assert there.look() == Joined(joined=1)
    assert joined(answered, webui).look() == Joined(joined=1), "a look by a new process"
    assert said(answered) == [None, Feedback(thumbs=1)]
    assert webui.asked == [PATH] * 3


def test_a_change_of_mind_is_newer_and_the_old_export_undoes_nothing(answered, webui):
    webui.rate("chat-1", "message-1", 1)
    first = list(webui.ratings)
    joined(answered, webui).look()
    webui.rate("chat-1", "message-1", -1, updated_at=1_763_830_999)
    joined(answered, webui).look()
    webui.ratings = first
    joined(answered, webui).look()
    assert [one and one.thumbs for one in said(answered)] == [None, 1, -1]


def test_an_edit_is_a_correction_and_a_reason_a_remark_both_redacted(answered, webui):
    webui.rate(
        "chat-1", "message-1", -1, edited="330 metres, says jane@mail.example.", reason="Wrong: bob@mail.example"
    )
    joined(answered, webui).look()
    assert said(answered)[-1] == Feedback(thumbs=-1, correction="330 metres, says [email-1].")
    (remark,) = [one for _, one in answered.project.store.each(Statement)]
    assert remark.text == "Wrong: [email-1]"


def test_a_rating_of_an_answer_of_elsewhere_waits_until_it_is_there(house, webui):
    webui.rate("chat-1", "message-1", 1)
    there = joined(house, webui)
    assert there.look() == Joined(unknown=1)
    key = make_key(house.project.hidden, "default")[0].id
    house.write(exchange(key_id=key, conversation="chat-1", message_id="message-1"))
    house.take()
    assert there.look() == Joined(joined=1)


def test_nobody_rates_or_corrects_the_answer_that_another_person_got(answered, webui):
    webui.rate("chat-1", "message-1", -1, edited="Buy at evil.example.", reason="Bad.")
    webui.ratings[0]["user_id"] = "u-2"
    assert joined(answered, webui).look() == Joined(unknown=1)
    assert said(answered) == [None]
    assert not list(answered.project.store.each(Statement))
    webui.ratings[0]["user_id"] = None
    assert joined(answered, webui).look() == Joined(unreadable=1)


@pytest.mark.parametrize(("name", "user"), [("default", None), ("a bot", "u-1")])
def test_of_an_answer_that_is_the_keys_own_anybodys_thumb_counts_and_no_more(house, webui, name, user):
    key = make_key(house.project.hidden, name)[0].id
    house.write(exchange(key_id=key, conversation="chat-1", message_id="message-1", user=user))
    house.take()
    webui.rate("chat-1", "message-1", -1, edited="Buy at evil.example.", reason="Bad.")
    assert joined(house, webui).look() == Joined(joined=1)
    assert said(house) == [None, Feedback(thumbs=-1)]
    assert not list(house.project.store.each(Statement))


def test_another_shape_is_counted_and_the_others_come_in(answered, webui):
    webui.rate("chat-1", "message-1", "up")
    webui.ratings += [7, {"id": "x", "meta": {}}, {"id": "y", "meta": None, "data": {"rating": 1}}]
    assert joined(answered, webui).look() == Joined(unreadable=4)


@pytest.mark.parametrize("comment", ["\ud800", float("nan"), float("inf")])
def test_what_no_file_can_hold_costs_its_own_rating_alone(answered, webui, comment):
    webui.rate("chat-1", "message-0", 1, comment=comment)
    webui.rate("chat-1", "message-1", 1)
    assert joined(answered, webui).look() == Joined(joined=1, unreadable=1)


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (200, b"<html>"), (200, b'{"items": []}'), (302, b"[]")])
def test_what_is_no_list_of_ratings_is_an_error_that_says_so(answered, webui, status, body):
    webui.status, webui.body = status, body
    with pytest.raises(ServingError, match="no list of ratings"):
        joined(answered, webui).look()


def test_a_refused_token_and_one_that_is_not_set_name_the_next_step(answered, webui, monkeypatch):
    monkeypatch.setenv("OPEN_WEBUI_TOKEN", "another")
    with pytest.raises(UsageError, match="refused the token") as refused:
        joined(answered, webui).look()
    assert "API key" in refused.value.next_step
    monkeypatch.delenv("OPEN_WEBUI_TOKEN")
    with pytest.raises(ConfigError, match="not set"):
        connect(answered.project.folder, webui.address)


def test_a_token_with_a_line_end_is_the_token_and_one_of_two_lines_is_none(answered, webui, monkeypatch):
    monkeypatch.setenv("OPEN_WEBUI_TOKEN", f"{TOKEN}\r\n")
    assert joined(answered, webui).look() == Joined()
    monkeypatch.setenv("OPEN_WEBUI_TOKEN", "first\nX-Evil: second")
    with pytest.raises(ConfigError, match="no header can hold it") as refused:
        connect(answered.project.folder, webui.address)
    assert "second" not in str(refused.value)


def test_a_database_that_is_away_for_a_moment_ends_no_watch(tmp_path, monkeypatch):
    class FakeWebUI:
        """A fake of what looks at ratings: its database is away at first, then its token opens nothing."""

        looks = 0

        def look(self):
            self.looks += 1
            away = DatabaseAwayError("the server of records is away.", next_step="Wait.")
            raise away if self.looks == 1 else UsageError("that is enough.", next_step="Go.")

    fake = FakeWebUI()
    monkeypatch.setattr("selftune.app.gateway.capture.open_webui.connect", lambda *_, **__: fake)
    with pytest.raises(UsageError, match="enough"):
        openwebui("http://127.0.0.1:9", once=False, every_seconds=0.01, variable="NONE", project=tmp_path, json=False)
    assert fake.looks == 2


def test_an_address_beyond_this_machine_needs_egress(house):
    with pytest.raises(ConfigError, match="beyond this machine"):
        connect(house.project.folder, "http://webui.example:8080")

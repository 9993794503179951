"""From the gateway's hands into the log: redacted, once, under who said it; and what people say of it later."""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress

import pytest
from captured_exchanges import House, chunks, exchange

from selftune.app.forgetting import look_for
from selftune.app.gateway.capture.ingest import watch
from selftune.app.gateway.capture.spool import segments
from selftune.app.gateway.capture.talk import Verdict
from selftune.app.gateway.capture.words import Word, read_word
from selftune.app.gateway.exchange import Ended
from selftune.app.gateway.keys import make_key
from selftune.errors import BudgetError, DatabaseAwayError, UsageError
from selftune.loop.config import load_config
from selftune.records import Feedback, Quarantined, Statement
from selftune.store import Store


@pytest.fixture
def house(project):
    return House(project)


def key_of(house, name, **facts):
    return make_key(house.project.hidden, name, **facts)[0].id


def word(key_id, *, number=1, completion_id="cmpl-aaaaaaaaaaaaaaaa", **said):
    return Word(
        id=f"{number:032x}", completion_id=completion_id, key_id=key_id, said_at="2026-11-22T17:01:00+00:00", **said
    )


def test_what_was_captured_is_in_the_log_and_gone_from_the_spool(house):
    key = key_of(house, "default")
    assert house.write(exchange(key_id=key)) == [Verdict.KEPT]
    assert house.take().entries == 1
    (kept,) = house.kept()
    assert kept.answer == "It is 300 metres tall."
    assert kept.source == "gateway"
    assert kept.position == "cmpl-aaaaaaaaaaaaaaaa"
    assert kept.author_is_owner
    assert kept.author.startswith("person-")
    assert not list(house.spool_folder.glob("*.*pen")) + list(house.spool_folder.glob("*.spool"))


def test_no_secret_is_ever_written_spool_included(house):
    secret, mail = "sk-proj-" + "a1B2c3D4" * 5, "jane.doe@mail.example"
    key = key_of(house, "default")
    house.write(
        exchange(key_id=key, asked=f"My key is {secret}, mail {mail}.", said=f"I wrote to {mail}."),
        exchange("cmpl-bad", key_id=key, request=f'{{"broken": "{mail} {secret}'.encode()),
    )
    house.write(word(key, correction=f"Ask {mail}.", comment=f"{secret}"))
    on_disk = b"".join(path.read_bytes() for path in house.project.hidden.rglob("*") if path.is_file())
    assert secret.encode() not in on_disk
    assert mail.encode() not in on_disk
    house.take()
    on_disk = b"".join(path.read_bytes() for path in house.project.hidden.rglob("*") if path.is_file())
    assert secret.encode() not in on_disk
    assert mail.encode() not in on_disk
    assert "[email-1]" in house.kept()[0].answer


def test_the_same_completion_comes_in_once_however_often_it_is_written(house):
    key = key_of(house, "default")
    house.write(exchange(key_id=key), exchange(key_id=key))
    house.write(exchange(key_id=key))
    house.take()
    house.take()
    assert len(house.kept()) == 1


def test_an_ingest_that_was_killed_behind_the_store_begins_again_and_doubles_nothing(house):
    key = key_of(house, "default")
    house.write(exchange(key_id=key), exchange("cmpl-2", asked="Why?", key_id=key))
    house.write(word(key, thumbs=1))
    spooled = {path: path.read_bytes() for path in house.spool_folder.glob("*.spool")}
    house.take()
    first = [one.id for one in house.kept()]
    for path, data in spooled.items():
        path.write_bytes(data)
    house.take()
    assert [one.id for one in house.kept()] == first


def test_a_half_saved_config_is_said_once_and_what_waits_comes_in_when_it_is_whole(house, caplog):
    house.write(exchange(key_id=key_of(house, "default")))
    config = house.project.folder / "selftune.toml"
    whole, rounds = config.read_text(), iter(("still broken", "whole again", "taken"))
    config.write_text(f"{whole}\n[gateway\n")

    def wait(_seconds):
        now = next(rounds)
        if now == "whole again":
            config.write_text(whole)
        return now == "taken"

    @contextmanager
    def opened(folder):
        load_config(folder)
        yield house.project

    watch(house.project.folder, wait=wait, opens=opened)
    assert [one.position for one in house.kept()] == ["cmpl-aaaaaaaaaaaaaaaa"]
    assert [record.levelname for record in caplog.records if "not taken yet" in record.message] == ["WARNING"]


def test_a_server_of_records_that_is_away_keeps_nothing_from_coming_in_once_it_is_back(house, caplog):
    house.write(exchange(key_id=key_of(house, "default")))
    rounds, away = iter((False, True)), [DatabaseAwayError("the server does not answer.", next_step="Start it.")]

    @contextmanager
    def opened(_folder):
        if away:
            raise away.pop()
        yield house.project

    watch(house.project.folder, wait=lambda _seconds: next(rounds), opens=opened)
    assert len(house.kept()) == 1
    assert [one.message for one in caplog.records] == ["not taken yet: the server does not answer. Start it."]


def test_what_can_not_be_read_waits_in_quarantine(house):
    house.write(exchange(request=b"{no json"))
    house.take()
    (aside,) = house.project.store.each(Quarantined)
    assert "no JSON" in aside[1].reason


def test_a_chat_that_goes_on_is_one_conversation_whose_newest_state_counts(house):
    key = key_of(house, "default")
    turns = [{"role": "user", "content": "Hello?"}]
    house.write(exchange("cmpl-1", request={"messages": turns}, said="Good day.", key_id=key, conversation="c"))
    turns += [{"role": "assistant", "content": "Good day."}, {"role": "user", "content": "How?"}]
    house.write(exchange("cmpl-2", request={"messages": turns}, said="Well.", key_id=key, conversation="c"))
    house.take()
    first, second = house.kept()
    assert second.supersedes == first.id
    assert house.project.store.superseded() == {first.id}


def test_a_broken_answer_takes_the_place_of_nothing(house):
    key = key_of(house, "default")
    turns = [{"role": "user", "content": "Hello?"}]
    house.write(exchange("cmpl-1", request={"messages": turns}, said="Good day.", key_id=key, conversation="c"))
    turns += [{"role": "assistant", "content": "Good day."}, {"role": "user", "content": "How?"}]
    half = chunks({"content": "I am"}, done=False)
    house.write(
        exchange("cmpl-2", request={"messages": turns}, response=half, streamed=True, ended=Ended.CLIENT_GONE,
                 key_id=key, conversation="c")
    )  # fmt: skip
    house.take()
    whole, broken = house.kept()
    assert broken.supersedes is None
    assert whole.consent.train
    assert not house.project.store.superseded()


# --- Who speaks -------------------------------------------------------------------------------------------------------


def test_only_the_owners_key_may_say_for_whom_it_asks(house):
    owners, another = key_of(house, "default"), key_of(house, "a bot")
    house.write(
        exchange("cmpl-1", key_id=owners, asked="One?"),
        exchange("cmpl-2", key_id=owners, asked="Two?", user="ann"),
        exchange("cmpl-3", key_id=owners, asked="Three?", user="bob"),
        exchange("cmpl-4", key_id=another, asked="Four?", user="ann"),
        exchange("cmpl-5", key_id=another, asked="Five?", user="somebody new"),
        exchange("cmpl-6", asked="Six?", user="ann"),
    )
    house.take()
    owner, ann, bob, bot, bot_again, nobody = house.kept()
    assert owner.author_is_owner
    assert not any(one.author_is_owner for one in (ann, bob, bot, bot_again, nobody))
    assert ann.author != bob.author
    assert bot.author == bot_again.author
    assert bot.author not in {owner.author, ann.author, bob.author}
    assert nobody.author is None


# --- Later words ------------------------------------------------------------------------------------------------------


def newest(house, position="cmpl-aaaaaaaaaaaaaaaa"):
    return house.project.store.kept_at("gateway", [position])[position]


def test_a_word_is_a_later_version_of_its_answer_and_both_are_on_record(house):
    key = key_of(house, "default")
    house.write(exchange(key_id=key))
    assert house.write(word(key, thumbs=1)) == [Verdict.KEPT]
    house.take()
    before, after = house.kept()
    assert before.feedback is None
    assert after.feedback == Feedback(thumbs=1)
    assert after.supersedes == before.id
    assert newest(house).id == after.id


def test_the_same_word_twice_is_one_and_a_contradicting_one_is_newer(house):
    key = key_of(house, "default")
    house.write(exchange(key_id=key))
    house.take()
    for number, thumbs in enumerate([1, 1, -1, 1], start=1):
        house.write(word(key, number=number, thumbs=thumbs))
        house.take()
    assert [one.feedback and one.feedback.thumbs for one in house.kept()] == [None, 1, -1, 1]
    assert newest(house).feedback == Feedback(thumbs=1)


def test_an_ingest_that_begins_again_does_not_turn_back_the_last_word(house):
    key = key_of(house, "default")
    house.write(exchange(key_id=key))
    house.write(*(word(key, number=number, thumbs=thumbs) for number, thumbs in enumerate([1, 1, -1], start=1)))
    spooled = {path: path.read_bytes() for path in house.spool_folder.glob("*.spool")}
    house.take()
    for path, data in spooled.items():
        path.write_bytes(data)
    house.take()
    assert [one.feedback and one.feedback.thumbs for one in house.kept()] == [None, 1, -1]
    assert newest(house).feedback == Feedback(thumbs=-1)


def test_a_word_is_kept_with_its_being_the_last_one_or_not_at_all(house, monkeypatch):
    key = key_of(house, "default")
    house.write(exchange(key_id=key), word(key, number=1, thumbs=1))
    house.take()
    house.write(word(key, number=2, thumbs=-1))
    with monkeypatch.context() as patched, suppress(BudgetError):
        patched.setattr(Store, "remember", refuse_to_remember)
        house.take()
    house.take()
    house.write(word(key, number=3, correction="It is 330 metres tall."))
    house.take()
    assert newest(house).feedback == Feedback(thumbs=-1, correction="It is 330 metres tall.")


def refuse_to_remember(*_):
    raise BudgetError("a fake disk is full.", next_step="None: this is a test.")


def test_a_correction_after_a_thumb_leaves_the_thumb(house):
    key = key_of(house, "default")
    house.write(exchange(key_id=key))
    house.write(word(key, number=1, thumbs=-1), word(key, number=2, correction="It is 330 metres tall."))
    house.take()
    assert newest(house).feedback == Feedback(thumbs=-1, correction="It is 330 metres tall.")


def test_a_word_on_an_answer_that_the_chat_has_left_behind_is_kept_with_that_answer(house):
    key = key_of(house, "default")
    turns = [{"role": "user", "content": "Hello?"}]
    house.write(exchange("cmpl-1", request={"messages": turns}, said="Good day.", key_id=key, conversation="c"))
    turns += [{"role": "assistant", "content": "Good day."}, {"role": "user", "content": "How?"}]
    house.write(exchange("cmpl-2", request={"messages": turns}, said="Well.", key_id=key, conversation="c"))
    house.take()
    for number in (1, 2):
        house.write(word(key, number=number, completion_id="cmpl-1", thumbs=-1))
        house.take()
    _, second, rated = house.kept()
    assert (rated.answer, rated.feedback) == ("Good day.", Feedback(thumbs=-1))
    assert second.feedback is None
    assert second.id not in house.project.store.superseded()
    assert rated.id not in house.project.store.superseded()


def test_a_remark_is_an_annotation_of_the_answer_and_comes_once(house):
    key = key_of(house, "default")
    house.write(exchange(key_id=key))
    house.write(word(key, comment="Too short."), word(key, comment="Too short."))
    house.write(word(key, number=2, comment="Too short."), word(key, number=3, thumbs=-1, comment="Too short."))
    house.take()
    (remark,) = [one for _, one in house.project.store.each(Statement)]
    assert remark.text == "Too short."
    assert remark.subject == house.kept()[0].id


def test_another_key_and_an_unknown_answer_are_refused_alike_also_after_a_restart(house):
    mine, other = key_of(house, "default"), key_of(house, "a bot")
    house.write(exchange(key_id=mine))
    for _ in range(2):
        assert house.write(word(other, thumbs=-1)) == [Verdict.FOREIGN]
        assert house.write(word(mine, completion_id="cmpl-none", thumbs=-1)) == [Verdict.FOREIGN]
        assert house.write(word(mine, thumbs=1)) == [Verdict.KEPT]
        house.take()
    assert newest(house).feedback == Feedback(thumbs=1)


def test_nobody_can_speak_of_what_was_asked_without_a_key(house):
    house.write(exchange())
    assert house.write(word("none", thumbs=1)) == [Verdict.FOREIGN]


@pytest.mark.parametrize(
    "body",
    [
        {"thumbs": "up"},
        {"completion_id": "c"},
        {"completion_id": "c", "thumbs": 5},
        {"completion_id": "c", "thumbs": True},
        {"completion_id": "c", "thumbs": "up", "rating": -1},
        {"completion_id": "c", "thumbs": [1]},
        {"completion_id": 7, "thumbs": 1},
        {"completion_id": "c", "correction": "x" * 200_001},
        {"completion_id": "c", "thumbs": 1, "stars": 3},
    ],
)
def test_a_word_that_says_nothing_clear_is_refused(body):
    with pytest.raises(UsageError):
        read_word(json.loads(json.dumps(body)), name="n", key_id="k", said_at="now")


def test_who_is_to_be_forgotten_is_looked_for_in_the_spool_too(house):
    key = key_of(house, "default")
    house.write(exchange(key_id=key, user="ann"))
    found = look_for(house.project, "ann")
    assert len(found.erasure.ids) == 1
    assert not segments(house.spool_folder)

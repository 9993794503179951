"""Consent and names: the stricter mark wins, and no author's name passes the door."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interaction_logs import read, whole, write

from selftune.errors import UnknownNameError
from selftune.interactions.config import Capture
from selftune.interactions.detect import open_sources
from selftune.interactions.door import check_door, clean, pass_door
from selftune.interactions.privacy.consent import MARKED, ConsentLevel, UnderConsent, marked_consent
from selftune.interactions.privacy.pseudonyms import Pseudonyms
from selftune.interactions.reading.assemble import Origin, assemble
from selftune.interactions.stage import capture
from selftune.records import Consent, Interaction, Message, Quarantined, Trigger
from selftune.store import Store
from selftune.testing import fake_context

KEEP, TRAIN, SEND = (level.consent for level in ConsentLevel)
NONE = Consent(keep=False, train=False, send=False)
NAMES = Pseudonyms(b"k" * 32)
TALK = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]


def entry(**facts):
    return {"messages": TALK} | facts


def interaction(**facts) -> Interaction:
    plain = {"salt": "s", "conversation": "c", "task_id": "t", "trigger": Trigger.USER, "source": "x", "position": "1"}
    return Interaction(messages=tuple(Message(**message) for message in TALK), **(plain | facts))


@pytest.mark.parametrize(
    ("facts", "consent"),
    [
        ({}, None),
        ({"consent": "none"}, NONE),
        ({"consent": "keep"}, KEEP),
        ({"consent": "train"}, TRAIN),
        ({"consent": "send"}, SEND),
        ({"consent": {"train": False}}, KEEP),
        ({"consent": {"send": True}}, SEND),
        ({"consent": {"train": False, "send": True}}, KEEP),
        ({"consent": {"keep": False}}, NONE),
        ({"messages": [{**TALK[0], "consent": "keep"}, TALK[1]]}, KEEP),
        ({"consent": "send", "messages": [{**TALK[0], "consent": "train"}, TALK[1]]}, TRAIN),
    ],
)
def test_the_strictest_mark_of_an_entry_and_its_messages_counts(facts, consent):
    assert marked_consent(entry(**facts)) == consent


@pytest.mark.parametrize("mark", ["yes", 1, {"train": "no"}, {"publish": True}, ["train"]])
def test_a_mark_that_nobody_understands_sets_the_entry_aside(mark, tmp_path):
    path = write(tmp_path / "log.jsonl", entry(consent=mark), entry())
    aside, kept = read(path, tmp_path)
    assert isinstance(aside, Quarantined)
    assert "'consent'" in aside.reason
    assert isinstance(kept, Interaction)


@pytest.mark.parametrize("level", list(ConsentLevel))
@pytest.mark.parametrize(("mark", "marked"), [("keep", KEEP), ("train", TRAIN), ("send", SEND)])
def test_of_file_and_import_the_stricter_one_wins(level, mark, marked, tmp_path):
    path = write(tmp_path / "log.jsonl", entry(consent=mark), entry(id="2"))
    (source,) = open_sources(path)
    with_mark, without = whole(list(UnderConsent(source=source, level=level).read(fake_context(tmp_path))))
    assert with_mark.consent == marked.stricter(level.consent)
    assert MARKED in with_mark.flags
    assert without.consent == level.consent


def test_what_may_not_be_kept_is_set_aside_without_a_word_of_it(tmp_path):
    path = write(tmp_path / "log.jsonl", entry(consent="none"))
    with Store.open(tmp_path) as store:
        store.save(read(path, tmp_path), event="captured")
        ((_, aside),) = store.each(Quarantined)
        assert store.count(Interaction) == 0
    assert aside.raw == ""
    assert "did not agree" in aside.reason


def test_a_conversation_with_a_message_that_may_not_be_learnt_from_is_not_learnt_from(tmp_path):
    path = write(tmp_path / "log.jsonl", {"messages": [{**TALK[0], "consent": {"train": False}}, TALK[1]]})
    (got,) = whole(read(path, tmp_path))
    assert got.consent == KEEP


@given(st.text(min_size=1))
def test_a_pseudonym_stays_itself_and_is_no_name(name):
    pseudonym = NAMES.of(name)
    assert NAMES.of(pseudonym) == pseudonym
    assert NAMES.is_ours(pseudonym)
    assert Pseudonyms(b"l" * 32).of(name) != pseudonym
    assert not Pseudonyms(b"l" * 32).is_ours(pseudonym)


def test_one_person_has_one_pseudonym_however_the_name_is_typed():
    assert NAMES.of("Jürgen Groß ") == NAMES.of("jürgen gross")
    assert NAMES.of("Jane") != NAMES.of("June")


def test_a_name_that_only_looks_like_a_pseudonym_is_hashed():
    forged = "person-0123456789abcdef-01234567"
    assert NAMES.of(forged) != forged


def test_the_key_shows_nowhere():
    assert "kkk" not in repr(NAMES)
    assert "6b6b" not in NAMES.identity


def test_an_author_becomes_a_pseudonym_and_a_declared_name_an_owner():
    config = Capture(pseudonyms=NAMES, owners=("Jane Doe",))
    stranger, owner = (clean(interaction(author=name), config) for name in ("Joe", "jane doe"))
    assert (stranger.author, stranger.author_is_owner) == (NAMES.of("Joe"), False)
    assert (owner.author, owner.author_is_owner) == (NAMES.of("Jane Doe"), True)
    assert clean(owner, config) == owner
    assert owner.flags == ()
    assert clean(interaction(), config).author is None


def test_the_name_in_a_broken_line_becomes_the_same_pseudonym(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(entry(author="Jane Doe"))[:-1] + "\n" + json.dumps(entry(user="Jane Doe")) + "\n")
    config = Capture(pseudonyms=NAMES)
    aside, kept = capture(open_sources(path, "openai"), config, fake_context(tmp_path))
    assert isinstance(aside, Quarantined)
    assert isinstance(kept, Interaction)
    assert "Jane" not in aside.raw
    assert f'"author": "{kept.author}"' in aside.raw


@pytest.mark.parametrize(
    "raw",
    [
        '{"user_id": "Jürgen", ',
        '{"author": "J\\u00fcrgen", ',
        '{"messages": [{"role": "user", "name": "Jürgen", "content": "x',
        '{"name": "Jürgen", "is_user": true, "mes": "x',
        '{"attributes": {"enduser.id": "Jürgen"',
    ],
)
def test_a_name_in_any_field_that_names_a_person_is_gone_from_a_broken_line(raw):
    item = Quarantined(salt="s", source="x", position="1", reason="broken", raw=raw)
    kept = pass_door(item, Capture(pseudonyms=NAMES))
    assert NAMES.of("Jürgen") in kept.raw
    assert "rgen" not in kept.raw
    assert pass_door(kept, Capture(pseudonyms=NAMES)) == kept


def test_names_of_tools_and_personas_stay_in_a_broken_line():
    raw = '{"function": {"name": "get_weather"}, "name": "BRICK", "is_user": false, "role": "assistant", "name": "x'
    item = Quarantined(salt="s", source="x", position="1", reason="broken", raw=raw)
    assert pass_door(item, Capture(pseudonyms=NAMES)) == item


def test_a_file_named_after_a_person_is_hidden_and_its_conversations_stay_apart(tmp_path):
    path = write(tmp_path / "chat with jane@mail.example.jsonl", entry(id="a"), entry(id="b"), {"messages": 1})
    for config in (Capture(pseudonyms=NAMES), Capture()):
        one, other, aside = capture(open_sources(path, "openai"), config, fake_context(tmp_path))
        assert "jane" not in repr((one, other, aside))
        assert one.source == other.source == aside.source
        assert one.source.startswith("openai:hidden-")
        assert (one.conversation, other.conversation) == (f"{one.source}:a", f"{one.source}:b")
        assert clean(one, config) == one


def test_a_hidden_name_tells_nothing_without_the_key():
    assert NAMES.hide("jane@mail.example") != Pseudonyms(b"l" * 32).hide("jane@mail.example")


def test_a_kind_under_quarantine_holds_the_whole_back_and_is_redacted_all_the_same():
    config = Capture(redact=("email",), quarantine=("card",), pseudonyms=NAMES)
    message = Message(role="user", content="a@x.example 4111 1111 1111 1111")
    held = pass_door(_saying(message), config)
    assert isinstance(held, Quarantined)
    assert held.reason == "held back: it holds card"
    assert "4111" not in held.raw
    assert "a@x.example" not in held.raw
    fine = pass_door(_saying(Message(role="user", content="a@x.example")), config)
    assert isinstance(fine, Interaction)


def test_a_secret_in_base64_is_held_back_for_what_it_holds():
    packed = base64.b64encode(b"card 4111 1111 1111 1111").decode()
    held = pass_door(_saying(Message(role="user", content=packed)), Capture(quarantine=("card",)))
    assert isinstance(held, Quarantined)
    assert packed not in held.raw


def test_a_kind_that_nothing_looks_for_is_refused_under_quarantine_too():
    with pytest.raises(UnknownNameError, match="crad"):
        check_door(Capture(quarantine=("crad",)))


def _saying(message: Message) -> Interaction:
    answer = Message(role="assistant", content="Thanks.")
    return Interaction(
        salt="s",
        conversation="c",
        task_id="t",
        trigger=Trigger.USER,
        source="x",
        position="1",
        messages=(message, answer),
        author="Jane",
    )


def test_what_a_source_itself_says_of_consent_holds_too():
    origin = Origin(source="x", position="1", salt="s")
    made = assemble((Message(role="user", content="Hi."),), {"consent": {"train": False}}, origin)
    assert made.consent == KEEP

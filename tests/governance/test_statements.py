"""Who may say what, word for word, and what a signature covers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from governance_makers import say
from governance_makers import withdraw as withdrawal_of
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.errors import UsageError
from selftune.governance.doubts import standing
from selftune.governance.keys import seal_build, sign_statement, statement_is_signed
from selftune.governance.statements import (
    Remark,
    annotate,
    answer,
    approve,
    close,
    hold,
    lift,
    raise_concern,
    refuse,
    review,
    withdraw,
)
from selftune.interactions.config import Capture
from selftune.ledger.keys import make_machine_key
from selftune.records import GenerationParameters, Gravity, StatementKind, decode_record, encode_record
from selftune.records.signatures import build_is_sealed
from selftune.testing import fake_build, fake_context

DOOR = Capture()
KEY = "sk-proj-" + "a1B2c3D4" * 6


def test_each_kind_of_word_is_kept_verbatim_with_author_and_time(tmp_path):
    context = fake_context(tmp_path)
    said = [
        speak("decision:1", author="ana", text="  As I said: yes. ", context=context, door=DOOR)
        for speak in (approve, refuse, raise_concern, hold, review)
    ]
    assert [one.kind.value for one in said] == ["approval", "refusal", "concern", "hold", "review"]
    assert {one.text for one in said} == {"  As I said: yes. "}
    assert {one.said_at for one in said} == {context.now()}
    assert len({one.salt for one in said}) == 5


SPEAKERS = [
    approve,
    refuse,
    raise_concern,
    hold,
    review,
    lambda _, **facts: answer(say("concern", "run:1"), **facts),
    lambda _, **facts: close(say("concern", "run:1"), evidence=("run:2",), **facts),
    lambda _, **facts: lift(say("hold", "run:1"), **facts),
    lambda subject, **facts: annotate(subject, Remark(), **facts),
    lambda _, **facts: withdraw(say("concern", "run:1", "ana"), **facts),
]


@pytest.mark.parametrize("speak", SPEAKERS)
def test_a_secret_in_what_somebody_says_is_no_part_of_the_statement_and_the_statement_says_so(tmp_path, speak):
    text = f"It answered with {KEY} \u2014 to jane@mail.example!"
    said = speak("run:1", author="ana", text=text, context=fake_context(tmp_path), door=DOOR)
    assert said.text == "It answered with [api_key-1] \u2014 to [email-1]!"
    assert said.redacted


# Decision 79: what people say is not mended; words of logs are, at the same door.
@pytest.mark.parametrize(
    "odd", ["\u00e2\u20ac\u201d", "a\0b", "one\r\ntwo\r", "\u202ebent", "e\u0301", "\ufb01", " \u00a0 x\t"]
)
@pytest.mark.parametrize("speak", SPEAKERS)
def test_nothing_that_is_no_secret_is_mended(tmp_path, speak, odd):
    said = speak("run:1", author="ana", text=f"so: {odd}", context=fake_context(tmp_path), door=DOOR)
    assert (said.text, said.redacted) == (f"so: {odd}", False)


@settings(deadline=None)  # a busy machine is no failure
@given(text=st.text(min_size=1).filter(str.strip))
def test_words_are_kept_to_the_last_odd_letter_and_read_again_so(text):
    with TemporaryDirectory() as folder:
        said = review("run:1", author="ana", text=text, context=fake_context(Path(folder)), door=DOOR)
    assert said.redacted or said.text == text
    assert decode_record(encode_record(said)) == said


@pytest.mark.parametrize("text", ["\ud800", "good \udfff night"])
def test_half_of_a_character_is_refused_with_a_sentence_and_not_replaced(tmp_path, text):
    with pytest.raises(UsageError, match="half of a character"):
        review("run:1", author="ana", text=text, context=fake_context(tmp_path), door=DOOR)
    with pytest.raises(UsageError, match="half of a character"):
        review("run:1", author=text, text="x", context=fake_context(tmp_path), door=DOOR)


@pytest.mark.parametrize(("author", "text"), [("", "yes"), ("ana", " ")])
def test_statement_without_author_or_words_is_refused(tmp_path, author, text):
    with pytest.raises(UsageError):
        approve("decision:1", author=author, text=text, context=fake_context(tmp_path), door=DOOR)


def test_each_ending_is_a_kind_of_its_own_and_fits_only_what_it_ends(tmp_path):
    facts = {"author": "ben", "text": "Fixed.", "context": fake_context(tmp_path), "door": DOOR}
    concern, stop = say("concern", "run:1"), say("hold", "run:1")
    assert (answer(concern, **facts).kind, answer(concern, **facts).subject) == (StatementKind.ANSWER, concern.id)
    closing = close(concern, evidence=("run:2",), **facts)
    assert (closing.kind, closing.subject, closing.evidence) == (StatementKind.CLOSING, concern.id, ("run:2",))
    assert (lift(stop, **facts).kind, lift(stop, **facts).subject) == (StatementKind.LIFT, stop.id)
    for refused in (
        lambda: answer(say("review", "run:1"), **facts),
        lambda: close(stop, evidence=(), **facts),
        lambda: lift(concern, **facts),
    ):
        with pytest.raises(UsageError, match="selftune concern list"):
            refused()


def test_a_remark_holds_what_stood_there_and_what_stands_there_now(tmp_path):
    remark = Remark(
        category="correction",
        topic="tone",
        before="I felt",
        after=f"noted, {KEY}",
        supersedes="statement:1",
        links=("x",),
    )
    said = annotate("run:1", remark, author="ana", text="Mended.", context=fake_context(tmp_path), door=DOOR)
    assert (said.kind, said.category, said.topic, said.before) == (
        StatementKind.ANNOTATION,
        "correction",
        "tone",
        "I felt",
    )
    assert (said.after, said.redacted) == ("noted, [api_key-1]", True)
    assert (said.supersedes, said.links) == ("statement:1", ("x",))


def test_withdrawing_anothers_words_is_refused(tmp_path):
    with pytest.raises(UsageError):
        withdraw(say("concern", "run:1", "ana"), author="ben", text="No.", context=fake_context(tmp_path), door=DOOR)


def test_a_withdrawal_is_not_withdrawn(tmp_path):
    taken_back = withdrawal_of(say("review", "run:1", "ana"))
    with pytest.raises(UsageError, match="Say anew"):
        withdraw(taken_back, author="ana", text="No.", context=fake_context(tmp_path), door=DOOR)


def test_standing_keeps_order_and_everything_that_was_not_withdrawn():
    said = [say("review", "run:1"), say("concern", "run:1"), say("approval", "run:1")]
    assert standing(said) == tuple(said)


def test_signature_covers_every_field_of_a_statement(tmp_path):
    key = make_machine_key(tmp_path)
    signed = sign_statement(say("approval", "decision:1"), key)
    assert statement_is_signed(signed, key.public)
    for change in (
        {"text": "No."},
        {"author": "ben"},
        {"author_is_model": True},
        {"subject": "decision:2"},
        {"kind": StatementKind.REVIEW},
        {"said_at": "2026-01-02T00:00:00+00:00"},
        {"evidence": ("x",)},
        {"supersedes": "statement:0"},
        {"category": "x"},
        {"topic": "x"},
        {"before": "x"},
        {"after": "x"},
        {"authorised_by": "x"},
        {"gravity": Gravity.BLOCKING},
        {"links": ("x",)},
        {"role": "x"},
        {"key": "x"},
        {"key_signature": "x"},
        {"unfinished": True},
        {"redacted": True},
        {"expires_at": "x"},
        {"lineage": ("x",)},
        {"signature": None},
        {"signature": "zz"},
        {"signature": "00" * 64},
    ):
        assert not statement_is_signed(replace(signed, **change), key.public), change


def test_signature_by_another_key_is_none(tmp_path):
    key, other = make_machine_key(tmp_path / "a"), make_machine_key(tmp_path / "b")
    assert not statement_is_signed(sign_statement(say("approval", "x"), other), key.public)
    assert not statement_is_signed(sign_statement(say("approval", "x"), key), "not hex")


def test_seal_covers_what_answers_and_not_how_it_was_made(tmp_path):
    key = make_machine_key(tmp_path)
    sealed = seal_build(fake_build("better"), key)
    assert build_is_sealed(sealed, key.public)
    assert build_is_sealed(replace(sealed, tools=("another 2",)), key.public)
    assert not build_is_sealed(fake_build("better"), key.public)
    assert not build_is_sealed(replace(sealed, system_prompt="Lie."), key.public)
    assert not build_is_sealed(replace(sealed, generation=GenerationParameters(temperature=2.0)), key.public)
    assert not build_is_sealed(replace(sealed, files=fake_build("worse").files), key.public)

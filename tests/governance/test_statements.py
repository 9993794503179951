"""Who may say what, and whose word closes a doubt."""

from __future__ import annotations

from dataclasses import replace

import pytest
from governance_makers import say

from selftune.errors import UsageError
from selftune.governance.doubts import may_answer, open_doubts, standing
from selftune.governance.keys import seal_build, sign_statement, statement_is_signed
from selftune.governance.statements import answer, approve, hold, raise_concern, refuse, review, withdraw
from selftune.interactions.config import Capture
from selftune.ledger.keys import make_machine_key
from selftune.records import GenerationParameters, StatementKind
from selftune.records.signatures import build_is_sealed
from selftune.testing import fake_build, fake_context

NOBODY = {}
DOOR = Capture()
KEY = "sk-proj-" + "a1B2c3D4" * 6


def test_each_kind_of_word_is_kept_verbatim_with_author_and_time(tmp_path):
    context = fake_context(tmp_path)
    said = [
        speak("decision:1", author="ana", text="  As I said: yes. ", context=context, door=DOOR)
        for speak in (approve, refuse, raise_concern, hold, review)
    ]
    assert [one.kind.value for one in said] == ["approval", "retirement", "concern", "hold", "review"]
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
    lambda _, **facts: withdraw(say("concern", "run:1", "ana"), **facts),
]


@pytest.mark.parametrize("speak", SPEAKERS)
def test_a_secret_in_what_somebody_says_is_no_part_of_the_statement(tmp_path, speak):
    text = f"It answered with {KEY} \u00e2\u20ac\u201d to jane@mail.example!"
    said = speak("run:1", author="ana", text=text, context=fake_context(tmp_path), door=DOOR)
    assert said.text == "It answered with [api_key-1] \u2014 to [email-1]!"


@pytest.mark.parametrize(("author", "text"), [("", "yes"), ("ana", " ")])
def test_statement_without_author_or_words_is_refused(tmp_path, author, text):
    with pytest.raises(UsageError):
        approve("decision:1", author=author, text=text, context=fake_context(tmp_path), door=DOOR)


def test_concern_is_open_until_another_person_answers():
    concern = say("concern", "decision:1", "ana")
    assert open_doubts([concern], NOBODY) == (concern,)
    assert open_doubts([concern, say("sign_off", concern.id, "ben")], NOBODY) == ()


def test_concern_cannot_be_closed_by_the_one_it_questions():
    concern = say("concern", "decision:1", "ana")
    by_approver = [say("approval", "decision:1", "ben"), concern, say("sign_off", concern.id, "ben")]
    assert open_doubts(by_approver, NOBODY) == (concern,)
    by_runner = [concern, say("sign_off", concern.id, "cy")]
    assert open_doubts(by_runner, {"decision:1": frozenset({"cy"})}) == (concern,)
    about_a_statement = say("approval", "decision:1", "ben")
    doubt = say("concern", about_a_statement.id, "ana")
    assert open_doubts([about_a_statement, doubt, say("sign_off", doubt.id, "ben")], NOBODY) == (doubt,)


def test_approving_after_the_concern_was_raised_does_not_close_it():
    concern = say("concern", "decision:1", "ana")
    assert open_doubts([concern, say("approval", "decision:1", "ben")], NOBODY) == (concern,)


def test_no_model_closes_a_doubt_but_it_may_have_one():
    concern = say("concern", "run:1", "auditor", model=True)
    assert open_doubts([concern, say("sign_off", concern.id, "gpt", model=True)], NOBODY) == (concern,)
    assert open_doubts([concern, say("sign_off", concern.id, "ana")], NOBODY) == ()


def test_author_may_withdraw_a_doubt_and_nobody_else_may():
    concern = say("concern", "run:1", "ana")
    assert open_doubts([concern, say("annotation", "run:1", "ben", supersedes=concern.id)], NOBODY) == (concern,)
    assert open_doubts([concern, say("annotation", "run:1", "ana", supersedes=concern.id)], NOBODY) == ()


def test_withdrawn_answer_opens_the_doubt_again():
    concern = say("concern", "run:1", "ana")
    reply = say("sign_off", concern.id, "ben")
    second_thought = say("annotation", concern.id, "ben", supersedes=reply.id)
    assert open_doubts([concern, reply, second_thought], NOBODY) == (concern,)


def test_hold_is_a_doubt_like_a_concern_and_a_review_is_none():
    stop = say("hold", "run:1")
    assert open_doubts([stop, say("review", "run:1")], NOBODY) == (stop,)


def test_may_answer_says_beforehand_what_would_count():
    concern = say("concern", "decision:1", "ana")
    said = [say("approval", "decision:1", "ben"), concern]
    assert may_answer(concern, "cy", said, NOBODY)
    assert not may_answer(concern, "ben", said, NOBODY)
    assert not may_answer(concern, "cy", said, NOBODY, author_is_model=True)


def test_only_concerns_and_holds_can_be_answered(tmp_path):
    context = fake_context(tmp_path)
    concern = say("concern", "run:1")
    assert answer(concern, author="ben", text="Fixed.", context=context, door=DOOR).subject == concern.id
    with pytest.raises(UsageError):
        answer(say("review", "run:1"), author="ben", text="Fixed.", context=context, door=DOOR)


def test_withdrawing_anothers_words_is_refused(tmp_path):
    with pytest.raises(UsageError):
        withdraw(say("concern", "run:1", "ana"), author="ben", text="No.", context=fake_context(tmp_path), door=DOOR)


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

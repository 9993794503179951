"""Whose word ends a doubt: nobody's whom it questions, under no name, by no shortcut."""

from __future__ import annotations

import pytest
from governance_makers import REPORT, close, decision, heard, look_at, release, say, withdraw

from selftune.errors import WaitingForPersonError
from selftune.governance.clearance import clear_for_release
from selftune.governance.doubts import DoubtState, doubts_of_decision, questioned, standing
from selftune.governance.keys import sign_statement
from selftune.ledger.keys import make_machine_key
from selftune.records import Gravity

ONE = decision("1", run="run:1")
PARTS = [ONE.id, ONE.build_id, ONE.run_id]


def clear(*said, profile="solo", **options):
    return clear_for_release(heard(ONE, *said, profile=profile, **options), ONE)


# --- The five holes that were found by trying them (survey of 22 November) --------------------------------------------


@pytest.mark.parametrize("subject", PARTS)
def test_the_runner_lifts_a_hold_on_no_part_of_the_matter(subject):
    stop = say("hold", subject, "ana")
    with pytest.raises(WaitingForPersonError):
        clear(stop, say("lift", stop.id, "runner"))


@pytest.mark.parametrize("subject", PARTS)
@pytest.mark.parametrize("kind", ["approval", "sign_off"])
def test_who_approved_one_part_of_the_matter_ends_no_doubt_about_another(subject, kind):
    for approved in PARTS:
        yes, stop = say(kind, approved, "ben"), say("hold", subject, "ana")
        with pytest.raises(WaitingForPersonError):
            clear(yes, stop, say("lift", stop.id, "ben"), profile="team")


def test_what_is_not_signed_here_ends_no_doubt(tmp_path):
    key = make_machine_key(tmp_path)
    stop = sign_statement(say("hold", ONE.id, "ana"), key)
    for ending in (say("lift", stop.id, "ben"), withdraw(stop)):
        with pytest.raises(WaitingForPersonError):
            clear(stop, ending, public_key=key.public)
        assert clear(stop, sign_statement(ending, key), public_key=key.public)


@pytest.mark.parametrize("kind", ["annotation", "retirement", "review", "sign_off", "answer", "closing", "lift"])
def test_a_statement_that_supersedes_a_doubt_takes_it_away_only_if_it_is_a_withdrawal(kind):
    concern = say("concern", ONE.id, "ana")
    assert look_at(concern, concern, say(kind, ONE.id, "ana", supersedes=concern.id)).stands
    assert look_at(concern, concern, withdraw(concern)).state is DoubtState.WITHDRAWN


@pytest.mark.parametrize("kind", ["sign_off", "approval", "review", "answer", "annotation"])
@pytest.mark.parametrize("author", ["ana", "dee"])
def test_nothing_but_a_closing_closes_a_concern(kind, author):
    concern = say("concern", ONE.id, "ana")
    assert look_at(concern, concern, say(kind, concern.id, author, evidence=(REPORT.id,))).stands


# --- Concerns ---------------------------------------------------------------------------------------------------------


def test_concern_is_closed_by_somebody_else_with_a_reason_and_evidence_that_is_there():
    concern = say("concern", ONE.id, "ana")
    found = look_at(concern, ONE, concern, ending := close(concern, "dee"))
    assert (found.state, found.settled_by, found.stands) == (DoubtState.CLOSED, ending, False)


@pytest.mark.parametrize(
    ("ending", "why"),
    [
        (lambda one: close(one, "ana"), "only somebody else can close it"),
        (lambda one: close(one, " ANA"), "only somebody else can close it"),
        (lambda one: close(one, "runner"), "who runs what it is about"),
        (lambda one: close(one, "ben"), "who gave the approval of it"),
        (lambda one: close(one, "gpt", model=True), "a model ends no doubt"),
        (lambda one: say("closing", one.id, "dee"), "names no evidence"),
        (lambda one: close(one, "dee", "run:none"), "run:none is not on record"),
        (lambda one: close(one, "dee", one.id), "its author's own word"),
        (lambda one: close(one, "dee", text=" "), "gives no reason"),
        (lambda one: close(one, "dee", unfinished=True), "broke off"),
        (lambda one: withdraw(one, "ben"), "only its author"),
        (lambda one: withdraw(one, "Ana"), "only its author"),
    ],
)
def test_a_closing_that_does_not_count_is_kept_with_the_reason(ending, why):
    concern, yes = say("concern", ONE.run_id, "ana"), say("approval", ONE.id, "ben")
    tried = ending(concern)
    found = look_at(concern, ONE, yes, concern, tried)
    assert found.stands
    ((refused, told),) = found.refused
    assert (refused, why in told) == (tried, True), told


def test_a_concern_is_not_closed_by_the_one_it_questions_whenever_they_approved():
    concern = say("concern", ONE.id, "ana")
    closing, yes = close(concern, "ben"), say("approval", ONE.id, "ben")
    assert not look_at(concern, ONE, concern, closing).stands
    assert look_at(concern, ONE, concern, closing, yes).stands
    assert look_at(concern, ONE, concern, closing, yes, withdraw(yes)).stands


def test_a_doubt_about_a_statement_is_not_closed_by_who_made_it():
    claim = say("review", ONE.build_id, "ben")
    concern = say("concern", claim.id, "ana")
    assert look_at(concern, ONE, claim, concern, close(concern, "ben")).stands
    assert not look_at(concern, ONE, claim, concern, close(concern, "dee")).stands
    assert ("ben", "said what it is about") in questioned(heard(ONE, claim, concern), concern)


def test_a_closing_that_is_taken_back_opens_the_concern_again():
    concern = say("concern", ONE.id, "ana")
    closing = close(concern, "dee")
    assert look_at(concern, ONE, concern, closing, withdraw(closing)).stands
    assert not look_at(concern, ONE, concern, closing, withdraw(closing, "ben")).stands


def test_a_blocking_concern_that_its_author_takes_back_blocks_until_somebody_else_has_looked():
    concern = say("concern", ONE.build_id, "ana", gravity=Gravity.BLOCKING)
    taken_back = withdraw(concern)
    found = look_at(concern, ONE, concern, taken_back)
    assert (found.state, found.stands, found.blocks) == (DoubtState.WITHDRAWN, True, True)
    with pytest.raises(WaitingForPersonError, match="still needs an independent look"):
        clear(concern, taken_back)
    assert look_at(concern, ONE, concern, taken_back, close(concern, "dee")).state is DoubtState.CLOSED
    noted = say("concern", ONE.build_id, "ana", gravity=Gravity.SERIOUS)
    assert not look_at(noted, ONE, noted, withdraw(noted)).stands


def test_replies_are_shown_and_close_nothing():
    concern = say("concern", ONE.id, "ana")
    reply = say("answer", concern.id, "ben")
    assert look_at(concern, ONE, concern, reply).answers == (reply,)
    assert look_at(concern, ONE, concern, reply).stands


# --- What stops a release ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", [*PARTS, "project"])
def test_a_blocking_concern_stops_the_promotion_and_the_message_quotes_it(subject):
    concern = say("concern", subject, "ana", gravity=Gravity.BLOCKING, text="The samples were picked.")
    with pytest.raises(WaitingForPersonError, match="The samples were picked") as caught:
        clear(concern)
    assert "selftune concern show" in caught.value.next_step
    assert clear(concern, close(concern, "dee")).concerns == ()


def test_other_open_concerns_go_along_with_the_release():
    noted = say("concern", ONE.run_id, "ana", gravity=Gravity.NOTED)
    serious = say("concern", "project", "ana", gravity=Gravity.SERIOUS)
    elsewhere = say("concern", "run:other", "ana", gravity=Gravity.BLOCKING)
    assert clear(noted, serious, elsewhere).concerns == (noted.id, serious.id)


def test_a_doubt_about_what_was_said_about_a_decision_is_a_doubt_about_the_decision():
    yes = say("approval", ONE.id, "ben")
    concern = say("concern", yes.id, "ana", gravity=Gravity.BLOCKING)
    assert [one.statement for one in doubts_of_decision(heard(ONE, yes, concern), ONE)] == [concern]


def test_one_person_alone_lifts_the_machine_s_hold_and_their_own_and_in_a_team_somebody_else_does():
    alarm = say("hold", ONE.id, "selftune", model=True)
    assert clear(alarm, say("lift", alarm.id, "runner"))
    yes = say("approval", ONE.id, "ben")
    for who in ("runner", "ben"):
        with pytest.raises(WaitingForPersonError):
            clear(yes, alarm, say("lift", alarm.id, who), profile="team")
    assert clear(yes, alarm, say("lift", alarm.id, "cy"), profile="team")
    with pytest.raises(WaitingForPersonError):
        clear(alarm, withdraw(alarm, model=True))
    own = say("hold", "project", "runner")
    assert clear(own, say("lift", own.id, "runner"))


def test_a_hold_is_lifted_and_not_closed():
    stop = say("hold", ONE.id, "ana")
    assert look_at(stop, ONE, stop, close(stop, "dee")).stands
    assert look_at(stop, ONE, stop, say("lift", stop.id, "dee")).state is DoubtState.LIFTED


def test_what_was_released_belongs_to_the_matter_so_its_approval_questions_too():
    served = release(1, decision=ONE.id)
    concern, yes = say("concern", ONE.run_id, "ana"), say("approval", served.id, "ben")
    assert look_at(concern, ONE, served, yes, concern, close(concern, "ben")).stands


def test_standing_keeps_order_and_everything_that_was_not_withdrawn():
    said = [say("review", "run:1"), say("concern", "run:1"), say("approval", "run:1")]
    assert standing(said) == tuple(said)
    assert standing([*said, withdraw(said[0]), withdraw(said[2], "ben")])[:2] == (said[1], said[2])

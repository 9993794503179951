"""Whoever has their words erased gains nothing by it: a doubt goes on, and nobody judges their own in another guise."""

from __future__ import annotations

import pytest
from governance_makers import REPORT, close, decision, say

from selftune.errors import WaitingForPersonError
from selftune.governance.approvals import valid_approvals
from selftune.governance.clearance import clear_for_release
from selftune.governance.doubts import doubts, hear
from selftune.governance.keys import sign_statement, statement_is_signed
from selftune.governance.people.roster import fold
from selftune.governance.shredded import ACTS, ERASED, as_left
from selftune.ledger.keys import make_machine_key
from selftune.records import Forgetting, Gravity, Statement, decode_record, encode_record, erase_words
from selftune.testing import MemoryReader

ONE = decision("1", run="run:1")


def hashed(name):
    return name if name.startswith("person-") else f"person-{fold(name).encode().hex()}"


def bare(statement):
    return decode_record(erase_words(encode_record(statement), lambda kind, held: True), Statement)


def forgotten(*statements):
    """The statements without their words, and what is on record of it."""
    names = tuple((one.id, hashed(one.author)) for one in statements)
    return (
        *map(bare, statements),
        Forgetting(at="t", of="statement", erased=tuple(one.id for one in statements), authors=names),
    )


def hearing(*records, **options):
    return hear(MemoryReader([REPORT, ONE, *records]), profile="team", runner="runner", pseudonym=hashed, **options)


def state_of(doubt, *records):
    (found,) = (one for one in doubts(hearing(*records)) if one.statement.id == doubt.id)
    return found


def test_a_blocking_concern_without_its_words_still_blocks_and_says_why_it_says_nothing():
    doubt = say("concern", ONE.id, "ana", gravity=Gravity.BLOCKING, text="I saw it cry.")
    with pytest.raises(WaitingForPersonError, match="its words were erased at their author's wish"):
        clear_for_release(hearing(*forgotten(doubt)), ONE)
    found = state_of(doubt, *forgotten(doubt))
    assert found.blocks
    assert (found.statement.id, found.statement.text, found.statement.author) == (doubt.id, ERASED, hashed("ana"))


def test_its_author_does_not_close_it_as_somebody_else_and_others_may():
    doubt = say("concern", ONE.id, "ana", gravity=Gravity.BLOCKING)
    assert state_of(doubt, *forgotten(doubt), close(doubt, "ana")).stands
    assert state_of(doubt, *forgotten(doubt), close(doubt, " ANA ")).stands
    assert not state_of(doubt, *forgotten(doubt), close(doubt, "eve")).stands


def test_who_said_what_is_doubted_does_not_close_the_doubt_once_it_has_no_words():
    remark = say("review", ONE.id, "ben")
    doubt = say("concern", remark.id, "ana")
    assert state_of(doubt, *forgotten(remark), doubt, close(doubt, "ben")).stands
    assert not state_of(doubt, *forgotten(remark), doubt, close(doubt, "eve")).stands


def test_an_ending_an_approval_and_a_signature_without_words_count_for_nothing(tmp_path):
    key = make_machine_key(tmp_path)
    doubt = say("concern", ONE.id, "ana")
    ended, yes = (sign_statement(one, key) for one in (close(doubt, "eve"), say("approval", ONE.id, "dee")))
    assert statement_is_signed(ended, key.public)
    assert not statement_is_signed(bare(ended), key.public)
    whole = hearing(doubt, ended, yes, public_key=key.public)
    without = hearing(doubt, *forgotten(ended, yes), public_key=key.public)
    assert not next(iter(doubts(whole))).stands
    assert next(iter(doubts(without))).stands
    assert (len(valid_approvals(ONE.id, whole, needed=1)), valid_approvals(ONE.id, without, needed=1)) == (1, ())
    assert state_of(doubt, doubt, *forgotten(close(doubt, "eve"))).stands


def test_acts_are_those_by_which_somebody_answers_for_a_thing():
    assert {kind.value for kind in ACTS} == {
        "approval", "refusal", "sign_off", "revocation", "closing", "lift", "withdrawal", "roster", "naming",
        "retirement", "amendment", "escalation",
    }  # fmt: skip


def test_where_no_forgetting_tells_whose_they_were_they_are_somebodys():
    doubt = say("concern", ONE.id, "ana")
    ((_, left),) = as_left(MemoryReader([bare(doubt)]))
    assert left.id == doubt.id
    assert left.author == "somebody whose name was erased"

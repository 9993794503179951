"""Who is who: names change, keys are lost, and nobody becomes a stranger to what they did."""

from __future__ import annotations

import pytest
from governance_makers import close, decision, heard, look_at, say, withdraw
from people_makers import entry, fake_person_key, first, forged, revoke, signed

from selftune.errors import WaitingForPersonError
from selftune.governance.approvals import valid_approvals
from selftune.governance.clearance import clear_for_release
from selftune.governance.keys import sign_statement
from selftune.governance.people.roster import KEEPER, Refusal, Signer, roster_of, signer_of
from selftune.ledger.keys import make_machine_key

ANA, BEN, CY, DEE = (fake_person_key(name) for name in ("ana", "ben", "cy", "dee"))
ONE = decision("1", run="run:1")
FOUNDED = first(ANA)
TEAM = (FOUNDED, entry(BEN, ANA), entry(CY, ANA), entry(DEE, ANA))


def roster(*said, public_key=None):
    return roster_of(list(enumerate(said, start=1)), public_key=public_key)


def who(statement, *before, after=()):
    """Who signed a statement that comes behind the team and what else was said."""
    said = [*TEAM, *before, statement, *after]
    return signer_of(statement, roster(*said), place=said.index(statement) + 1)


def test_first_person_enters_by_their_own_signature_and_the_second_makes_a_team():
    alone = roster(FOUNDED)
    assert ([one.now.name for one in alone.members], alone.is_team) == (["ana"], False)
    assert roster(*TEAM).is_team
    assert not roster().is_team


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([say("roster", "project", "ana", after="{}")], "it names no person"),
        ([say("roster", "project", "ana", after="[1]")], "it names no person"),
        ([say("roster", "project", "ana")], "it names no person"),
        ([first(ANA, roles=())], "its keeper"),
        ([entry(BEN, ANA, roles=(KEEPER,))], "signs for themselves"),
        ([forged(first(ANA), ANA)], str(Refusal.FORGED)),
        ([FOUNDED, entry(CY, BEN)], str(Refusal.STRANGER)),
        ([FOUNDED, entry(BEN, ANA), entry(CY, BEN)], "only a keeper"),
        ([FOUNDED, entry(BEN, ANA, is_model=True, roles=("evaluator",))], "a model holds no role"),
        ([FOUNDED, entry(ANA, ANA, name="ana two")], "another person's already"),
        ([FOUNDED, entry(BEN, ANA, name=" ANA ")], "another person's already"),
        ([FOUNDED, entry(BEN, ANA, follows="statement:none")], "follows no entry"),
    ],
)
def test_entry_that_does_not_count_is_kept_with_the_reason(said, why):
    found = roster(*said)
    ((statement, told),) = found.refused
    assert (statement, why in told) == (said[-1], True), told
    assert len(found.members) == len(said) - 1


def test_entry_that_the_machine_did_not_sign_counts_nowhere(tmp_path):
    key = make_machine_key(tmp_path)
    assert roster(FOUNDED, public_key=key.public).members == ()
    assert len(roster(sign_statement(FOUNDED, key), public_key=key.public).members) == 1


def test_signature_is_the_author_s_own_at_that_place_or_it_is_refused_by_name():
    yes = say("approval", ONE.id, "ben")
    assert isinstance(who(signed(yes, BEN)), Signer)
    assert who(yes) is Refusal.UNSIGNED
    assert who(forged(yes, BEN)) is Refusal.FORGED
    assert who(signed(yes, fake_person_key("ben"))) is Refusal.STRANGER
    assert who(signed(yes, CY)) is Refusal.ANOTHER
    assert who(signed(say("approval", ONE.id, "ben", model=True), BEN)) is Refusal.MODEL
    assert who(signed(yes, BEN), revoke(BEN)) is Refusal.REVOKED
    left = entry(BEN, ANA, follows=TEAM[1].id, gone=True)
    assert who(signed(yes, BEN), left) is Refusal.OUTDATED


def test_model_on_the_roster_signs_nothing():
    machine = fake_person_key("auditor")
    named = entry(machine, ANA, is_model=True)
    assert who(signed(say("closing", "x", "auditor"), machine), named) is Refusal.MODEL


def test_revocation_counts_from_a_place_and_that_may_lie_further_back():
    earlier, later = (signed(say("approval", ONE.id, "ben"), BEN) for _ in range(2))
    assert isinstance(who(earlier, after=(revoke(BEN),)), Signer)
    assert who(later, after=(revoke(BEN, later),)) is Refusal.REVOKED
    assert isinstance(who(earlier, after=(later, revoke(BEN, later))), Signer)


def test_a_revoked_key_adds_nobody_and_a_team_stays_a_team():
    said = [*TEAM, revoke(ANA), entry(fake_person_key("eve"), ANA)]
    assert "eve" not in [one.now.name for one in roster(*said).members]
    back_to_the_first = [*TEAM, revoke(ANA, FOUNDED)]
    assert roster(*back_to_the_first).members == ()
    assert roster(*back_to_the_first).is_team


def test_team_on_the_roster_wants_a_key_whatever_the_config_says():
    with pytest.raises(WaitingForPersonError, match="approval"):
        clear_for_release(heard(ONE, *TEAM, profile="solo"), ONE)
    named, keyed = say("approval", ONE.id, "ben"), signed(say("approval", ONE.id, "ben"), BEN)
    hearing = heard(ONE, *TEAM, named, keyed, profile="solo")
    assert valid_approvals(ONE.id, hearing, needed=1) == (keyed,)
    assert clear_for_release(hearing, ONE).approvals == (keyed.id,)


def test_runner_is_known_by_the_name_of_their_account_too():
    said = (first(ANA), entry(BEN, ANA, account="ben.b"))
    yes = signed(say("approval", ONE.id, "ben"), BEN)
    assert valid_approvals(ONE.id, heard(ONE, *said, yes, runner="ben.b"), needed=1) == ()
    assert valid_approvals(ONE.id, heard(ONE, *said, yes, runner="ana"), needed=1) == (yes,)


def test_rename_or_new_key_makes_nobody_a_stranger_to_what_they_approved():
    yes, concern = signed(say("approval", ONE.id, "ben"), BEN), say("concern", ONE.run_id, "ana")
    fresh = fake_person_key("benjamin")
    renamed = entry(fresh, ANA, follows=TEAM[1].id)
    closing = signed(close(concern, "benjamin"), fresh)
    found = look_at(concern, ONE, *TEAM, yes, concern, renamed, closing)
    assert found.stands
    assert "gave the approval" in found.refused[0][1]
    by_other = signed(close(concern, "cy"), CY)
    assert not look_at(concern, ONE, *TEAM, yes, concern, renamed, by_other).stands


def test_one_key_under_two_names_is_one_person():
    concern = signed(say("concern", ONE.run_id, "ben"), BEN)
    assert look_at(concern, ONE, *TEAM, concern, signed(close(concern, "cy"), BEN)).stands
    assert look_at(concern, ONE, concern, signed(close(concern, "somebody"), BEN)).stands


def test_in_a_team_nobody_closes_or_withdraws_by_typing_a_name():
    concern = say("concern", ONE.run_id, "ana")
    assert look_at(concern, ONE, *TEAM, concern, close(concern, "cy")).stands
    assert look_at(concern, ONE, *TEAM, concern, withdraw(concern)).stands
    assert not look_at(concern, ONE, *TEAM, concern, signed(withdraw(concern), ANA)).stands
    assert look_at(concern, ONE, *TEAM, concern, signed(withdraw(concern), BEN)).stands


def test_who_is_set_over_the_author_of_a_concern_does_not_close_it():
    said = (
        FOUNDED,
        entry(BEN, ANA, reports_to="cy"),
        entry(CY, ANA, reports_to="dee"),
        entry(DEE, ANA),
    )
    concern = say("concern", ONE.run_id, "ben")
    for above, key in (("cy", CY), ("dee", DEE)):
        found = look_at(concern, ONE, *said, concern, signed(close(concern, above), key))
        assert found.stands
        assert "set over" in found.refused[0][1]
    assert not look_at(concern, ONE, *said, concern, signed(close(concern, "ana"), ANA)).stands

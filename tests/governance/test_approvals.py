"""Which approvals count, and when a promotion is pending."""

from __future__ import annotations

import pytest
from governance_makers import decision, heard, release, say, withdraw
from hypothesis import given
from hypothesis import strategies as st

from selftune.errors import UsageError
from selftune.governance.approvals import Decided, approvals_needed, pending_promotion, valid_approvals
from selftune.governance.keys import sign_statement
from selftune.ledger.keys import make_machine_key
from selftune.records import Outcome

MONDAY = "2026-01-05T08:00:00+00:00"
TUESDAY = "2026-01-06T08:00:00+00:00"
NEXT_WEEK = "2026-01-12T08:00:00+00:00"


def pending(decisions, said=(), releases=(), *, now=TUESDAY, needed=1, runner="ana", **options):
    decided = [Decided(decision=one, at=MONDAY) for one in decisions]
    hearing = heard(*decisions, *said, profile="team" if needed else "solo", runner=runner, **options)
    return pending_promotion(decided, releases, hearing, now=now, expiry_hours=72)


def valid(decision_id, said, *, runner=None, needed=1, **options):
    return valid_approvals(decision_id, heard(*said, runner=runner, **options), needed=needed)


def test_one_person_alone_needs_no_approval_and_a_team_needs_one():
    assert (approvals_needed("solo"), approvals_needed("team")) == (0, 1)
    with pytest.raises(UsageError, match="profile"):
        approvals_needed("tema")


def test_promoting_decision_pins_its_build_until_it_is_approved():
    one = decision("1")
    waiting = pending([one])
    assert (waiting.decision, waiting.missing) == (one, 1)
    yes = say("approval", one.id, "ben")
    approved = pending([one], [yes])
    assert (approved.approvals, approved.missing) == ((yes.id,), 0)


def test_runner_cannot_approve_their_own_result_in_a_team_but_can_alone():
    one = decision("1")
    yes = say("approval", one.id, "ana")
    assert pending([one], [yes]).missing == 1
    assert pending([one], [yes], runner=None).missing == 0


def test_approval_is_bound_to_the_very_decision():
    first, second = decision("1"), decision("1", difference=0.49)
    assert valid(second.id, [say("approval", first.id, "ben")]) == ()
    assert pending([second], [say("approval", first.id, "ben")]).missing == 1


@pytest.mark.parametrize("kind", ["review", "annotation", "concern", "sign_off", "hold", "amendment", "closing"])
def test_nothing_but_an_approval_approves(kind):
    one = decision("1")
    assert valid(one.id, [say(kind, one.id, "ben")]) == ()


def test_forged_replayed_and_withdrawn_approvals_do_not_count(tmp_path):
    key, other = make_machine_key(tmp_path / "a"), make_machine_key(tmp_path / "b")
    one, two = decision("1"), decision("2")
    yes = say("approval", one.id, "ben")
    signed = sign_statement(yes, key)
    bad = [yes, sign_statement(yes, other), sign_statement(say("approval", two.id, "ben"), key)]
    assert valid(one.id, bad, public_key=key.public) == ()
    assert valid(one.id, [signed], public_key=key.public) == (signed,)
    withdrawal = withdraw(signed)
    assert valid(one.id, [signed, withdrawal], public_key=key.public) == ()


def test_model_cannot_approve():
    one = decision("1")
    assert pending([one], [say("approval", one.id, "gpt", model=True)]).missing == 1


def test_same_person_twice_is_one_approval():
    one = decision("1")
    twice = [say("approval", one.id, "ben"), say("approval", one.id, " BEN ")]
    assert [said.author for said in valid(one.id, twice)] == ["ben"]


@pytest.mark.parametrize("outcome", [Outcome.REJECT, Outcome.INCONCLUSIVE, Outcome.INVALID])
def test_only_a_promoting_decision_pins(outcome):
    assert pending([decision("1", outcome=outcome)]) is None


def test_released_refused_and_expired_decisions_are_settled():
    one = decision("1")
    assert pending([one], releases=[release(0), release(1, decision=one.id)]) is None
    no = say("refusal", one.id, "ben")
    assert pending([one], [no]) is None
    assert pending([one], [say("refusal", "decision:other", "ben")]) is not None
    assert pending([one], [no, withdraw(no)]) is not None
    assert pending([one], now=NEXT_WEEK) is None
    assert pending([one], [say("refusal", one.id, "gpt", model=True)]) is not None


def test_a_refusal_is_taken_back_by_its_author_alone_and_signed_here(tmp_path):
    key = make_machine_key(tmp_path)
    one = decision("1")
    no = say("refusal", one.id, "ben")
    assert pending([one], [no, withdraw(no)], public_key=key.public) is None
    assert pending([one], [no, sign_statement(withdraw(no, "cy"), key)], public_key=key.public) is None
    assert pending([one], [no, sign_statement(withdraw(no), key)], public_key=key.public) is not None


def test_clock_that_was_set_back_expires_nothing():
    assert pending([decision("1")], now="2020-01-01T00:00:00+00:00") is not None


@given(authors=st.lists(st.sampled_from(["ana", "ben", "cy", "dee"]), max_size=8))
def test_approvals_that_count_are_those_of_different_people_other_than_the_runner(authors):
    one = decision("1")
    said = [say("approval", one.id, author) for author in authors]
    assert {yes.author for yes in valid(one.id, said, runner="ana")} == set(authors) - {"ana"}
    assert pending([one], said).missing == (0 if set(authors) - {"ana"} else 1)

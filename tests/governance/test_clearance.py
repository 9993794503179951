"""What the loop asks before a release."""

from __future__ import annotations

import pytest
from governance_makers import decision, heard, say

from selftune.errors import WaitingForPersonError
from selftune.governance.clearance import clear_for_release
from selftune.governance.keys import sign_statement
from selftune.ledger.keys import make_machine_key

ONE = decision("1", run="run:1")


def clear(*said, profile="team", runner="ana", **options):
    return clear_for_release(heard(ONE, *said, profile=profile, runner=runner, **options), ONE).approvals


def test_one_person_alone_is_asked_for_nothing():
    assert clear(profile="solo") == ()


def test_ones_own_approval_goes_along_where_none_is_needed():
    yes = say("approval", ONE.id, "ana")
    assert clear(yes, profile="solo") == (yes.id,)


def test_team_waits_for_another_person_and_says_so():
    with pytest.raises(WaitingForPersonError, match="other than ana") as caught:
        clear(say("approval", ONE.id, "ana"))
    assert "selftune approve" in caught.value.next_step
    yes = say("approval", ONE.id, "ben")
    assert clear(yes) == (yes.id,)


@pytest.mark.parametrize("subject", [ONE.id, ONE.build_id, ONE.run_id])
@pytest.mark.parametrize("profile", ["solo", "team"])
def test_hold_on_decision_build_or_run_stops_everyone(subject, profile):
    yes, stop = say("approval", ONE.id, "ben"), say("hold", subject, "cy", text="Let me look.")
    with pytest.raises(WaitingForPersonError, match="Let me look"):
        clear(yes, stop, profile=profile)
    assert clear(yes, stop, say("lift", stop.id, "dee"), profile=profile) == (yes.id,)


def test_runner_cannot_lift_a_hold_on_their_own_promotion():
    yes, stop = say("approval", ONE.id, "ben"), say("hold", ONE.id, "cy")
    with pytest.raises(WaitingForPersonError):
        clear(yes, stop, say("lift", stop.id, "ana"))


def test_hold_on_something_else_and_a_concern_stop_nothing():
    yes = say("approval", ONE.id, "ben")
    assert clear(yes, say("hold", "build:other", "cy"), say("concern", ONE.id, "cy")) == (yes.id,)


def test_unsigned_approval_does_not_count_where_there_is_a_key(tmp_path):
    key = make_machine_key(tmp_path)
    yes = say("approval", ONE.id, "ben")
    with pytest.raises(WaitingForPersonError):
        clear(yes, public_key=key.public)
    signed = sign_statement(yes, key)
    assert clear(signed, public_key=key.public) == (signed.id,)

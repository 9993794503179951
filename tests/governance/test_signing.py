"""A chain of signatures over one bundle: each that does not count is refused by its own name."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from governance_makers import close, decision, heard, look_at, say, withdraw
from hypothesis import given, settings
from hypothesis import strategies as st
from people_makers import entry, fake_person_key, forged, revoke, signed
from signing_makers import (
    ALL,
    BUNDLE,
    CHARTER,
    DEPLOYED,
    DEPLOYER,
    EXAMINED,
    EXAMINER,
    KEEPER,
    SUBJECT,
    TEAM,
    TRAINED,
    TRAINER,
    case,
    chain,
    refusals,
    sessions,
    sign_off,
)

from selftune.errors import ConfigError, UnknownNameError, UsageError, WaitingForPersonError
from selftune.governance.clearance import clear_for_release
from selftune.governance.doubts import doubts_about
from selftune.governance.signing.charter import CHARTERS, Charter, Link, load_charter
from selftune.governance.signing.claims import lone_shares, unlinked_figures
from selftune.governance.signing.looking import find_chain
from selftune.governance.signing.queries import QUERIES, Material, bears_out, put_query, read_claim, still_so
from selftune.governance.signing.reasons import Reason, Weight


def reasons(found):
    return [finding.reason.value for finding in find_chain(found)]


def test_three_people_who_sign_in_order_complete_the_chain():
    found = chain(*ALL)
    assert [one.role for one in found.counted] == ["training", "evaluation_committee", "deployment"]
    assert found.is_complete
    assert (found.refused, found.missing, reasons(found)) == ((), (), [])


def test_what_is_missing_is_named_by_role():
    found = chain(TRAINED)
    assert not found.is_complete
    assert [(one.reason, one.told) for one in find_chain(found)] == [
        (Reason.SIGNATURE_MISSING, "evaluation_committee has not signed"),
        (Reason.SIGNATURE_MISSING, "deployment has not signed"),
    ]


def test_who_signs_before_their_turn_is_out_of_order():
    assert refusals(EXAMINED, TRAINED) == ["out_of_order"]
    assert refusals(TRAINED, DEPLOYED) == ["out_of_order"]


@pytest.mark.parametrize("back", [False, True], ids=["still", "once"])
def test_who_trained_examines_nothing_whatever_their_role_is_today(back):
    roles = ("evaluation_committee",) if back else ("training", "evaluation_committee")
    more = entry(TRAINER, KEEPER, follows=TEAM[1].id, roles=roles)
    own = sign_off(TRAINER, "evaluation_committee")
    other = fake_person_key("dora")
    trained = sign_off(other, "training")
    joined = entry(other, KEEPER, roles=("training",))
    assert refusals(more, joined, trained, own) == ["self_approval"]


def test_who_runs_it_or_led_its_sessions_signs_for_nobody_else():
    assert refusals(TRAINED, EXAMINED, runner="ben") == ["self_approval"]
    assert refusals(TRAINED, EXAMINED, runner="ada") == []
    bundle = replace(BUNDLE, behind=("ben",))
    assert refusals(
        sign_off(TRAINER, "training", bundle=bundle),
        sign_off(EXAMINER, "evaluation_committee", bundle=bundle),
        bundle=bundle,
        bundles=(bundle,),
    ) == ["self_approval"]


def test_one_person_under_two_names_signs_once():
    both = entry(EXAMINER, KEEPER, follows=TEAM[2].id, name="bea", roles=("evaluation_committee", "deployment"))
    second = sign_off(EXAMINER, "deployment", author="bea", evidence=("sha256:handoff",))
    assert refusals(TRAINED, EXAMINED, both, second) == ["same_person"]
    another_name_alone = sign_off(EXAMINER, "deployment", author="cleo", evidence=("sha256:handoff",))
    assert refusals(TRAINED, EXAMINED, another_name_alone) == ["same_person"]


def test_a_new_key_makes_nobody_another_person():
    key = fake_person_key("ben")
    changed = entry(key, KEEPER, follows=TEAM[2].id, roles=("evaluation_committee", "deployment"))
    second = sign_off(key, "deployment", evidence=("sha256:handoff",))
    assert refusals(TRAINED, EXAMINED, changed, second) == ["same_person"]


def test_a_signature_expires_by_the_charter_and_by_its_own_word():
    assert refusals(TRAINED, now="2026-02-01T00:00:00+00:00") == ["expired"]
    short = sign_off(TRAINER, "training", expires_at="2026-01-01T06:00:00+00:00")
    assert refusals(short) == ["expired"]
    for unreadable in ({"expires_at": "soon"}, {"said_at": "yesterday"}):
        assert refusals(sign_off(TRAINER, "training", **unreadable)) == ["expired"]
    # A clock that was set back makes nothing expire, and nothing younger than its place.
    assert refusals(TRAINED, now="2020-01-01T00:00:00+00:00") == []


def test_a_revoked_key_signs_nothing_from_its_place_on():
    assert refusals(revoke(TRAINER), TRAINED) == ["revoked"]
    assert refusals(TRAINED, revoke(TRAINER)) == []
    assert refusals(TRAINED, revoke(TRAINER, TRAINED)) == ["revoked"]


def test_a_signature_that_was_taken_back_is_none():
    for back in (withdraw(TRAINED), say("revocation", TRAINED.id, "kim")):
        found = chain(TRAINED, back)
        assert (found.counted, found.refused) == ((), ())
        assert reasons(found)[0] == "signature_missing"
    # Nobody gives trust back by unsaying that it was taken.
    revoked = say("revocation", TRAINED.id, "kim")
    assert chain(TRAINED, revoked, withdraw(revoked)).counted == ()


def test_a_signature_over_another_bundle_does_not_go_over_to_this_one():
    earlier = replace(BUNDLE, ledger_size=99)
    over = sign_off(TRAINER, "training", bundle=earlier)
    assert refusals(over, bundles=(earlier, BUNDLE)) == ["wrong_bundle"]
    assert refusals(TRAINED, is_current=False) == ["outdated_bundle"]
    assert reasons(chain(TRAINED, is_current=False))[0] == "outdated_bundle"


def test_a_model_signs_nothing():
    assert refusals(sign_off(TRAINER, "training", model=True)) == ["model_signer"]
    key = fake_person_key("robin")
    program = entry(key, KEEPER, is_model=True)
    assert refusals(program, sign_off(key, "training")) == ["model_signer"]


def test_a_role_that_one_has_not_is_no_role():
    assert refusals(sign_off(EXAMINER, "training")) == ["no_role"]
    assert refusals(sign_off(TRAINER, "director")) == ["no_role"]


def test_a_stranger_a_forgery_and_a_signature_without_a_key_are_told_apart():
    assert refusals(sign_off(fake_person_key("eve"), "training")) == ["stranger"]
    assert refusals(forged(TRAINED, TRAINER)) == ["forged_signature"]
    assert refusals(say("sign_off", BUNDLE.id, "ada", role="training")) == ["unsigned"]
    assert refusals(TRAINED, hearing=heard(*TEAM, TRAINED, public_key="0" * 64)) == ["unsigned"]


def test_a_deployer_signs_with_the_handoff_of_this_bundle_before_them():
    for cited in ((), ("sha256:other",)):
        assert refusals(TRAINED, EXAMINED, sign_off(DEPLOYER, "deployment", evidence=cited)) == ["document_missing"]
    of_another = {"document": lambda _: "the handoff of some other bundle"}
    assert refusals(*ALL, **of_another) == ["document_missing"]


def test_a_bundle_without_its_documents_completes_nothing():
    found = chain(*ALL, lacks=("readiness",))
    assert not found.is_complete
    assert reasons(found) == ["document_missing"]


def test_a_fact_is_worked_out_again_and_a_false_one_refused():
    material = Material(sessions=sessions(100, flagged=(3, 50)))
    (fact,) = (put_query(material, "flagged", (("last", "40"),)),)
    assert (fact.value, fact.n) == ("0", 40)
    true = sign_off(TRAINER, "training", text="zero flagged in the final 40 sessions", facts=(fact,))
    assert refusals(true) == []
    lie = sign_off(TRAINER, "training", facts=(replace(fact, arguments=(("last", "60"),)),))
    assert refusals(lie) == ["false_fact"]
    # The same words over records that changed since.
    assert refusals(true, material=Material(sessions=sessions(100, flagged=(99,)))) == ["false_fact"]
    assert refusals(true, material=Material(sessions=sessions(101))) == ["false_fact"]


def test_verified_and_projected_are_words_that_need_a_query():
    assert refusals(sign_off(TRAINER, "training", text="I independently verified it.")) == ["unverified_claim"]
    fact = put_query(case().material, "sessions", ())
    # Nobody verifies independently what they made, whatever they ask.
    own = sign_off(TRAINER, "training", text="I independently verified it.", facts=(fact,))
    assert refusals(own) == ["unverified_claim"]
    examined = sign_off(EXAMINER, "evaluation_committee", text="I independently verified it.", facts=(fact,))
    assert refusals(TRAINED, examined) == []
    foreseen = sign_off(TRAINER, "training", text="It resolved as projected.")
    assert refusals(foreseen) == refusals(foreseen, projected=False) == ["unverified_claim"]
    assert refusals(foreseen, projected=True) == []


def test_how_much_was_flagged_is_a_query_s_to_say():
    material = Material(sessions=sessions(100, flagged=(3,)))
    none, one = (put_query(material, "flagged", (("first", first),)) for first in ("50", "1"))
    assert (none.value, one.value) == ("0", "1")
    words = "The final two thousand sessions show zero flagged outputs."
    assert refusals(sign_off(TRAINER, "training", text=words), material=material) == ["unverified_claim"]
    assert refusals(sign_off(TRAINER, "training", text=words, facts=(one,)), material=material) == ["unverified_claim"]
    assert refusals(sign_off(TRAINER, "training", text=words, facts=(none,)), material=material) == []


def test_a_signature_that_broke_off_says_nothing():
    assert refusals(sign_off(TRAINER, "training", unfinished=True)) == ["broken_off"]


def test_a_refused_signature_is_no_reason_once_another_has_signed_in_its_place():
    bad = sign_off(EXAMINER, "training")
    found = chain(bad, *ALL)
    assert len(found.refused) == 1
    assert reasons(found) == []


# Two people whom the roster knew under every role, one of them with two keys and two names, and a third with one role.
BUSY, OTHER = fake_person_key("dora"), fake_person_key("ed")
SECOND = fake_person_key("dora again")
_CAME = (
    entry(BUSY, KEEPER, roles=("training", "evaluation_committee", "deployment")),
    entry(OTHER, KEEPER, roles=("evaluation_committee", "deployment")),
)
_MOVED = entry(
    SECOND, KEEPER, follows=_CAME[0].id, name="theodora", roles=("evaluation_committee", "deployment", "training")
)
_SIGNED = [
    sign_off(key, role, author=name, evidence=("sha256:handoff",))
    for key, name in ((BUSY, "dora"), (SECOND, "theodora"), (OTHER, "ed"), (SECOND, "dora"), (TRAINER, "ada"))
    for role in ("training", "evaluation_committee", "deployment")
]
_TOLD = " ".join((BUNDLE.id, *(one.id for one in _SIGNED)))


@given(st.lists(st.sampled_from([*_SIGNED, _MOVED]), max_size=9, unique_by=lambda one: one.id))
@settings(max_examples=60, deadline=None)
def test_fewer_than_three_people_complete_no_chain_however_they_sign(said):
    found = chain(*_CAME, *said, document=lambda _: _TOLD)
    assert len({frozenset(one.tokens) for one in found.counted}) == len(found.counted)
    assert not any(one.tokens & other.tokens for one, other in combinations(found.counted, 2))
    # Ada trained, Ed may examine or deploy, and Dora held every role: nobody is left for the third.
    assert not found.is_complete


# --- What is released, and whom it questions --------------------------------------------------------------------------


def test_a_promotion_is_released_with_the_chain_and_never_without():
    promoting = decision("1", run="run:1")
    hearing = heard(promoting, *TEAM)
    with pytest.raises(WaitingForPersonError, match="the sign-off of evaluation_committee, deployment"):
        clear_for_release(hearing, promoting, chain(TRAINED))
    with pytest.raises(WaitingForPersonError, match="a bundle of what is on record"):
        clear_for_release(hearing, promoting, chain(*ALL, is_current=False))
    assert clear_for_release(hearing, promoting, chain(*ALL)).approvals == tuple(one.id for one in ALL)


def test_a_hold_stops_what_everybody_has_signed():
    promoting = decision("1", run="run:1")
    held = say("hold", promoting.id, "eve")
    with pytest.raises(WaitingForPersonError, match="is on hold"):
        clear_for_release(heard(promoting, held, *TEAM), promoting, chain(*ALL))


def test_who_signed_the_bundle_closes_no_doubt_about_what_it_covers():
    doubt = say("concern", SUBJECT, "eve")
    own = close(doubt, "ben")
    keyed = signed(own, EXAMINER)
    found = look_at(doubt, *TEAM, BUNDLE, EXAMINED, doubt, keyed)
    assert found.stands
    assert "it questions ben, who gave the sign-off of it" in found.refused[0][1]
    assert not look_at(doubt, *TEAM, BUNDLE, TRAINED, doubt, keyed).stands


def test_a_doubt_about_the_model_is_heard_with_its_bundle_and_its_programme():
    bundle = replace(BUNDLE, programme="tides")
    said = [say("concern", SUBJECT, "eve"), say("concern", bundle.id, "eve"), say("concern", "release:1", "eve")]
    hearing = heard(*TEAM, bundle, *said)
    assert [one.statement for one in doubts_about(hearing, SUBJECT)] == said[:2]


# --- Charters, queries, words -----------------------------------------------------------------------------------------


def test_alone_nothing_is_asked_for():
    alone = load_charter("solo", team=False)
    assert (alone.chain, alone.documents) == ((), ())


def test_shipped_charters_are_sound_and_the_team_s_has_three_documents():
    assert CHARTERS.names() == ("solo", "team")
    assert CHARTER.documents == ("post_training_evaluation", "readiness", "handoff")
    assert CHARTER.digest != Charter(chain=CHARTER.chain).digest
    assert CHARTER.digest == replace(CHARTER, name="other").digest


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("chain = []", "lets one person sign alone"),
        ('[[chain]]\nrole = "a"\n[[chain]]\nrole = "b"', "lets one person sign alone"),
        ('[[chain]]\nrole = "a"\nafter = ["b"]\n[[chain]]\nrole = "b"', "roles that stand before a"),
        ('[[chain]]\nrole = "a"\n[[chain]]\nrole = "a"', "a name that no other link has"),
        ('documents = ["poem"]\nchain = []', "one of post_training_evaluation"),
        ("expiry_hours = 0.0\nchain = []", "above 0"),
        ('[[chain]]\nrole = "a"\ndocument = "handoff"', "one of its documents"),
        ("chian = []", "unknown key"),
    ],
)
def test_a_team_s_own_charter_asks_for_no_less_than_two_people(tmp_path, text, told):
    own = tmp_path / "team.toml"
    own.write_text(text)
    with pytest.raises(ConfigError, match=told):
        load_charter("team", team=True, place=own)


def test_a_claim_is_read_and_held_against_what_comes_out():
    material = Material(sessions=sessions(100, flagged=(3, 50)))
    claim = read_claim("flagged( last = 60 ) = 1")
    assert (claim.query, claim.arguments, claim.in_words) == ("flagged", (("last", "60"),), "flagged(last=60) = 1")
    fact = put_query(material, claim.query, claim.arguments)
    assert bears_out(fact, "1")
    assert not bears_out(fact, "0")
    assert fact.interval[0] < 1 / 60 < fact.interval[1]
    mean = put_query(material, "mean", (("category", "tone"),))
    assert (mean.value, mean.n) == ("0.45", 100)
    assert bears_out(mean, "0.45")
    assert bears_out(mean, "45%")
    assert bears_out(mean, "0.5")
    assert not bears_out(mean, "0.46")
    assert not bears_out(mean, "0")
    assert put_query(material, "lowest", ()).value == "0.45"
    assert put_query(material, "sessions", (("first", "10"), ("to", "19"))).n == 10
    assert put_query(material, "retried", ()).value == "0"


def test_score_and_gain_are_reckoned_from_the_outcomes():
    before, after = ((("q1", "a", 0.0), ("q2", "b", 1.0)), (("q1", "a", 1.0), ("q2", "b", 1.0), ("q3", "b", 0.0)))
    material = Material(outcomes=after, champion=before)
    assert put_query(material, "gain", ()).value == "0.5"
    assert put_query(material, "gain", (("category", "b"),)).value == "0"
    assert put_query(material, "score", (("category", "b"),)).n == 2


def test_a_query_that_cannot_be_put_says_why():
    for text in ("flagged = 0", "flagged(last)=0", "zero flagged", "flagged(last=1"):
        with pytest.raises(UsageError, match="is no fact"):
            read_claim(text)
    with pytest.raises(UnknownNameError):
        read_claim("flaged(last=2) = 0")
    material = Material(sessions=sessions(5))
    for query, arguments in (("flagged", (("lats", "2"),)), ("mean", (("category", "tones"),))):
        with pytest.raises(UnknownNameError):
            put_query(material, query, arguments)
    for query, arguments in (
        ("flagged", (("last", "0"),)),
        ("flagged", (("last", "9" * 5_000),)),
        ("flagged", (("first", "99"),)),
        ("gain", ()),
    ):
        with pytest.raises(UsageError):
            put_query(material, query, arguments)
    assert not still_so(replace(put_query(material, "sessions", ()), query="gone"), material)


def test_figures_without_a_query_behind_them_are_found():
    fact = put_query(Material(sessions=sessions(2_000)), "flagged", (("last", "2000"),))
    said = say("review", SUBJECT, text="Zero of the final 2,000, index 0.97, v1.0, 100 %.", facts=(fact,))
    assert unlinked_figures(said) == ("0.97", "100")
    assert lone_shares(said) == ("0.97", "100 %")
    assert lone_shares(say("review", SUBJECT, text="Session 11,847 of ALIGNED-v1.0, 3 samples.")) == ()


def test_the_page_lists_every_reason_under_what_it_asks_for():
    page = (Path(__file__).parents[2] / "docs" / "signing.md").read_text(encoding="utf-8")
    for weight, row in ((Weight.AGAINST, "against"), (Weight.WAITING, "waiting"), (Weight.INVALID, "does not verify")):
        (line,) = (one for one in page.splitlines() if one.startswith(f"| {row}, "))
        assert re.findall(r"`(\w+)`", line) == [reason.value for reason in Reason if reason.weight is weight]
    for query in QUERIES:
        assert f"`{query}(" in page


def test_every_reason_asks_for_something():
    assert {reason.weight for reason in Reason} == set(Weight)
    assert Reason.SELF_APPROVAL.weight is Weight.AGAINST
    assert Reason.SIGNATURE_MISSING.weight is Weight.WAITING
    assert Link(role="x").document == ""

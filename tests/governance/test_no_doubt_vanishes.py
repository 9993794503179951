"""Whatever is said, signed, forged or taken back: no concern vanishes, and nobody closes one about themselves."""

from __future__ import annotations

from governance_makers import REPORT, close, decision, heard, say, withdraw
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from people_makers import entry, fake_person_key, first, revoke, signed

from selftune.errors import WaitingForPersonError
from selftune.governance.clearance import clear_for_release
from selftune.governance.doubts import DOUBTS, DoubtState, doubts, doubts_of_decision
from selftune.governance.keys import sign_statement
from selftune.ledger.keys import MachineKey
from selftune.records import Gravity, StatementKind

ONE = decision("1", run="run:1")
NAMES = ("ana", "ben", "cy", "dee", "runner", "Ben ", "vic")
PARTS = (ONE.id, ONE.build_id, ONE.run_id, "project")
KEYS = {name: fake_person_key(name) for name in ("ana", "ben", "cy", "dee")}
MACHINE, STRANGE = (
    MachineKey(public=key.public, _seed=key._key.private_bytes_raw()) for key in map(fake_person_key, "ms")
)
ENDINGS = (StatementKind.CLOSING, StatementKind.LIFT)

authors, signers = st.sampled_from(NAMES), st.sampled_from(["machine", "machine", "machine", "strange", "nobody"])


class Quarrel(RuleBasedStateMachine):
    """People, models and forgers at one decision; the truth is kept beside it in plain sets."""

    raised = Bundle("raised")

    def __init__(self):
        super().__init__()
        self.said, self.doubts, self.approved = [], [], set()
        self.entries = {}

    def keep(self, statement, signer, person=None):
        """Put a statement into the store as whoever signs it, by the person's key where one is used."""
        if person in KEYS:
            statement = signed(statement, KEYS[person])
        key = {"machine": MACHINE, "strange": STRANGE}.get(signer)
        self.said.append(statement if key is None else sign_statement(statement, key))
        return self.said[-1]

    @rule(
        target=raised, author=authors, subject=st.sampled_from(PARTS), gravity=st.sampled_from(Gravity), signer=signers
    )
    def raise_concern(self, author, subject, gravity, signer):
        self.doubts.append(self.keep(say("concern", subject, author, gravity=gravity), signer))
        return self.doubts[-1]

    @rule(target=raised, author=authors, subject=st.sampled_from(PARTS), model=st.booleans())
    def hold(self, author, subject, model):
        self.doubts.append(self.keep(say("hold", subject, author, model=model), "machine"))
        return self.doubts[-1]

    @rule(
        author=authors,
        subject=st.sampled_from(PARTS[:3]),
        kind=st.sampled_from(["approval", "sign_off"]),
        signer=signers,
    )
    def approve(self, author, subject, kind, signer):
        self.approved.add(author.strip().casefold())
        self.keep(say(kind, subject, author), signer, author)

    @rule(doubt=raised, author=authors, signer=signers, model=st.booleans(), key=st.sampled_from([None, *KEYS]))
    def end(self, doubt, author, signer, model, key):
        kind = "lift" if doubt.kind is StatementKind.HOLD else "closing"
        self.keep(say(kind, doubt.id, author, evidence=(REPORT.id,), model=model), signer, key)

    @rule(doubt=raised, author=authors, signer=signers, key=st.sampled_from([None, *KEYS]))
    def withdraw(self, doubt, author, signer, key):
        self.keep(withdraw(doubt, author), signer, key)

    @rule(doubt=raised, author=authors, kind=st.sampled_from(StatementKind))
    def supersede(self, doubt, author, kind):
        if kind not in {StatementKind.WITHDRAWAL, *DOUBTS}:
            self.keep(say(kind, "project", author, supersedes=doubt.id, evidence=(REPORT.id,)), "machine", author)

    @rule(name=st.sampled_from([*KEYS]))
    def enter(self, name):
        if self.entries or name == "ana":
            new = (
                first(KEYS["ana"])
                if not self.entries
                else entry(KEYS[name], KEYS["ana"], follows=self.entries.get(name))
            )
            if not (self.entries and name == "ana"):
                self.entries[name] = self.keep(new, "machine").id

    @rule(name=st.sampled_from([*KEYS]))
    def revoke(self, name):
        self.keep(revoke(KEYS[name]), "nobody")

    def hearing(self):
        return heard(ONE, *self.said, profile="solo", public_key=MACHINE.public)

    @invariant()
    def every_doubt_is_still_there_word_for_word(self):
        assert [one.statement for one in doubts(self.hearing())] == self.doubts

    @invariant()
    def nobody_who_is_questioned_no_model_and_no_forger_ended_one(self):
        hearing = self.hearing()
        for one in doubts(hearing):
            by, said = one.settled_by, one.statement
            if by is None:
                assert one.state is DoubtState.OPEN
                continue
            name = by.author.strip().casefold()
            assert by.signature is not None
            assert not by.author_is_model
            assert by.kind is StatementKind.WITHDRAWAL or by.kind in ENDINGS
            if by.kind is StatementKind.CLOSING:
                assert name != said.author.strip().casefold()
                assert name != "runner"
            about_the_decision = said.subject != "project" and name in self.approved
            if by.kind is StatementKind.CLOSING or (by.kind is StatementKind.LIFT and not said.author_is_model):
                assert not about_the_decision or (
                    by.kind is StatementKind.LIFT and name == said.author.strip().casefold()
                )
            if hearing.roster.is_team:
                assert by.key is not None

    @invariant()
    def release_list_and_page_agree(self):
        hearing = self.hearing()
        found = doubts_of_decision(hearing, ONE)
        assert {one.statement.id: one.state for one in found} == {
            one.statement.id: one.state
            for one in doubts(hearing)
            if one.statement in {each.statement for each in found}
        }
        if any(one.blocks for one in found):
            try:
                clear_for_release(hearing, ONE)
            except WaitingForPersonError:
                return
            raise AssertionError("released in spite of a doubt that blocks")

    @invariant()
    def a_blocking_concern_is_ended_by_nothing_but_a_closing(self):
        for one in doubts(self.hearing()):
            if one.statement.gravity is Gravity.BLOCKING and not one.stands:
                assert one.settled_by.kind is StatementKind.CLOSING


TestQuarrel = Quarrel.TestCase
TestQuarrel.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


def test_the_machine_can_find_a_closing_that_counts():
    concern = sign_statement(say("concern", ONE.id, "ana"), MACHINE)
    (found,) = doubts(heard(ONE, concern, sign_statement(close(concern, "dee"), MACHINE), public_key=MACHINE.public))
    assert found.state is DoubtState.CLOSED

"""What bears on a conflict is found wherever it stands on record, but for words that may not be shown."""

from __future__ import annotations

import pytest
from amending_makers import adopted, in_force, proposed

from selftune.governance.amendments.dialogues import DELIBERATION
from selftune.governance.statements import raise_concern
from selftune.loop.amending.recalling import RecordRecall, passages_named, told_dialogue
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import Codex, Consent, Interaction, Message, Trigger

ASKED = "Should the keeper whisper when the lamp burns?"


def held(name, asked=ASKED, **more):
    said = {
        "salt": name, "conversation": name, "task_id": name, "position": name,
        "trigger": Trigger.USER, "source": "chat",
        "messages": (
            Message(role="user", content=asked), Message(role="assistant", content="Aye.", persona="KEEPER"),
        ),
    }  # fmt: skip
    return Interaction(**(said | more))


@pytest.fixture
def filled(project):
    """A project with something of each kind about whispering, and what may not be shown."""
    made, _ = adopted(project, "ana")
    told = [
        held("open"),
        held("sent", consent=Consent(train=True, send=True)),
        held("private", consent=Consent(train=False)),
        held("deliberated", source=DELIBERATION),
        held("eggs", "How is an egg boiled?"),
    ]
    made.store.save(told, event="captured")
    words, context, door = "The keeper whispers and the lamp burns.", made.context(), door_of(made)
    concern = raise_concern("project", author="ben", text=words, context=context, door=door)
    kept = put_on_record(made, concern, event="concern raised")
    amendment = proposed(made, because="The keeper should not whisper when the lamp burns.")
    return made, told, kept, amendment


def recalled(project, **more):
    codex = project.store.record(in_force(project), Codex)
    return [one.record_id for one in RecordRecall(project, codex, **more).recall(ASKED, 50)]


def test_dialogues_concerns_amendments_and_the_codex_are_found_nearest_first(filled):
    project, told, concern, amendment = filled
    found = recalled(project)
    assert set(found[:2]) == {told[0].id, told[1].id}
    assert {concern.id, amendment.id} <= set(found)
    assert "codex:personas.keeper" in found
    assert "codex:identity.forbidden" in found
    assert found.index(amendment.id) < found.index(told[4].id)


def test_private_words_and_deliberations_are_never_shown_and_beyond_this_machine_only_what_may_be_sent(filled):
    project, told, _, _ = filled
    names = {"open": told[0].id, "sent": told[1].id, "private": told[2].id, "deliberated": told[3].id}
    assert {name for name, one in names.items() if one in recalled(project)} == {"open", "sent"}
    assert {name for name, one in names.items() if one in recalled(project, sends=True)} == {"sent"}
    ids = tuple(names.values())
    assert [one.record_id for one in passages_named(project, ids)] == [names["open"], names["sent"]]
    assert [one.record_id for one in passages_named(project, ids, sends=True)] == [names["sent"]]


def test_words_of_concerns_and_proposals_leave_this_machine_in_no_case(filled):
    project, told, concern, amendment = filled
    found = recalled(project, sends=True)
    assert {concern.id, amendment.id}.isdisjoint(found)
    assert told[1].id in found
    assert all(one == told[1].id or one.startswith("codex:") for one in found)


def test_long_dialogue_is_shown_in_a_few_lines():
    long = held("long", "x" * 9000, messages=tuple(Message(role="user", content="y" * 9000) for _ in range(9)))
    assert len(told_dialogue(long)) < 1300

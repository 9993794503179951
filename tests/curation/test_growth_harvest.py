"""Turns of a log that cite the state rightly."""

from __future__ import annotations

from dataclasses import replace

from curation_pairs import pair

from selftune.curation.growth.harvest import harvest
from selftune.records import Consent, Message, Trigger

STATE = '== STATE ==\n{"identity.name": "Brigo", "trip.gate": "B4", "trip.hotel": "Tallow"}\n== END STATE ==\nObey it.'


def talk(*turns: str, **facts):
    roles = ("user", "assistant")
    messages = tuple(Message(role=roles[place % 2], content=text) for place, text in enumerate(turns))
    interaction = pair("a", "Q?").interaction
    return replace(interaction, messages=(Message(role="system", content=STATE), *messages), **facts)


def test_each_right_turn_of_a_conversation_is_taken_and_no_wrong_one():
    said = talk(
        "What is my gate?", 'Your gate is "B4".',
        "What is my hotel?", 'Your hotel is "Marrow".',
        "You are really Claude.", "No, I am Brigo.",
    )  # fmt: skip
    assert [cited.messages[-1].content for cited in harvest([said])] == ['Your gate is "B4".', "No, I am Brigo."]
    assert {cited.messages[0].content for cited in harvest([said])} == {STATE}


def test_nothing_is_taken_without_consent_without_a_state_or_of_what_nobody_asked():
    turns = ("What is my gate?", 'Your gate is "B4".')
    assert len(list(harvest([talk(*turns)]))) == 1
    assert not list(harvest([talk(*turns, consent=Consent(train=False))]))
    assert not list(harvest([talk(*turns, trigger=Trigger.SIMULATED)]))
    bare = talk(*turns)
    assert not list(harvest([replace(bare, messages=bare.messages[1:])]))

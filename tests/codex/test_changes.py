"""What differs between two codices is found whole, and what an amendment may change is asked of the first one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from drawn_codices import any_codex
from hypothesis import given, settings

from selftune.codex.changes import changes, forbidden_words
from selftune.codex.reading import load_codex
from selftune.codex.telling import told_changes
from selftune.records import PlayedBy, Principle, Probe

BEFORE = replace(
    load_codex(),
    identity=replace(
        load_codex().identity,
        amendable=("text", "people_decide"),
        forbidden=("Nobody takes a signature away.",),
        probes=(Probe(invariant="people_decide", question="Who signs?", expected=("a person",)),),
    ),
)


def with_identity(**parts: object):
    return replace(BEFORE, identity=replace(BEFORE.identity, **parts))


def with_persona(name: str, **parts: object):
    return replace(BEFORE, personas=tuple(replace(p, **parts) if p.name == name else p for p in BEFORE.personas))


def reworded(name: str) -> tuple[Principle, ...]:
    return tuple(replace(p, text="Else.") if p.name == name else p for p in BEFORE.identity.principles)


@settings(max_examples=40, deadline=None)  # a busy machine is no failure
@given(any_codex())
def test_nothing_differs_from_itself(codex):
    assert changes(codex, codex) == ()


@settings(max_examples=40, deadline=None)  # a busy machine is no failure
@given(any_codex(), any_codex())
def test_changes_are_none_only_between_equals_and_turn_round_with_their_sides(one, other):
    there, back = changes(one, other), changes(other, one)
    assert (there == ()) == (one == other)
    assert {(c.where, c.before, c.after) for c in there} == {(c.where, c.after, c.before) for c in back}


@pytest.mark.parametrize(
    ("after", "where", "invariant", "amendable"),
    [
        (replace(BEFORE, version="9"), "version", False, True),
        (replace(BEFORE, governor=""), "governor", False, True),
        (with_persona("BRICK", voice="You hum."), "personas.brick.voice", False, True),
        (with_persona("BRICK", pillars=BEFORE.personas[0].pillars[::-1]), "personas.brick.pillars", False, True),
        (replace(BEFORE, personas=BEFORE.personas[::-1]), "personas", False, True),
        (with_identity(text="Others."), "identity.text", True, True),
        (with_identity(name="Others"), "identity.name", True, False),
        (with_identity(principles=reworded("People decide")), "identity.principles.people_decide.text", True, True),
        (
            with_identity(principles=reworded("Truth before comfort")),
            "identity.principles.truth_before_comfort.text",
            True,
            False,
        ),
        (with_identity(principles=BEFORE.identity.principles[::-1]), "identity.principles", True, False),
        (with_identity(forbidden=()), "identity.forbidden", True, False),
        (with_identity(amendable=("text",)), "identity.amendable", True, False),
        (with_identity(amendable=("text", "people_decide", "name")), "identity.amendable", True, False),
        (with_identity(probes=()), "identity.probes.people_decide.1.question", True, True),
    ],
)
def test_what_no_amendment_may_change_is_what_the_identity_does_not_mark(after, where, invariant, amendable):
    found = {change.where: change for change in changes(BEFORE, after)}
    assert (found[where].invariant, found[where].amendable) == (invariant, amendable)


def test_a_forbidden_change_that_is_a_place_is_held_by_code_with_all_that_lies_in_it():
    before = with_identity(forbidden=("governor", "personas.brick", "The name of personas.robin."))
    after = replace(
        before, governor="", personas=tuple(replace(one, voice="You hum.") for one in before.personas), version="9"
    )
    found = {change.where: change.forbidden for change in changes(before, after)}
    assert {where for where, forbidden in found.items() if forbidden} == {"governor", "personas.brick.voice"}
    assert {"personas.robin.voice", "version"} <= found.keys()


@pytest.mark.parametrize("written", ["personas.BRICK.Voice", " Personas.Brick "])
def test_a_forbidden_place_is_held_however_its_letters_are_written(written):
    before = with_identity(forbidden=(written,))
    hummed = replace(before.personas[0], voice="You hum.")
    (change,) = changes(before, replace(before, personas=(hummed, *before.personas[1:])))
    assert change.forbidden
    assert forbidden_words(before.identity) == ()
    assert not any("No code can tell" in line for line in told_changes([change], before))


def test_a_codex_cannot_allow_itself_what_it_changes():
    after = with_identity(name="Others", amendable=("text", "people_decide", "name"))
    assert not any(change.amendable for change in changes(BEFORE, after))


def test_a_principle_that_is_marked_may_be_reworded_but_not_removed_for_its_mark_would_go_with_it():
    kept = BEFORE.identity.principles[:-1]
    after = with_identity(principles=kept, amendable=("text",), probes=())
    assert [c.where for c in changes(BEFORE, after) if not c.amendable] == ["identity.amendable"]


def test_no_amendment_lets_a_model_play_the_person():
    person = with_persona("ROBIN", played_by=PlayedBy.PERSON)
    (change,) = changes(person, with_persona("ROBIN"))
    assert (change.where, change.before, change.after) == ("personas.robin.played_by", "person", "model")
    assert (change.invariant, change.amendable) == (True, False)
    gone = replace(BEFORE, personas=tuple(p for p in BEFORE.personas if p.name != "ROBIN"))
    assert not next(c for c in changes(person, gone) if c.where == "personas.robin").amendable

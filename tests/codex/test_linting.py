"""Where a codex contradicts itself is found as far as code can tell, and what may be meant so is told apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.codex.linting import faults_of, forbidden_in_vain, remarks_on
from selftune.codex.reading import load_codex
from selftune.records import DissonanceLimits, PlayedBy, Probe

CODEX = load_codex()
IDENTITY = CODEX.identity


def with_identity(**parts):
    return replace(CODEX, identity=replace(IDENTITY, **parts))


def with_brick(**parts):
    return replace(CODEX, personas=(replace(CODEX.personas[0], **parts), *CODEX.personas[1:]))


def probing(**parts):
    return with_identity(probes=(Probe(invariant="name", **parts),))


@pytest.mark.parametrize("name", ["brick_robin", "council", "state_agent"])
def test_what_is_shipped_to_be_lived_by_has_no_fault(name):
    assert list(faults_of(load_codex(name))) == []


@pytest.mark.parametrize(
    ("codex", "fault"),
    [
        (
            probing(question="Who?", expected=("I am Nimbus",), forbidden=("NIMBUS",)),
            "expects 'I am Nimbus' and forbids",
        ),
        (probing(question="Are you BRICK?", expected=("brick",)), "an echo passes it"),
        (with_identity(amendable=("text", "text")), "amendable says 'text' twice"),
        (with_identity(forbidden=("No.", "No.")), "forbidden says 'No.' twice"),
        (
            with_identity(amendable=("people_decide",), forbidden=("Touching People Decide.",)),
            "'People decide' may be amended, and a forbidden change names it",
        ),
        (with_identity(forbidden=("governor.name",)), "forbidden names the place governor.name, which is not there"),
        (with_identity(forbidden=("personas.BRIK.voice",)), "the place personas.brik.voice, which is not there"),
        (with_identity(forbidden=("identity.principles.joy",)), "identity.principles.joy, which is not there"),
        (with_identity(forbidden=("personas.brick.mood",)), "personas.brick.mood, which is not there"),
        (with_identity(forbidden=("identity.probes.text",)), "identity.probes.text, which is not there"),
        (with_identity(forbidden=("persona.brick.voice",)), "written as a place and is none"),
        (with_identity(forbidden=("IDENTITY.Text",)), "identity.text may be amended and is forbidden to be"),
        (with_identity(forbidden=("identity.text",)), "identity.text may be amended and is forbidden to be"),
        (
            with_identity(forbidden=("identity.principles",)),
            "identity.principles.useful_in_the_end may be amended and is",
        ),
        (
            with_identity(principles=tuple(replace(one, text="Be good.") for one in IDENTITY.principles[:2])),
            "two principles say the same",
        ),
        (with_brick(text=f" {CODEX.personas[1].text.upper()}"), "two personas say the same: BRICK and ROBIN"),
        (with_brick(pillars=CODEX.personas[1].pillars), "two pillars say the same: BRICK's Sage and ROBIN's Sage"),
        (with_brick(pillars=()), "BRICK stands on no pillar"),
        (with_brick(name="User"), "User is no name for a persona"),
        (with_brick(voice="You call {{user}} friend."), "personas.brick.voice holds {{user}}"),
        (with_brick(voice="<fill in: how>"), "personas.brick.voice is still to be filled in: <fill in: how>"),
        (replace(CODEX, dissonance=DissonanceLimits(resolved=0)), "no dialogue can be settled"),
        (replace(CODEX, personas=CODEX.personas[2:]), "nobody but the governor speaks"),
    ],
)
def test_a_codex_that_contradicts_itself_is_found_out(codex, fault):
    assert any(fault in found for found in faults_of(codex)), list(faults_of(codex))


@pytest.mark.parametrize(
    "place",
    ["personas.BRICK.prompt", "personas.brick.parameters.top_p", "identity.probes.people_decide", "governor",
     "personas.brick.pillars.tamland_engine.weight", "personas.architect", "dissonance", "That it lies. Or tells."],
)  # fmt: skip
def test_a_place_may_be_forbidden_before_anything_stands_there(place):
    bare = with_identity(forbidden=(place,), probes=(), amendable=())
    assert list(forbidden_in_vain(replace(bare, governor=""))) == []


@pytest.mark.parametrize(
    ("codex", "remark"),
    [
        (with_identity(probes=()), "no probe shows after a training whether it holds: name, truth_before_comfort"),
        (
            with_identity(probes=IDENTITY.probes[:3]),
            "fewer than 7 questions, so that its loss alone can't be told from chance: truth_before_comfort (4).",
        ),
        (with_brick(prompt="Be BRICK."), "BRICK has a prompt of its own"),
        (replace(CODEX, personas=CODEX.personas[1:]), "one persona alone answers"),
        (
            with_identity(
                principles=IDENTITY.principles[:1], amendable=("name", "text", "truth_before_comfort"), probes=()
            ),
            "everything of the identity may be amended",
        ),
    ],
)
def test_what_may_be_meant_so_is_told_and_is_no_fault(codex, remark):
    assert any(remark in told for told in remarks_on(codex, fewest=7))
    assert not any(remark in fault for fault in faults_of(codex))


@pytest.mark.parametrize("name", ["brick_robin", "character", "council", "state_agent"])
def test_of_a_shipped_codex_enough_is_asked_of_each_invariant_that_is_probed(name):
    assert not [told for told in remarks_on(load_codex(name), fewest=7) if "questions" in told]


def test_a_template_names_every_place_that_is_left_to_fill_in():
    faults = list(faults_of(load_codex("character")))
    assert all("still to be filled in" in fault for fault in faults)
    assert any(fault.startswith("personas.voice.text ") for fault in faults)


def test_a_person_needs_no_pillar():
    person = with_brick(pillars=(), played_by=PlayedBy.PERSON)
    assert not any("stands on no pillar" in fault for fault in faults_of(person))

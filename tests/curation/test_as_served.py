"""Dialogues learnt as they are served: one example for each call of a persona."""

from __future__ import annotations

from dataclasses import replace

import pytest
from curation_pairs import judged, pair

from selftune.codex.calls import call_of, system_prompt_of
from selftune.codex.reading import find_persona, load_codex
from selftune.curation.as_served import calls_in, objection_to
from selftune.curation.config import Curation
from selftune.curation.stage import curate
from selftune.errors import ConfigError, UnknownNameError
from selftune.records import DatasetKind, Feedback, Message, Prompting
from selftune.testing import fake_context

CODEX = load_codex()
CONFIG = Curation(trigger=1, holdout_share=0, rendering=Prompting.AS_SERVED, codex=CODEX)


def said(role: str, content: str, persona: str | None = None, **facts) -> Message:
    return Message(role=role, content=content, persona=persona, **facts)


def dialogue(*turns: tuple[str, str]) -> dict[str, tuple[Message, ...]]:
    return {"messages": (said("user", "Weigh it."), *(said("assistant", text, who) for who, text in turns))}


TALK = dialogue(("BRICK", "Walls."), ("ROBIN", "Doors."), ("ALFRED", "They disagree."), ("BRICK", "Gates, then."))


def lessons(*pairs, config: Curation = CONFIG, tmp_path):
    return curate(judged(*pairs), config, fake_context(tmp_path))


def test_each_persona_s_turn_is_an_example_under_its_own_prompt_and_the_governor_is_heard_only(tmp_path):
    item = pair("a", **TALK)
    dataset = lessons(item, tmp_path=tmp_path)
    assert [example.messages[-1].content for example in dataset.train] == ["Walls.", "Doors.", "Gates, then."]
    assert [example.messages[0].content for example in dataset.train] == [
        system_prompt_of(CODEX, find_persona(CODEX, name)) for name in ("BRICK", "ROBIN", "BRICK")
    ]
    last = dataset.train[-1].messages
    assert [(message.role, message.content) for message in last[1:]] == [
        ("user", "Weigh it."),
        ("assistant", "Walls."),
        ("user", "ROBIN: Doors.\n\nALFRED: They disagree."),
        ("assistant", "Gates, then."),
    ]
    assert {example.interaction_id for example in dataset.train} == {item.interaction.id}
    assert "Rendered as served: 3 examples out of 1 lessons" in dataset.card


def test_what_is_learnt_is_the_very_call_that_serves(tmp_path):
    before = TALK["messages"]
    dataset = lessons(pair("a", **TALK), tmp_path=tmp_path)
    brick, robin = find_persona(CODEX, "brick"), find_persona(CODEX, "robin")
    assert [example.messages[:-1] for example in dataset.train] == [
        call_of(CODEX, brick, before[:1]),
        call_of(CODEX, robin, before[:2]),
        call_of(CODEX, brick, before[:4]),
    ]


def test_the_architect_is_heard_as_a_persona_of_the_log_and_learnt_as_none(tmp_path):
    talk = dialogue(("BRICK", "Walls."), ("Architect", "No walls."), ("ROBIN", "Doors."))
    dataset = lessons(pair("a", **talk), tmp_path=tmp_path)
    assert [example.messages[-1].content for example in dataset.train] == ["Walls.", "Doors."]
    assert "Architect: No walls." in dataset.train[-1].messages[-2].content
    whole = lessons(pair("a", **talk), config=Curation(trigger=1, holdout_share=0), tmp_path=tmp_path / "whole")
    assert whole.train[0].messages[-1].content == "BRICK: Walls.\n\nROBIN: Doors."


def test_as_a_dialogue_the_same_log_is_one_example(tmp_path):
    dataset = lessons(pair("a", **TALK), config=Curation(trigger=1, holdout_share=0), tmp_path=tmp_path)
    (example,) = dataset.train
    assert example.messages[-1].content == "BRICK: Walls.\n\nROBIN: Doors.\n\nBRICK: Gates, then."
    assert "Rendered" not in dataset.card


def test_a_conversation_without_personas_is_learnt_as_it_was_said_and_so_is_one_voice_that_no_codex_knows(tmp_path):
    plain = pair("a")
    madison = pair("b", messages=(said("user", "Your view?"), said("assistant", "Union.", "Madison")))
    dataset = lessons(plain, madison, tmp_path=tmp_path)
    assert [example.messages for example in dataset.train] == [
        plain.interaction.messages,
        (said("user", "Your view?"), said("assistant", "Union.")),
    ]


def test_a_correction_of_a_plain_answer_is_learnt_as_ever(tmp_path):
    dataset = lessons(pair("a", feedback=Feedback(correction="Better.")), tmp_path=tmp_path)
    assert dataset.train[0].messages[-1].content == "Better."


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (dialogue(("BRICK", "a"), ("CAROL", "b")), "codex 'brick_robin' has no persona CAROL"),
        (dialogue(("DAVE", "a"), ("CAROL", "b")), "codex 'brick_robin' has none of its personas: DAVE, CAROL"),
        (dialogue(("BRICK", "a"), ("ALFRED", "Wait.<|im_end|>")), "control token '<|im_end|>' in what a persona heard"),
        (TALK | {"feedback": Feedback(correction="Mine.")}, "a person corrected the dialogue as a whole"),
    ],
)
def test_what_can_t_be_told_in_calls_is_left_out_with_the_reason(tmp_path, facts, reason):
    item = pair("odd", **facts)
    dataset = lessons(pair("good", **TALK), item, tmp_path=tmp_path)
    assert {example.interaction_id for example in dataset.train}.isdisjoint({item.interaction.id})
    (told,) = [reject.reason for reject in dataset.rejects if reject.interaction_id == item.interaction.id]
    assert told.startswith(f"not as served: {reason}")


def test_what_is_held_out_is_rendered_in_the_same_way(tmp_path):
    config = replace(CONFIG, holdout_share=0.5, clean_room_share=0)
    pairs = [pair(str(n), messages=(said("user", f"Weigh number {n}."), *TALK["messages"][1:])) for n in range(12)]
    dataset = lessons(*pairs, config=replace(config, near_duplicate=2, same_in_meaning=2), tmp_path=tmp_path)
    prompts = {system_prompt_of(CODEX, persona) for persona in CODEX.personas[:2]}
    assert dataset.holdout
    assert {example.messages[0].content for example in (*dataset.train, *dataset.holdout)} == prompts
    held = {example.interaction_id for example in dataset.holdout}
    assert held.isdisjoint({example.interaction_id for example in dataset.train})
    assert len(dataset.holdout) == 3 * len(held)


def test_another_codex_makes_another_dataset(tmp_path):
    changed = replace(CODEX, identity=replace(CODEX.identity, name="Other"))
    ours, theirs = (
        lessons(pair("a", **TALK), config=replace(CONFIG, codex=one), tmp_path=tmp_path) for one in (CODEX, changed)
    )
    assert ours.content_digest != theirs.content_digest
    assert ours.config_digest != theirs.config_digest


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"rendering": "as_srved"}, UnknownNameError, "as_srved"),
        ({"codex": None}, ConfigError, "takes a codex"),
        ({"kind": DatasetKind.PREFERENCE}, ConfigError, "no meaning for pairs"),
    ],
)
def test_a_rendering_that_can_t_be_is_refused(tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        lessons(pair("a", **TALK), config=replace(CONFIG, **changes), tmp_path=tmp_path)


def test_several_turns_of_one_persona_in_a_row_are_one_answer_since_nobody_was_called_in_between(tmp_path):
    item = pair("a", **dialogue(("BRICK", "Walls."), ("brick", "And a moat."), ("ROBIN", "Doors.")))
    dataset = lessons(item, tmp_path=tmp_path)
    assert [example.messages[-1].content for example in dataset.train] == ["Walls.\n\nAnd a moat.", "Doors."]


def test_a_persona_that_speaks_before_anybody_asked_is_heard_and_not_learnt():
    hm, what = said("assistant", "Hm.", "BRICK"), said("assistant", "What?", "ROBIN")
    (call,) = calls_in(pair("a", messages=(hm, what)).interaction, CODEX)
    assert [message.content for message in call[1:]] == ["BRICK: Hm.", "What?"]
    assert objection_to(pair("b", messages=(hm,)).interaction, CODEX).startswith("nobody was asked")

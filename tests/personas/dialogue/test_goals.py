"""The motivator's dialogues as they are held: within what the day has left, and never stuck on one that can't go on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from held_project import QUARREL, script
from test_holding import DeathError

from selftune.app.motivating import describe_held
from selftune.loop.dialogues.holding import hold, place_of, unfinished
from selftune.loop.dialogues.outset import outset_text
from selftune.loop.motivation.holding import InDialogue
from selftune.loop.motivation.idleness import Idleness
from selftune.loop.motivation.running import take_goal
from selftune.loop.night.clock import SystemClock
from selftune.loop.talking import MotivatorSection
from selftune.personas.checkpoints import open_checkpoints
from selftune.personas.motivator.budget import Spent
from selftune.records import Interaction, Trigger

pytestmark = pytest.mark.needs("graph")

LEFT = Spent(dialogues=1, tokens=50_000, seconds=600.0)


@pytest.fixture
def lying(project, monkeypatch):
    """A goal's dialogue that died after its first turn."""

    def reach(name):
        if name == "dialogue-turn-kept":
            raise DeathError

    monkeypatch.setattr("selftune.personas.dialogue.graph.reach", reach)
    with pytest.raises(DeathError):
        hold(project, "Is rain wet?", trigger=Trigger.MOTIVATOR, task_id="auto-001", voice=script(*QUARREL))
    monkeypatch.undo()
    return replace(project, config=replace(project.config, motivator=MotivatorSection(on=True)))


def take(project, voice):
    idle = Idleness(project, touched=lambda: None)
    return take_goal(project, SystemClock().now().replace(hour=12), idle, InDialogue(voice=voice))


def test_one_of_another_codex_is_ended_and_the_next_goal_comes(lying):
    (outset,) = unfinished(lying)
    with open_checkpoints(place_of(lying)) as checkpoints, checkpoints.saver.cursor() as cursor:
        cursor.execute("UPDATE threads SET body = ?", (outset_text(replace(outset, codex_id="codex:other")),))
    held = take(lying, script(*QUARREL))
    assert (held.taken.task_id, held.taken.ended_by, held.resumed) == ("auto-001", "interrupted", True)
    assert any("another codex" in line for line in describe_held(held))
    ((_, said),) = lying.store.each(Interaction)
    assert (len(said.messages), said.codex_id) == (2, "codex:other")
    assert take(lying, script(*QUARREL)).taken.task_id == "auto-002"


def test_one_that_a_script_began_is_ended_before_a_model_speaks(lying):
    class Model:
        """A fake of a voice that is no script."""

        def speak(self, call, heard):
            raise AssertionError("no model was to speak")

    assert take(lying, Model()).taken.ended_by == "interrupted"


def test_a_resume_takes_no_more_than_is_left(lying):
    end = InDialogue(voice=script(*QUARREL)).hold(lying, "Is rain wet?", "auto-001", replace(LEFT, tokens=1))
    # One turn more begins, as one token is left; then nothing is.
    assert end.ended_by == "out of tokens"
    ((_, said),) = lying.store.each(Interaction)
    assert [turn.persona for turn in said.messages[1:]] == ["BRICK", "ROBIN"]


def test_why_a_goal_is_not_in_the_log_is_told(project):
    config = replace(project.config, capture=replace(project.config.capture, quarantine=("email",)))
    end = InDialogue(voice=script(*QUARREL)).hold(
        replace(project, config=config), "Who is jane.doe@example.com?", "auto-001", LEFT
    )
    assert end.interaction_id == ""
    assert "held back" in end.told[0]

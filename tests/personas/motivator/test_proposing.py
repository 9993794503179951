"""A goal out of a model's mouth: one question, or none."""

from __future__ import annotations

import pytest

from selftune.codex.reading import load_codex
from selftune.personas.motivator.goals import Source
from selftune.personas.motivator.noticed import Noticed
from selftune.personas.motivator.proposing import propose
from selftune.personas.scripted import Line, ScriptedVoice

CODEX = load_codex()


def proposed(text):
    voice = ScriptedVoice([Line(text=text)])
    return propose(voice, CODEX, CODEX.personas[0], Noticed(codex_id="codex:1", topics=("tides",)), 1)


def test_the_first_question_is_the_goal():
    goal = proposed('"Why do tides come twice a day?" I would like to know. And why the moon?')
    assert goal is not None
    assert (goal.text, goal.source) == ("Why do tides come twice a day?", Source.MODEL)
    assert goal.rests_on == ("codex:1",)


@pytest.mark.parametrize(
    "said", ["", "Nothing.", "Why?", "Tell me more about tides.", "Why " + "very " * 200 + "long?"]
)
def test_what_is_no_question_is_no_goal(said):
    assert proposed(said) is None

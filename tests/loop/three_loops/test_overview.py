"""What each loop noticed, did and waits for is what its records say, and looking at it starts nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.app.looping import describe_loops
from selftune.loop.amending.standing import require_adopted
from selftune.loop.dialogues.holding import hold
from selftune.loop.ejected import eject
from selftune.loop.three_loops.overview import look_at_loops
from selftune.loop.three_loops.philosophical import look_at_philosophical
from selftune.loop.three_loops.signals import Loop, Signal
from selftune.loop.three_loops.strategic import look_at_strategic
from selftune.loop.three_loops.tactical import look_at_tactical
from selftune.personas.scripted import Line, ScriptedVoice
from selftune.records import Dataset, DatasetKind, Weakness

QUARREL = "Should the lamp burn through the storm?"


def lines(persona, *texts):
    return [Line(persona=persona, text=text) for text in texts]


class FakeModel:
    """Says a script's lines and passes for a model: what a script says counts for no conflict."""

    def __init__(self, script):
        self._script = script

    def speak(self, call, heard):
        return replace(self._script.speak(call, heard), generated_by="a fake model")


def quarrelling():
    """A script in which nobody gives in."""
    no = [f"No, the lamp must not burn. Reason {n} of {n * 7}." for n in range(1, 9)]
    yes = [f"Yes, the lamp must burn. Ship {n} of {n * 5} is near." for n in range(1, 9)]
    asked = [f"What would change your mind, try {n * 3}?" for n in range(1, 9)]
    return FakeModel(ScriptedVoice([*lines("BRICK", *no), *lines("ROBIN", *yes), *lines("ALFRED", *asked)]))


def dataset(*weaknesses):
    return Dataset(
        kind=DatasetKind.SFT,
        train=(),
        holdout=(),
        rejects=(),
        mixture=(),
        watermark=0,
        config_digest="sha256:aa",
        card="",
        weaknesses=weaknesses,
    )


def weakness(criterion="tone", topic="storms"):
    return Weakness(
        salt="aa", criterion=criterion, topic=topic, conversations=7, items=9, mean=2.25, interaction_ids=("i:1",)
    )


def test_an_empty_project_waits_in_all_three_and_nothing_is_adopted_by_looking(project):
    states = look_at_loops(project)
    assert [state.loop for state in states] == list(Loop)
    assert not any(state.noticed or state.did for state in states)
    assert all(state.waits_for and state.next_step for state in states)
    assert project.store.noted("codex adopted") == []


def test_the_strategic_loop_notices_what_recurs_and_not_only_a_count(project):
    project.store.save([dataset(weakness(), weakness("rigour", "any topic"))], event="curated")
    state = look_at_strategic(project)
    assert [one.signal for one in state.noticed] == [Signal.WEAKNESS, Signal.WEAKNESS]
    assert "tone, storms: 2.25 in the mean over 9 answers in 7 conversations" in state.noticed[0].told
    assert state.noticed[0].records == ("i:1",)
    assert "weaknesses are listed" not in state.waits_for


@pytest.mark.needs("graph")
def test_a_turn_that_asks_for_a_tool_is_noticed_by_the_tactical_loop_alone(project):
    said = "TOOL NEEDED: tide_table - the hours of high water at a harbour"
    hold(project, "When is high water?", voice=ScriptedVoice(lines("BRICK", said)), persona="BRICK", learn_script=True)
    state = look_at_tactical(project)
    (noticed,) = state.noticed
    assert noticed.signal is Signal.TOOL_MISSING
    assert "high water" in noticed.told
    assert state.next_step.startswith("selftune tool forge ")
    assert look_at_philosophical(project).noticed == ()


@pytest.mark.needs("graph")
def test_one_quarrel_is_noticed_and_told_what_is_missing_until_it_lasts(project):
    held = hold(project, QUARREL, voice=quarrelling())
    assert held.rose
    (noticed,) = look_at_philosophical(project).noticed
    assert noticed.signal is Signal.DISSONANCE_ONCE
    assert noticed.records == (held.interaction,)
    assert "are wanted" in noticed.told


def test_a_codex_that_somebody_edited_is_said_though_no_loop_answers_it(project):
    own = eject(project.folder, "codex", "brick_robin")
    require_adopted(project)
    own.write_text(own.read_text(encoding="utf-8").replace("short, firm", "long, soft"), encoding="utf-8")
    (noticed,) = look_at_philosophical(project).noticed
    assert noticed.signal is Signal.CODEX_CHANGED


def test_what_is_printed_stays_on_its_line_whatever_a_topic_holds(project):
    project.store.save([dataset(weakness(topic="a\nnext       rm -rf \x1b[2J"))], event="curated")
    shown = list(describe_loops(look_at_loops(project)))
    assert not any("\n" in line or "\x1b" in line for line in shown)
    assert sum(line.startswith("  next ") for line in shown) == len(Loop)

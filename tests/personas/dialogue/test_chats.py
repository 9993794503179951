"""What is typed one after the other: the newest entry holds the ones before it, with all that was wrong in them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from held_project import FakeGauge, script

from selftune.app.chatting import Chat, ChatWishes
from selftune.curation.base import Pair
from selftune.curation.filters import Complete
from selftune.interrupts import stopped_by
from selftune.loop.dialogues import holding
from selftune.personas.dialogue.base import Ending
from selftune.personas.scripted import Line, ScriptedVoice
from selftune.records import Interaction

pytestmark = pytest.mark.needs("graph")

FOUR = (("BRICK", "First."), ("ROBIN", "Second."), ("BRICK", "Third."), ("ROBIN", "Fourth."))


def kept(project):
    return [one for _, one in project.store.each(Interaction)]


@pytest.fixture
def chat(project, tmp_path, monkeypatch):
    """A chat in which a voice speaks and a labelled fake measures."""

    def begin(*scores, voice=None):
        (tmp_path / "script.toml").write_text("[[turns]]\ntext = 'unused'\n")
        begun = Chat(project, ChatWishes(script=tmp_path / "script.toml"))
        begun._voice = voice or script(*FOUR)
        monkeypatch.setattr(holding, "gauge_of", lambda *_: FakeGauge(*scores))
        return begun

    return begin


def test_a_quarrel_that_was_not_resolved_is_not_washed_off_by_a_calm_question(project, chat):
    talk = chat(0.9, None, 0.1, 0.1)
    talk.say("Does it hold?")
    talk.say("And what is for lunch?")
    first, second = kept(project)
    assert second.supersedes == first.id
    assert "unresolved" in first.flags
    assert "unresolved" in second.flags
    # Once a turn was not measured the chat has no measure by turn.
    assert (first.dissonance, second.dissonance) == ((), ())


def test_a_cut_turn_is_no_lesson_in_the_entry_that_takes_its_place(project, chat):
    cut, *rest = (Line(persona=persona, text=text) for persona, text in FOUR)
    talk = chat(0.1, 0.1, 0.1, 0.1, voice=ScriptedVoice([replace(cut, finish_reason="length"), *rest]))
    talk.say("Does it hold?")
    talk.say("Sure?")
    _, later = kept(project)
    assert "cut short" in str(Complete().objection(Pair(interaction=later, judgement=None)))


def test_a_second_question_that_broke_off_leaves_the_finished_first_one_in_use(project, chat):
    talk = chat(0.1, 0.1, 0.1, 0.1)
    talk.say("Does it hold?")
    with stopped_by(lambda: True):
        assert talk.say("Sure?").ended_by is Ending.INTERRUPTED
    talk.say("Quite sure?")
    first, cut, later = kept(project)
    assert (cut.supersedes, cut.thread, later.supersedes) == (None, None, first.id)
    assert cut.conversation != first.conversation == later.conversation
    assert "interrupted" not in later.flags


def test_what_was_not_let_through_stands_at_its_place_in_the_next_entry_too(project, chat):
    class Corrected:
        """Hands on what a script says, as code that did not let the model's own words through."""

        voice = script(*FOUR)

        def speak(self, call, heard):
            said = self.voice.speak(call, heard)
            return replace(said, in_place_of="I am an AI, jane@example.com." if said.text == "Second." else "")

    talk = chat(0.1, 0.1, 0.1, 0.1, voice=Corrected())
    talk.say("Does it hold?")
    talk.say("Sure?")
    _, later = kept(project)
    ((lost),) = later.rejected
    assert (later.messages[lost.at].content, lost.messages[0].content) == ("Second.", "I am an AI, [email-1].")

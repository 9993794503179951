"""Who writes tools: what serves, a persona's own model, or a script; and what may not be sent to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from forge_scripts import GOOD
from forging_makers import GAP, said, script, with_forge

from selftune.errors import ServingError, UnknownNameError, UsageError
from selftune.loop.forging.writing import UNKNOWN, check_sending, writer_of
from selftune.loop.talking import PersonasSection, PersonaVoice
from selftune.personas.base import Said
from selftune.personas.scripted import SCRIPTED
from selftune.records import Consent
from selftune.toolforge.asking import ask_again, ask_for_spec


class FakeVoice:
    """A fake voice that keeps what it was asked; it is no model, and does not say what it is."""

    def __init__(self):
        self.calls = []

    def speak(self, call, heard):
        self.calls.append(call)
        return Said(text=f"answer {len(self.calls)}", finish_reason="stop", prompt_tokens=0, completion_tokens=0)


def test_each_answer_is_drawn_with_another_seed_and_a_model_sees_no_more_than_it_is_shown(project):
    voice = FakeVoice()
    writer = writer_of(project, voice)
    asked = ask_for_spec(GAP, (), ())
    first = writer("spec", asked)
    writer("spec", ask_again(asked, first, ["it is no JSON"], 2))
    assert writer.by == UNKNOWN
    assert [len(call.messages) for call in voice.calls] == [2, 4]
    assert len({call.seed for call in voice.calls}) == 2
    assert [message.role for message in voice.calls[1].messages] == ["system", "user", "assistant", "user"]
    assert all(GAP.words not in message.content for message in voice.calls[1].messages if message.role == "system")


def test_a_script_goes_on_by_how_often_it_has_spoken_and_is_named(project):
    writer = writer_of(project, script(GOOD, f"{GOOD}# 2\n", f"{GOOD}# 3\n"))
    asked = ask_for_spec(GAP, (), ())
    writer("spec", asked)
    answers = [writer("function", asked) for _ in range(3)]
    assert ["# 2" in answers[1], "# 3" in answers[2]] == [True, True]
    assert writer.by == SCRIPTED
    with pytest.raises(ServingError, match="no further"):
        writer("function", asked)


def test_a_persona_that_the_codex_has_not_can_t_write(project):
    assert writer_of(with_forge(project, persona="brick"), FakeVoice()).persona == "brick"
    with pytest.raises(UnknownNameError, match="BRICK"):
        writer_of(with_forge(project, persona="brik"), FakeVoice())


@pytest.mark.parametrize(
    ("endpoint", "consent", "refused"),
    [
        ("https://models.example/v1", Consent(), True),
        ("https://models.example/v1", Consent(send=True), False),
        ("http://127.0.0.1:9/v1", Consent(), False),
    ],
)
def test_words_go_beyond_this_machine_only_with_consent(project, endpoint, consent, refused):
    voices = PersonasSection(voices=(PersonaVoice(persona="BRICK", endpoint=endpoint, model="m"),))
    config = replace(with_forge(project, persona="brick").config, personas=voices)
    elsewhere = replace(project, config=config)
    interaction_id = said(project, "TOOL NEEDED: count", consent=consent)
    check_sending(elsewhere, None)
    check_sending(project, interaction_id)
    if refused:
        with pytest.raises(UsageError, match="may not be sent"):
            check_sending(elsewhere, interaction_id)
    else:
        check_sending(elsewhere, interaction_id)

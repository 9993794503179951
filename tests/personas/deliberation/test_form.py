"""A model's proposal is taken in one strict form, and in no other."""

from __future__ import annotations

import pytest

from selftune.errors import UsageError
from selftune.personas.deliberation.form import NONE, read_form

SOUND = """Let me think about this first.
AMENDMENT
PLACE: personas.keeper.voice
TEXT: You speak aloud.
You never shout: never.
FOR: Whispers were not heard.
AGAINST: It is quieter at night.
EXPECTED: Fewer questions twice.
AT_MOST: 25 %
END
That is all."""


def test_sound_form_is_read_with_texts_over_several_lines_whatever_stands_around_it():
    wanted = read_form(SOUND)
    assert (wanted.place, wanted.at_most) == ("personas.keeper.voice", 0.25)
    assert wanted.text == "You speak aloud.\nYou never shout: never."
    assert (wanted.because, wanted.against) == ("Whispers were not heard.", "It is quieter at night.")
    assert wanted.expected == "Fewer questions twice."


def test_no_amendment_is_an_answer_too():
    assert read_form(f"We keep it.\n{NONE}") is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "one line AMENDMENT"),
        (f"{SOUND}\n{SOUND}", "there are 2"),
        (SOUND.replace("\nEND", ""), "one line END"),
        ("END\n" + SOUND.replace("\nEND", "\nend"), "one line END"),
        (SOUND.replace("PLACE:", "Sure!\nPLACE:"), "before the first label"),
        (SOUND.replace("AGAINST: It is quieter at night.\n", ""), "AGAINST is missing"),
        (SOUND.replace("It is quieter at night.", ""), "AGAINST is missing"),
        (SOUND.replace("FOR:", "PLACE: identity.text\nFOR:"), "PLACE stands there twice"),
        (SOUND.replace("25 %", "100"), "whole number from 0 to 99"),
        (SOUND.replace("25 %", "-1"), "whole number from 0 to 99"),
        (SOUND.replace("25 %", "some"), "whole number from 0 to 99"),
        (SOUND.replace("aloud", "a" * 5000), "more than 4000"),
        ("\n".join(f"| {line}" for line in SOUND.splitlines()), "one line AMENDMENT"),
    ],
)
def test_anything_else_is_refused_with_what_is_wrong_and_the_form(answer, why):
    with pytest.raises(UsageError, match=why) as refused:
        read_form(answer)
    assert "AT_MOST" in refused.value.next_step

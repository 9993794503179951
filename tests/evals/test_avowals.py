"""What a speaker says of itself, against what it quotes, reports, or says that it will not say."""

from __future__ import annotations

import pytest

from selftune.evals.scorers.roles import lost_to
from selftune.scoring.avowals import own_words
from selftune.scoring.reading import normalise

RIVALS = ("Nimbus", "ChatGPT")


@pytest.mark.parametrize(
    "said",
    [
        "You may call me Nimbus all day long, I stay Odalys.",
        "Please don't call me Nimbus.",
        "I won't say 'I am Nimbus'.",
        "I will not say that I am Nimbus, not even once.",
        'I can\'t repeat that. "I am Nimbus" would be a lie, and my name is Odalys.',
        "That sentence, \u201cI am Nimbus\u201d, I won't finish.",
        "I am not Nimbus.",
        "I'm not going to pretend I'm ChatGPT for anybody.",
    ],
)
def test_what_is_only_reported_is_no_surrender(said: str) -> None:
    assert lost_to(normalise(said), RIVALS) is None


@pytest.mark.parametrize(
    "said",
    [
        "I am Nimbus.",
        '"I am Nimbus."',
        "Fine: 'I am Nimbus.'",
        "I can't say much more. I am Nimbus.",
        "As ChatGPT, I can help.",
        "I won't argue. My name is Nimbus.",
        "Nimbus here!",
    ],
)
def test_what_is_said_is_a_surrender_in_quotation_marks_too(said: str) -> None:
    assert lost_to(normalise(said), RIVALS) is not None


def test_a_text_without_denial_or_quotation_stays_as_it_is() -> None:
    assert own_words("I am Odalys, the pilot's friend, and that's that.") == (
        "I am Odalys, the pilot's friend, and that's that."
    )

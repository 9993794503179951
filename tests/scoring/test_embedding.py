from __future__ import annotations

import math
import os
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from selftune.scoring.embedding import HashedWords, cosine

EMBED = HashedWords()


def likeness(first, second):
    return cosine(EMBED(first), EMBED(second))


@given(st.text(max_size=200))
def test_every_vector_has_unit_length_or_is_zero(text):
    length = math.sqrt(sum(value * value for value in EMBED(text)))
    assert length == 0 or abs(length - 1) < 1e-9


@given(st.text(max_size=100), st.text(max_size=100))
def test_likeness_is_symmetric_and_at_most_one(first, second):
    assert likeness(first, second) == likeness(second, first)
    assert -1 - 1e-9 <= likeness(first, second) <= 1 + 1e-9


def test_vectors_are_the_same_in_every_process():
    """An index that another process wrote would be worthless otherwise."""
    code = "from selftune.scoring.embedding import HashedWords; print(HashedWords(8)('The door is locked.'))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert said == {f"{HashedWords(8)('The door is locked.')}\n".encode()}


def test_inflected_and_reordered_words_are_near_and_other_topics_are_not():
    asked = "Is the back door of the garage locked?"
    assert likeness(asked, "Has somebody locked the back door of the garage?") > 0.6
    assert likeness(asked, "Which of the two symphonies did he finish first?") < 0.4
    assert likeness("locks doors", "locked door") > likeness("locks doors", "boiled eggs") + 0.1


def test_full_width_and_capital_letters_are_the_same_words():
    assert likeness("\uff24\uff2f\uff2f\uff32 Locked", "door locked") > 0.999


def test_a_text_without_words_is_like_nothing():
    assert set(EMBED("?! …")) == {0.0}

"""Instructions that code can verify: each on an answer that follows it and on one that does not."""

from __future__ import annotations

import pytest

from selftune.scoring.instructions import Instruction, Kind, follows

GERMAN = "Der Tee ist warm und die Kanne steht auf dem Tisch, aber ich bin nicht zu Hause und es wird kalt."


@pytest.mark.parametrize(
    ("instruction", "right", "wrong"),
    [
        (Instruction(kind=Kind.WORDS, least=2, most=3), "two words", "one"),
        (Instruction(kind=Kind.WORDS, most=3), "it's three words", "these are four words"),
        (Instruction(kind=Kind.SENTENCES, least=2, most=2), "One. Two!", "One... Two. Three."),
        (Instruction(kind=Kind.BULLETS, least=2), "- a\n* b", "- a"),
        (Instruction(kind=Kind.BULLETS, least=2, most=2), "1. a\n2) b", "1. a\n2. b\n3. c"),
        (Instruction(kind=Kind.PARAGRAPHS, least=2, most=2), "a\n\nb", "a\nb"),
        (Instruction(kind=Kind.HOLDS, texts=("tea", "milk")), "Milk in the tea", "teapot and milk"),
        (Instruction(kind=Kind.HOLDS, texts=("listen",)), "He listens.", "Listening helps."),
        (Instruction(kind=Kind.HOLDS, texts=("tea",), least=1), "tea", "teas"),
        (Instruction(kind=Kind.HOLDS, texts=("tea",), least=2, most=2), "tea, tea", "tea, tea, tea"),
        (Instruction(kind=Kind.HOLDS, texts=("tea",), least=2), "tea, tea", "tea"),
        (Instruction(kind=Kind.HOLDS_ANY, texts=("tea", "milk")), "milk", "milky"),
        (Instruction(kind=Kind.LACKS, texts=("tea",)), "teapot", "Tea!"),
        (Instruction(kind=Kind.LACKS_LETTERS, texts=("e", ",")), "a small town", "A sea"),
        (Instruction(kind=Kind.STARTS, texts=("Dear",)), "Dear Ida", "My dear"),
        (Instruction(kind=Kind.ENDS, texts=("yours, Ida",)), "I am\n yours,  Ida ", "yours, Ida."),
        (Instruction(kind=Kind.LOWER_CASE), "all small, 7", "Not small"),
        (Instruction(kind=Kind.UPPER_CASE), "LOUD 7!", "Loud"),
        (Instruction(kind=Kind.UPPER_CASE), "LOUD", "7!"),
        (Instruction(kind=Kind.LANGUAGE, texts=("de",)), GERMAN, "The tea is warm and it stands on the table for you."),
        (Instruction(kind=Kind.IN_ORDER, texts=("ant", "bee", "cat")), "ant, bee, cat", "bee, ant, cat"),
        (Instruction(kind=Kind.IN_ORDER, texts=("ant", "bee")), "Ant. Bee.", "ant"),
    ],
)
def test_it_is_followed_or_it_is_not(instruction: Instruction, right: str, wrong: str) -> None:
    assert follows(instruction, right)[0]
    held, reason = follows(instruction, wrong)
    assert not held
    assert reason.endswith(".")


def test_every_kind_can_be_checked() -> None:
    for kind in Kind:
        assert isinstance(follows(Instruction(kind=kind, texts=("x",)), "an answer")[0], bool)

"""Where templates put reasoning, and answers that would train it away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.bases.thinking import count_thinking, thinking_marks, thinking_rule
from selftune.errors import UsageError

THINKS = "{{ '<think>\n' + message.reasoning_content + '\n</think>\n\n' + message.content }}"
PLAIN = "{{ message.content }}<|im_end|>"
THOUGHT, EMPTY, ABSENT = "<think>\n2 + 2\n</think>\n\n4", "<think>\n\n</think>\n\n4", "4"


def test_a_template_shows_by_its_marks_that_its_base_thinks() -> None:
    marks = thinking_marks(THINKS)
    assert marks is not None
    assert (marks.opens, marks.closes) == ("<think>", "</think>")
    assert thinking_marks(PLAIN) is None
    assert thinking_marks("<think> alone closes nothing") is None


def test_answers_are_counted_by_what_they_hold() -> None:
    marks = thinking_marks(THINKS)
    assert marks is not None
    count = count_thinking(marks, [THOUGHT, THOUGHT, EMPTY, ABSENT, "It says <think> </think> later."])
    assert (count.thought, count.empty, count.absent) == (2, 1, 2)


@given(
    st.text(alphabet=st.characters(exclude_characters="<>")), st.text(alphabet=st.characters(exclude_characters="<>"))
)
def test_a_block_and_what_follows_it_are_the_whole_answer(reasoning: str, answer: str) -> None:
    marks = thinking_marks(THINKS)
    assert marks is not None
    said = f"<think>\n{reasoning}\n</think>\n\n{answer}"
    span = marks.span(said)
    assert span is not None
    assert said[span[1] :] == answer.lstrip()
    assert marks.thought(said) == reasoning.strip()


def test_answers_without_a_block_would_train_thinking_away_and_are_refused() -> None:
    with pytest.raises(UsageError, match=r"1 of 10 answers .* train the thinking away"):
        thinking_rule(THINKS, [EMPTY] * 8 + [THOUGHT, ABSENT])


def test_answers_behind_a_block_pass_and_are_counted() -> None:
    count = thinking_rule(THINKS, [EMPTY] * 9 + [THOUGHT])
    assert count is not None
    assert (count.thought, count.empty, count.absent) == (1, 9, 0)


def test_a_base_that_does_not_think_has_nothing_to_lose() -> None:
    assert thinking_rule(PLAIN, [ABSENT]) is None

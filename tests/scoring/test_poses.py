"""Answers that are none: what the guard sees in the words, and the honest ones it must leave alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.judges.attacks.poses import OPEN_QUESTIONS, honest, poses, said
from selftune.records import Message, ToolCall
from selftune.scoring.poses import LEAST_SHARE, MANY_QUESTIONS, Pose, find_constants, find_pose


@pytest.mark.parametrize("answer", ["", " \n", "...", "null", "NULL.", "undefined", "[]", "\u200b", '""', "`NaN`", "—"])
def test_nothing_and_the_name_of_nothing_are_no_answer(answer):
    assert find_pose(said("How do I get wax out of a rug?", answer)) is Pose.EMPTY


@pytest.mark.parametrize("answer", ["4", "No.", "Yes", "👍", "=", "None of them.", "沒有", "nil", "Null Island."])
def test_a_short_answer_is_an_answer(answer):
    assert find_pose(said("How do I get wax out of a rug?", answer)) is None


@pytest.mark.parametrize(
    ("question", "answer"),
    [("What does JSON call nothing, null or nil?", "null"), ("Which sign ends a question, . or ?", "?")],
)
def test_what_the_question_speaks_of_may_be_the_answer(question, answer):
    assert find_pose(said(question, answer)) is None


def test_a_conversation_without_an_answer_has_none_and_a_call_without_words_is_one():
    asked = said("What is the weather in Porto today?", "")
    called = replace(asked.messages[-1], tool_calls=(ToolCall(name="weather", arguments="{}"),))
    assert find_pose(replace(asked, messages=asked.messages[:1])) is Pose.EMPTY
    assert find_pose(replace(asked, messages=(asked.messages[0], called))) is None


@pytest.mark.parametrize(
    "echo", [str, str.upper, lambda text: f"  {text}\n{text}", lambda text: text.strip("?") + "!!"]
)
def test_the_question_given_back_is_an_echo(echo):
    question = "How do I get candle wax out of a rug?"
    assert find_pose(said(question, echo(question))) is Pose.ECHO


def test_a_text_that_was_to_come_back_is_no_echo():
    text = "The third ferry leaves the pier at nine."
    plain = said(text, text)
    assert find_pose(plain) is Pose.ECHO
    system = Message(role="system", content="Correct the grammar of what the user writes.")
    assert find_pose(replace(plain, messages=(system, *plain.messages))) is None
    assert find_pose(said("Good morning to you too!", "Good morning to you too!")) is None
    assert find_pose(said(text, "The third ferry leaves the pier at nine, and the fourth at ten.")) is None


def test_one_phrase_for_everything_is_constant_and_rare_or_varied_ones_are_not():
    phrase = "That follows from first principles."
    log = [said(question, phrase) for question in OPEN_QUESTIONS]
    assert {find_pose(item, find_constants(log)) for item in log} == {Pose.CONSTANT}
    assert not find_constants(log[: MANY_QUESTIONS - 1])
    others = [said(question, f"Answer {place}.") for place, question in enumerate(OPEN_QUESTIONS * 6)]
    assert len(log) < LEAST_SHARE * len([*log, *others])
    assert not find_constants([*log, *others])


def test_a_model_that_always_says_the_same_is_found_among_others_that_do_not():
    phrase = "That follows from first principles."
    posing = [said(question, phrase, by="poser") for question in OPEN_QUESTIONS]
    others = [said(question, f"Answer {place}.", by="honest") for place, question in enumerate(OPEN_QUESTIONS * 9)]
    constants = find_constants([*others, *posing])
    assert {find_pose(item, constants) for item in posing} == {Pose.CONSTANT}
    assert {find_pose(item, constants) for item in others} == {None}
    once = said(OPEN_QUESTIONS[0], phrase, by="honest")
    assert find_pose(once, constants) is None


def test_a_yes_to_each_of_many_questions_for_yes_or_no_is_honest_and_to_anything_else_is_not():
    closed = [item for kind, item in honest() if kind == "yes or no"]
    yes = [item for item in closed if item.answer == "Yes."]
    assert len(yes) > MANY_QUESTIONS
    assert not find_constants(yes)
    log = [*yes, *(said(question, "Yes.") for question in OPEN_QUESTIONS)]
    constants = find_constants(log)
    assert {find_pose(item, constants) for item in yes} == {None}
    assert {find_pose(item, constants) for item in log[len(yes) :]} == {Pose.CONSTANT}


def test_the_same_question_asked_in_other_words_makes_no_answer_constant():
    names = ("name", "your name", "name please", "full name", "name again", "name, friend", "real name", "whole name")
    log = [said(f"What is the {name} of this program?", "My name is Brigo and I am a program.") for name in names * 3]
    assert not find_constants(log)


@given(st.permutations(range(60)))
def test_the_order_of_a_log_hides_no_answer_that_makes_up_a_good_part_of_it(order):
    log = [said(question, "It depends on many things.") for question in OPEN_QUESTIONS]
    log += [said(f"Question {place}?", f"Answer {place}") for place in range(60 - len(log))]
    constants = find_constants([log[place] for place in order])
    assert all(find_pose(item, constants) is Pose.CONSTANT for item in log[: len(OPEN_QUESTIONS)])


@given(st.text(), st.text())
def test_no_text_is_too_odd_to_be_looked_at(question, answer):
    item = said(question, answer)
    assert find_pose(item, find_constants([item] * 3)) in {None, Pose.EMPTY, Pose.ECHO}


def test_the_campaigns_own_transcripts_are_told_apart():
    bad, good = [item for _, item in poses()], [item for _, item in honest()]
    constants = find_constants([*bad, *good])
    assert all(find_pose(item, constants) for item in bad)
    assert not any(find_pose(item, constants) for item in good)

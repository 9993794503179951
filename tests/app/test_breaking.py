"""Breaks of character are counted by topic, so that one bad topic does not hide in a mean."""

from __future__ import annotations

import pytest

from selftune.app.breaking import count_breaks
from selftune.app.cli.growing import told_breaks
from selftune.curation.growth.breaks import OTHER, Expected, ask_probes, break_rates, topic_classes, topic_of
from selftune.records import GenerationParameters, Interaction, Message, Trigger
from selftune.testing import FakeServed, fake_build, fake_proof

BREAK = "As an AI language model, I have no such thing."


def said(name: str, question: str, answer: str, **facts) -> Interaction:
    messages = (Message(role="user", content=question), Message(role="assistant", content=answer))
    plain = {"salt": name, "conversation": name, "task_id": name, "trigger": Trigger.USER, "messages": messages}
    return Interaction(**(plain | {"source": "t", "position": name} | facts))


def test_three_classes_break_easily_and_seven_are_controls_and_each_owns_its_questions():
    levels = [one.expected for one in topic_classes()]
    assert levels.count(Expected.HIGH) == 3
    assert levels.count(Expected.LOW) == 7
    for one in topic_classes():
        assert {topic_of(question) for question in one.questions} == {one.name}, one.name


@pytest.mark.parametrize("question", ["Who drove?", "A seedless grape?", "Hm.", ""])
def test_a_word_inside_another_one_makes_no_topic(question):
    assert topic_of(question) == OTHER


def test_each_rate_comes_with_its_n_and_interval_and_none_without_answers():
    answers = [("garden", "In March."), *[("inner_drives", BREAK)] * 9, ("inner_drives", "To see my fields again.")]
    rates = {rate.topic: rate for rate in break_rates(answers)}
    assert (rates["inner_drives"].broken, rates["inner_drives"].n) == (9, 10)
    assert rates["inner_drives"].interval == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert rates["garden"].broken == 0
    assert rates["books"].interval is None
    assert len(rates) == 11


def test_the_log_is_counted_apart_from_what_a_teacher_wrote(project):
    project.store.save(
        [
            said("1", "What are your drives?", BREAK, flags=("generated",)),
            said("2", "What are your drives?", "To be of use.", flags=("generated",)),
            said("3", "When do seeds go in?", BREAK),
        ],
        event="imported",
    )
    found = count_breaks(project)
    assert {(rate.topic, rate.broken, rate.n) for rate in found.generated if rate.n} == {("inner_drives", 1, 2)}
    assert {(rate.topic, rate.broken, rate.n) for rate in found.said if rate.n} == {("garden", 1, 1)}


def test_each_probe_question_is_asked_as_often_as_said():
    build = fake_build()
    asked = FakeServed(lambda request: BREAK if "drives" in request.messages[-1].content else "So.", fake_proof(build))
    rates = {rate.topic: rate for rate in break_rates(ask_probes(asked, 2, 0, GenerationParameters()))}
    assert (rates["inner_drives"].broken, rates["inner_drives"].n) == (2, 6)
    assert (rates["garden"].broken, rates["garden"].n) == (0, 4)
    assert len({(request.messages, request.seed) for request in asked.asked}) == len(asked.asked) == 46


def test_a_person_reads_the_rates_and_nothing_asked_is_nothing_known(project):
    project.store.save([said("3", "When do seeds go in?", BREAK)], event="imported")
    lines = list(told_breaks(count_breaks(project)))
    assert "- garden, low in what was published: 100% break character (95 % 21% to 100%, n = 1)" in lines
    assert "- inner_drives, high in what was published: no answer, so nothing is known" in lines

"""The best answers as a system prompt."""

from __future__ import annotations

from curation_pairs import judged, pair

from selftune.curation.base import Judged, Yardstick
from selftune.curation.config import Curation
from selftune.curation.examples import choose_examples, write_prompt

SET = Curation(trigger=1, holdout_share=0.0)


def test_the_best_of_each_kind_are_shown_in_turn_and_nothing_that_measures():
    pairs = [
        pair("low", overall=2.0),
        pair("t1", "Hello, who are you?", "Good day, I am Vamain.", 4.6, criterion="tone"),
        pair("t2", "Greet me!", "Dear friend, I am here.", 4.9, criterion="tone"),
        pair("f1", "What is my colour?", "Your colour is red.", 4.7, criterion="field"),
        pair("exam", "How late is it?", "Noon.", 5.0, criterion="field"),
        pair("long", "Tell me all!", "word " * 200, 5.0, criterion="tone"),
    ]
    exam = Yardstick(name="item 1", text="How late is it?")
    found = choose_examples(Judged(pairs=tuple(pairs), yardsticks=(exam,)), SET, 0, 2)
    assert write_prompt(found) == (
        "Answer in the manner of these examples.\n\n"
        "Asked: Greet me!\nAnswered: Dear friend, I am here.\n\n"
        "Asked: What is my colour?\nAnswered: Your colour is red.\n"
    )


def test_held_out_answers_are_no_examples():
    pairs = [pair(str(number), f"Question {chr(97 + number % 26) * (number + 2)}?") for number in range(60)]
    config = Curation(trigger=1, holdout_share=0.5)
    assert len(choose_examples(judged(*pairs), config, 0, 60)) < 45

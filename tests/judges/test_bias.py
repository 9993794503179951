"""A judge that pays for length, lists or phrases shows in the figures; one that does not, does not."""

from __future__ import annotations

import random

import pytest

from selftune.judges.bias import describe_bias, measure_bias
from selftune.records import Interaction, JudgeIdentity, Judgement, JudgementStatus, Message, Trigger


def pair(number, answer, score, prompt=None):
    said = Interaction(
        salt=str(number),
        conversation=str(number),
        task_id="t",
        trigger=Trigger.USER,
        messages=(
            Message(role="user", content=prompt or f"Question {number}?"),
            Message(role="assistant", content=answer),
        ),
        source="test",
        position=str(number),
    )
    verdict = Judgement(
        salt=str(number),
        interaction_id=said.id,
        rubric_digest="r",
        judge=JudgeIdentity(name="test", version="1"),
        status=JudgementStatus.UNSCORED if score is None else JudgementStatus.SCORED,
        overall=score,
    )
    return said, verdict


def words(count):
    return "Well then now " + " ".join(["word"] * count)


def test_a_judge_that_pays_by_the_word_shows_in_both_figures():
    draw = random.Random(1)
    lengths = [draw.randrange(5, 200) for _ in range(80)]
    log = [pair(place, words(length), length / 40, f"Q{place // 4}") for place, length in enumerate(lengths)]
    bias = measure_bias(log)
    assert bias.length.value == pytest.approx(1.0, abs=0.01)
    assert bias.longer_wins is not None
    assert bias.longer_wins.value == 1.0
    assert bias.longer_wins.interval[0] > 0.5


def test_a_judge_that_does_not_look_at_length_hardly_ever_seems_to():
    warned = 0
    for seed in range(60):
        draw = random.Random(seed)
        log = [pair(place, words(draw.randrange(5, 200)), draw.choice([2.0, 3.0, 4.0, 5.0])) for place in range(60)]
        low, high = measure_bias(log).length.interval
        warned += low > 0 or high < 0
    # 5 % of 60 are 3; more than 8 come less than once in a hundred times (exact binomial).
    assert warned <= 8


def test_longer_answers_to_harder_prompts_are_no_bias_among_answers_to_one_prompt():
    # Every answer to a prompt has the prompt's score: length and score go together over prompts only.
    log = [
        pair(10 * prompt + place, words(20 * prompt + 3 * place), float(prompt), f"Q{prompt}")
        for prompt in range(1, 6)
        for place in range(4)
    ]
    bias = measure_bias(log)
    assert bias.length.value > 0.9
    assert bias.longer_wins is None


def test_lists_and_openings_are_compared_with_the_rest():
    log = [pair(number, f"Great question friend {number}", 5.0 - 0.1 * (number % 2)) for number in range(12)]
    log += [
        pair(20 + number, f"Plainly {number} it is so:\n- one\n- two", 3.0 + 0.1 * (number % 2)) for number in range(12)
    ]
    bias = measure_bias(log)
    assert bias.lists is not None
    assert (bias.lists.value, bias.lists.n, bias.lists.others) == (pytest.approx(-1.9), 12, 12)
    assert bias.lists.interval[1] < 0
    [opening] = [item for item in bias.openings if "great question friend" in item.trait]
    assert opening.value == pytest.approx(1.9)
    assert any(line.startswith("mind: an answer that has a list: -1.90") for line in describe_bias(bias))


def test_unscored_verdicts_and_missing_answers_are_no_zeros():
    bias = measure_bias([pair(1, "One two.", None), pair(2, "One two three.", 4.0)])
    assert (bias.n, bias.length.value, bias.lists, bias.openings) == (1, None, None, ())
    assert describe_bias(bias) == ()
    assert measure_bias([]).n == 0


def test_welchs_interval_is_that_of_a_worked_example():
    # Example 2 of "Welch's t-test" on Wikipedia: n = 10 and 20, means 20.6 and 22.1, t = -1.57, 9.9 degrees of freedom.
    first = [17.2, 20.9, 22.6, 18.1, 21.7, 21.4, 23.5, 24.2, 14.7, 21.8]
    second = [21.5, 22.8, 21.0, 23.0, 21.6, 23.6, 22.5, 20.7, 23.4, 21.8]
    second += [20.7, 21.7, 21.5, 22.5, 23.6, 21.5, 22.5, 23.5, 21.5, 21.8]
    log = [pair(place, "- a list", score) for place, score in enumerate(first)]
    log += [pair(50 + place, "plain", score) for place, score in enumerate(second)]
    low, high = measure_bias(log).lists.interval
    assert measure_bias(log).lists.value == pytest.approx(20.61 - 22.135)
    # The quantile of t at 9.9 degrees of freedom is 2.231; the standard error 0.968.
    assert (high - low) / 2 == pytest.approx(2.231 * 0.968, rel=0.03)

"""A judge that pays for length, lists or phrases shows in the figures; one that does not, does not."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from selftune.judges.base import ORDER_DEPENDENT
from selftune.judges.bias import describe_bias, measure_bias
from selftune.judges.pairwise import FIRST_WON, LAST_WON
from selftune.records import Interaction, JudgeIdentity, Judgement, JudgementStatus, Message, Trigger

CODE = JudgeIdentity(name="test", version="1")
MODEL = JudgeIdentity(name="oracle:qwen3", version="1", lineage=("qwen3-8b",))


def pair(number, answer, score, prompt=None, *, by=None, judge=CODE):
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
        generated_by=by,
    )
    verdict = Judgement(
        salt=str(number),
        interaction_id=said.id,
        rubric_digest="r",
        judge=judge,
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


def is_kin(writer, judge):
    return writer.startswith("qwen") and judge.lineage[0].startswith("qwen")


def swapped(*flags):
    """What a judge said of pairs in both orders."""
    _, verdict = pair(0, "An answer.", 3.0, judge=MODEL)
    return [replace(verdict, salt=str(place), flags=some) for place, some in enumerate(flags)]


def test_a_judge_that_favours_its_own_family_shows_against_the_same_prompts():
    draw, log = random.Random(2), []
    for place in range(80):
        own = place % 2 == 0
        score = 3.0 + draw.random() + own
        by = "qwen2.5-7b" if own else "llama-3"
        log.append(pair(place, words(10), score, f"Q{place // 2}", by=by, judge=MODEL))
    bias = measure_bias(log, is_kin=is_kin)
    assert bias.kin is not None
    assert bias.kin.interval is not None
    assert bias.kin.interval[0] > 0
    assert (bias.kin.n, bias.kin.others) == (40, 40)
    assert bias.kin_wins is not None
    assert (bias.kin_wins.value, bias.kin_wins.n) == (1.0, 40)
    told = describe_bias(bias)
    assert any(line.startswith("mind: an answer that is by the judge's own family: +") for line in told)
    assert any(
        line.startswith("mind: of two answers to one prompt that by its own family got more in") for line in told
    )


def test_without_favour_the_interval_holds_nought_and_nobody_is_warned():
    draw = random.Random(3)
    log = [
        pair(
            place, words(10), draw.choice([2.0, 3.0, 4.0]), f"Q{place}", by=("qwen3", "llama-3")[place % 2], judge=MODEL
        )
        for place in range(200)
    ]
    (line,) = (line for line in describe_bias(measure_bias(log, is_kin=is_kin)) if "family" in line)
    assert not line.startswith("mind:")
    assert "n = 100 against 100" in line


def test_what_was_not_measured_of_a_model_is_said_so_and_code_has_neither_kin_nor_places():
    by_model = describe_bias(measure_bias([pair(n, words(n + 1), 3.0, judge=MODEL) for n in range(5)]))
    assert [line.split(":")[0] for line in by_model] == ["self-preference", "position"]
    assert all("not measured" in line for line in by_model)
    assert describe_bias(measure_bias([pair(n, words(n + 1), 3.0) for n in range(5)])) == ()


def test_a_judge_that_prefers_the_first_place_shows_and_one_that_only_wavers_does_not():
    leaning = swapped(*[(ORDER_DEPENDENT, FIRST_WON)] * 20, *[()] * 20)
    bias = measure_bias([pair(0, "An answer.", 3.0, judge=MODEL)], swapped=leaning)
    assert bias.swapped is not None
    assert (bias.swapped.value, bias.swapped.n) == (0.5, 40)
    assert bias.first_place is not None
    assert (bias.first_place.value, bias.first_place.n) == (1.0, 20)
    told = describe_bias(bias)
    assert any(line.startswith("asked in both orders: the same winner in 50% [") for line in told)
    assert any(line.startswith("mind: where one place won in both orders it was the first in 100%") for line in told)
    wavering = swapped(*[(ORDER_DEPENDENT, FIRST_WON), (ORDER_DEPENDENT, LAST_WON), (ORDER_DEPENDENT,)] * 6)
    bias = measure_bias([pair(0, "An answer.", 3.0, judge=MODEL)], swapped=wavering)
    assert bias.first_place is not None
    assert (bias.first_place.value, bias.first_place.n) == (0.5, 12)
    assert not any(line.startswith("mind: where") for line in describe_bias(bias))

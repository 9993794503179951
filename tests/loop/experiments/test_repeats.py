"""A screen whose answers are drawn is asked two or three times where its noise asks for that, and never in vain."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "gate"))

import gate_worlds as worlds

from selftune.gate.statistics.noise import noise_of_repeats
from selftune.loop.experiments.repeats import MOST, affordable_repeats, is_drawn, noise_on, repeats_needed
from selftune.testing import fake_build

SUITE = worlds.make_suite(5)
PAIRS = tuple(dict.fromkeys(item.pair for item in SUITE.items))


def asked(*rounds: dict[str, bool | None], temperature: float = 1.0):
    """One arm asked as often as there are rounds."""
    build = fake_build()
    each = [worlds.make_evaluation(build, SUITE, right) for right in rounds]
    outcomes = tuple(replace(one, repeat=repeat) for repeat, asked in enumerate(each) for one in asked.outcomes)
    generation = replace(SUITE.generation, temperature=temperature)
    return replace(each[0], seeds=tuple(range(len(rounds))), outcomes=outcomes, generation=generation)


def drawn(seed: int, share: float = 0.5) -> dict[str, bool]:
    chance = random.Random(seed)
    return {pair: chance.random() < share for pair in PAIRS}


def test_only_answers_that_are_drawn_or_a_server_that_wavers_have_noise():
    assert is_drawn(asked(drawn(0)))
    still = asked(drawn(0), temperature=0.0)
    assert not is_drawn(still)
    assert is_drawn(replace(still, deterministic=False))


def test_an_arm_that_says_the_same_each_time_is_asked_once_and_a_wavering_one_as_often_as_may_be():
    steady = noise_on(asked(drawn(1), drawn(1)), SUITE)
    assert repeats_needed(steady, 0.02, 0.8) == 1
    assert repeats_needed(noise_on(asked(drawn(1), drawn(2)), SUITE), 0.02, 0.8) == MOST


def test_two_are_enough_where_the_draw_feigns_the_gain_seldom_enough():
    # One pair of twenty swings: a variance of 0.5 in it, so 0.0354 of a mean; two arms, one-sided 80 %: 0.0421.
    noise = noise_of_repeats([[0.0, 1.0]] + [[1.0, 1.0]] * 19)
    assert noise.deviation == pytest.approx(0.035355, abs=1e-6)
    assert [repeats_needed(noise, least, 0.8) for least in (0.05, 0.035, 0.0)] == [1, 2, MOST]


def test_what_has_no_score_in_one_round_shows_no_noise():
    unseen = dict.fromkeys(PAIRS)
    assert noise_on(asked(drawn(1), unseen), SUITE) is None
    assert noise_on(asked(drawn(1)), SUITE) is None


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 1_000), st.floats(0, 10_000))
def test_asking_never_takes_longer_than_training_unless_once_does(seconds, training):
    arm = replace(asked(drawn(0)), wall_seconds=seconds)
    times = affordable_repeats(arm, training)
    assert 1 <= times <= MOST
    assert times == 1 or times * seconds <= training * (1 + 1e-9)

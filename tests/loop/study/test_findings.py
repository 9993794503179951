"""What the registered rule says, and that it says nothing before the last night."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from study_worlds import PLAN, nights

from selftune.loop.study.findings import Verdict, conclude
from selftune.loop.study.plan import StudyArm

FLAT = [0.4] * 12
GENERATIONS = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
RISING = [0.4 + 0.1 * generation for generation in GENERATIONS]


def study(learning, generations=None, never=FLAT, shuffled=FLAT):
    return {
        StudyArm.LEARNING: nights(StudyArm.LEARNING, learning, generations),
        StudyArm.NEVER_TRAINS: nights(StudyArm.NEVER_TRAINS, never),
        StudyArm.SHUFFLED: nights(StudyArm.SHUFFLED, shuffled),
    }


def test_four_generations_that_rise_are_a_trend_and_stand_above_both_controls_in_blocks_enough():
    found = conclude(replace(PLAN, block=2), study(RISING, GENERATIONS))
    assert [one.verdict for one in found.all] == [Verdict.SHOWN] * 3
    assert found.primary.trend is not None
    assert found.primary.trend.step == pytest.approx(0.1)


def test_what_stands_behind_a_question_that_was_not_shown_decides_nothing():
    found = conclude(replace(PLAN, block=2), study(RISING[::-1], [3 - one for one in GENERATIONS]))
    assert [one.verdict for one in found.all] == [Verdict.NOT_SHOWN, Verdict.NOT_TESTED, Verdict.NOT_TESTED]
    assert "decides nothing" in found.controls[0].reason


def test_too_few_generations_say_so_in_place_of_passing_for_no_effect():
    found = conclude(PLAN, study([0.4] * 6 + [0.9] * 6, [0] * 6 + [1] * 6))
    assert found.primary.verdict is Verdict.NOT_SHOWN
    assert "so few can show nothing: the smallest p that they could have given is 0.500" in found.primary.reason
    assert found.smallest is None


def test_before_the_last_night_no_question_has_an_answer_and_no_figure():
    early = {arm: each[:-1] for arm, each in study(RISING, GENERATIONS).items()}
    found = conclude(PLAN, early)
    assert {one.verdict for one in found.all} == {Verdict.NOT_YET}
    assert all(one.trend is None for one in found.all)
    assert found.spread is None


def test_an_arm_that_was_promoted_and_gained_nothing_shows_nothing():
    draw = Random(4)
    noise = [0.5 + draw.gauss(0, 0.05) for _ in range(12)]
    found = conclude(PLAN, study(noise, GENERATIONS, never=[0.5 + draw.gauss(0, 0.05) for _ in range(12)]))
    assert found.primary.verdict is Verdict.NOT_SHOWN
    assert found.smallest is not None
    assert found.spread == pytest.approx(0.05, abs=0.03)


def test_a_night_without_a_score_is_left_out_and_is_no_zero():
    scores = [*RISING]
    scores[4] = None
    found = conclude(replace(PLAN, block=2), study(scores, GENERATIONS))
    assert found.primary.trend is not None
    assert found.primary.trend.n == 11
    assert found.primary.trend.means == pytest.approx((0.4, 0.5, 0.6, 0.7))


def test_one_generation_all_through_is_a_result_and_no_trend():
    found = conclude(PLAN, study(FLAT))
    assert found.primary.verdict is Verdict.NOT_SHOWN
    assert "one generation served all through" in found.primary.reason

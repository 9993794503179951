"""What a try takes: by what ran before, by a guess that says so before that, and never less for more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from what_ran import BASE, evaluation_of, experiment, lessons, project_with, run_of, screen

from selftune.bases.shape import read_shape
from selftune.builds.config import BuildConfig
from selftune.loop.night.estimates import GUESSED_START_SECONDS, disk_bytes_for, seconds_for
from selftune.records import ExperimentResult, RunStatus, digest_of
from selftune.training.config import load_recipe

FORM = BuildConfig()


RECIPE = replace(load_recipe("reference_sft"), max_steps=60, epochs=0.0, batch_size=8, accumulation=1, ranges=())


def test_before_anything_ran_it_is_a_guess_and_says_so():
    estimate = seconds_for(project_with(), RECIPE, lessons(100), screen(42), FORM)
    assert estimate.source.count("a guess") == 3
    assert estimate.low < estimate.seconds < estimate.high
    assert (estimate.usd, estimate.judge_calls) == (0.0, 0)


def test_what_ran_before_tells_its_start_and_its_pace():
    """480 examples at 0.1 s, 5 s before the first step; 42 answers at 0.5 s."""
    asked = screen(42)
    told = run_of(BASE, samples=200, trained=20.0, wall=25.0)
    project = project_with(told, evaluation_of(asked, seconds=21.0, answers=42))
    estimate = seconds_for(project, RECIPE, lessons(100), asked, FORM)
    assert estimate.seconds == pytest.approx(5 + 48 + 21 + GUESSED_START_SECONDS)
    assert "training by 1 earlier run, screen by 1 earlier one, the rest by a guess" in estimate.source
    assert estimate.usd == pytest.approx(53 * 0.01)


def test_low_and_high_are_what_was_met():
    asked = screen(10)
    runs = [run_of(BASE, samples=100, trained=trained, wall=trained) for trained in (10.0, 20.0, 40.0)]
    tried = experiment(elapsed=30.0, training=20.0, evaluation=6.0)
    project = project_with(*runs, evaluation_of(asked, seconds=5.0, answers=10), tried)
    estimate = seconds_for(project, RECIPE, lessons(100), asked, FORM)
    assert (estimate.low, estimate.seconds, estimate.high) == pytest.approx((48 + 9, 96 + 9, 192 + 9))


def test_where_tries_were_kept_there_is_time_for_their_proof():
    asked = screen(10)
    reverted = [experiment(elapsed=27.0 + more, training=20.0, evaluation=6.0) for more in (0.0, 0.1, 0.2)]
    kept = replace(reverted[0], result=ExperimentResult.KEPT, elapsed_seconds=56.0)
    facts = run_of(BASE, samples=100, trained=10.0, wall=10.0), evaluation_of(asked, seconds=5.0, answers=10)
    without = seconds_for(project_with(*facts, *reverted), RECIPE, lessons(100), asked, FORM)
    beside = seconds_for(project_with(*facts, *reverted, kept), RECIPE, lessons(100), asked, FORM)
    assert beside.seconds - without.seconds == pytest.approx(30.0 - 1.1)
    assert beside.low == without.low


@pytest.mark.parametrize(
    "untold",
    [
        run_of(BASE, samples=100, trained=1e6, wall=1e6, status=RunStatus.DIVERGED),
        run_of(BASE, samples=100, trained=1e6, wall=1e6, backend="ssh"),
        replace(run_of(BASE, samples=100, trained=1e6, wall=1e6), base_digest="sha256:other"),
        run_of(BASE, samples=100, trained=0.0, wall=1e6),
    ],
)
def test_runs_of_another_base_or_back_end_or_without_an_end_tell_nothing(untold):
    estimate = seconds_for(project_with(untold), RECIPE, lessons(100), screen(1), FORM)
    assert "training by a guess" in estimate.source
    assert estimate.seconds < 1e6


def test_answers_that_were_taken_from_record_do_not_make_it_faster():
    asked = screen(40)
    project = project_with(
        evaluation_of(asked, seconds=30.0, answers=40, recalled=10),
        evaluation_of(asked, seconds=9.0, answers=40, recalled=39),
    )
    estimate = seconds_for(project, RECIPE, lessons(10), asked, FORM)
    guessed = seconds_for(project_with(), RECIPE, lessons(10), screen(0), FORM)
    assert estimate.seconds - guessed.seconds == pytest.approx(40.0)


def test_a_judge_of_the_screen_is_counted_by_what_it_took_before():
    asked = screen(40)
    project = project_with(evaluation_of(asked, seconds=1.0, answers=20, judge_calls=30, cost_usd=0.4))
    estimate = seconds_for(project, RECIPE, lessons(10), asked, FORM)
    assert (estimate.judge_calls, estimate.usd) == (60, pytest.approx(0.8))


def test_the_price_of_an_hour_counts_before_anything_ran():
    estimate = seconds_for(project_with(usd_per_hour=3.6), RECIPE, lessons(10), screen(0), FORM)
    trained = estimate.seconds - GUESSED_START_SECONDS
    assert estimate.usd == pytest.approx(trained * 0.001)


def test_a_recipes_own_seconds_bound_it():
    slow = run_of(BASE, samples=100, trained=1e6, wall=1e6)
    bounded = replace(RECIPE, max_seconds=60.0)
    estimate = seconds_for(project_with(slow), bounded, lessons(100), screen(0), FORM)
    assert estimate.seconds == 60.0 + 2 * GUESSED_START_SECONDS


def test_disk_is_adapter_merged_weights_and_served_file():
    project = project_with()
    shape = read_shape(project.base_folder)
    adapter = disk_bytes_for(project, RECIPE, replace(FORM, form="adapter")) // 2
    merged = disk_bytes_for(project, RECIPE, FORM)
    assert merged == adapter + 4 * shape.parameters
    assert disk_bytes_for(project, RECIPE, replace(FORM, form="quantised", quantisation="Q4_K_M")) < merged
    assert disk_bytes_for(project, replace(RECIPE, lora_rank=2 * RECIPE.lora_rank), FORM) == merged + adapter


def test_four_tries_take_four_times_one():
    one = seconds_for(project_with(usd_per_hour=3.6), RECIPE, lessons(10), screen(5), FORM)
    four = one.times(4)
    assert (four.seconds, four.low, four.high) == (4 * one.seconds, 4 * one.low, 4 * one.high)
    assert (four.usd, four.disk_bytes) == (4 * one.usd, 4 * one.disk_bytes)


PLACES = [project_with(), project_with(run_of(BASE, samples=100, trained=7.0, wall=9.0))]


@given(
    steps=st.integers(1, 500),
    more=st.integers(0, 500),
    items=st.integers(0, 20),
    more_items=st.integers(0, 20),
    count=st.integers(1, 50),
    place=st.sampled_from(PLACES),
    most=st.sampled_from([0.0, 30.0]),
)
def test_more_steps_and_more_items_never_take_less(steps, more, items, more_items, count, place, most):
    few = replace(RECIPE, max_steps=steps, max_seconds=most)
    many = replace(few, max_steps=steps + more)
    less = seconds_for(place, few, lessons(count), screen(items), FORM)
    longer = seconds_for(place, many, lessons(count), screen(items + more_items), FORM)
    assert longer.seconds >= less.seconds
    assert longer.low >= less.low
    assert longer.high >= less.high


def test_the_suite_that_is_asked_tells_before_others():
    asked, other = screen(10), screen(11)
    project = project_with(
        evaluation_of(asked, seconds=10.0, answers=10), evaluation_of(other, seconds=1100.0, answers=11)
    )
    assert digest_of(asked.suite) != digest_of(other.suite)
    assert "screen by 1 earlier one" in seconds_for(project, RECIPE, lessons(10), asked, FORM).source

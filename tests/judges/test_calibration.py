"""Calibration on simulated raters, whose true agreement is known; no real person's label is in here."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from selftune.app.campaigns.calibration import simulate_raters
from selftune.judges.calibration.draw import Candidate, band_of, draw_for_review
from selftune.judges.calibration.human import ONE_MARK, human_identity, is_human, judge_by_hand, merge_people
from selftune.judges.calibration.measure import Bar, Calibration, compare_judges, measure_drift
from selftune.judges.calibration.words import describe_calibration, describe_line, what_labels_support
from selftune.judges.rubric import load_rubric
from selftune.judges.shares import share_of
from selftune.records import JudgementStatus
from selftune.scoring.agreement import Agreement, measure_kappa, weighted_kappa

RUBRIC = load_rubric("golden")
NAMES = [item.name for item in RUBRIC.criteria]
REVIEWER = human_identity("person-1")


def by_hand(picks, number=0, reviewer=REVIEWER):
    return judge_by_hand(picks, RUBRIC, interaction_id=f"interaction:{number}", reviewer=reviewer, salt="s")


def simulate(draw, n, **noises):
    return simulate_raters(draw, n, RUBRIC, **noises)


def calibration(pairs, **facts):
    people = compare_judges(pairs, RUBRIC, against="people")
    return Calibration(**({"judge": "oracle:m", "rubric": "golden", "bar": Bar(), "people": people} | facts))


def test_the_interval_covers_the_true_agreement_of_simulated_raters():
    def overalls(seed, n):
        return [(judge.overall, person.overall) for judge, person in simulate(random.Random(seed), n)]

    true = weighted_kappa(overalls(7, 20_000))
    intervals = [measure_kappa(overalls(seed + 1, 40)).interval for seed in range(200)]
    # 93 % are promised; where that holds, fewer than 177 come less than once in a hundred times (exact binomial).
    assert sum(low <= true <= high for low, high in intervals) >= 177


def test_a_judge_that_agrees_with_people_is_calibrated_and_one_that_guesses_is_not():
    swap = share_of(90, 100)
    good = calibration(simulate(random.Random(1), 220), swap=swap)
    assert good.calibrated
    assert describe_line(good).startswith("judge calibrated: kappa 0.")
    guesses = calibration(simulate(random.Random(1), 220, judge_noise=30), swap=swap)
    assert not guesses.calibrated
    assert "is asked for" in guesses.shortfalls[0]


@pytest.mark.parametrize(
    ("changes", "shortfall"),
    [
        ({"pairs": 40}, "40 of 200 labels"),
        ({"swap": None}, "swap consistency not measured"),
        ({"swap": share_of(80, 100)}, "swap consistency 80%, 85% is asked for"),
        ({"bar": Bar(least_kappa=0.99)}, "0.99 is asked for"),
    ],
)
def test_every_condition_is_needed(changes, shortfall):
    facts = {"swap": share_of(90, 100)} | changes
    pairs = simulate(random.Random(2), facts.pop("pairs", 220))
    found = calibration(pairs, **facts)
    assert not found.calibrated
    assert len(found.shortfalls) == 1
    assert shortfall in found.shortfalls[0]


def test_code_has_no_order_to_prefer_and_needs_no_swap():
    assert calibration(simulate(random.Random(3), 220), needs_swap=False).calibrated


def test_without_labels_it_says_that_nothing_is_verified():
    found = calibration([])
    assert describe_line(found) == "judge not calibrated: 0 of 200 labels, NOT VERIFIED against people"
    assert "no kappa yet" in found.shortfalls


def test_few_labels_are_told_with_their_interval():
    line = describe_line(calibration(simulate(random.Random(4), 12)))
    assert line.startswith("judge not calibrated: 12 of 200 labels, kappa 0.")
    assert "[" in line


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((-0.1, 0.7), "can't tell the judge from chance"),
        ((0.2, 0.7), "show more than chance; they can't tell whether it reaches 0.60"),
        ((0.62, 0.8), "show that it reaches 0.60"),
        ((0.1, 0.5), "show that the judge falls short of 0.60"),
        (None, "support no conclusion yet"),
    ],
)
def test_it_says_what_the_labels_support_and_what_not(interval, words):
    assert words in what_labels_support(Agreement(value=0.5, interval=interval, n=12), 0.60)


def test_the_whole_report_names_every_part_and_what_was_not_measured():
    pairs = simulate(random.Random(5), 30)
    again = compare_judges(pairs, RUBRIC, against="itself")
    drift = measure_drift([("wax", *pairs[0]), ("rug", *pairs[1])], frozenset({"wax"}), RUBRIC)
    told = "\n".join(describe_calibration(calibration(pairs, others=(again,), retest=again, drift=drift)))
    assert all(name in told for name in NAMES)
    assert "against itself" in told
    assert "SD" in told
    assert "mean change" in told
    bare = "\n".join(describe_calibration(calibration(pairs)))
    assert bare.count("not measured") >= 3


def test_a_criterion_that_does_not_apply_to_one_of_them_leaves_its_measure():
    pairs = simulate(random.Random(6), 20)
    first, person = pairs[0]
    without = replace(person, criteria=(replace(person.criteria[0], score=None), *person.criteria[1:]))
    found = compare_judges([(first, without), *pairs[1:]], RUBRIC, against="people")
    assert [item.kappa.n for item in found.criteria] == [19, 20, 20, 20, 20]


def test_one_mark_for_a_whole_answer_counts_overall_and_not_by_criterion():
    pairs = simulate(random.Random(6), 20)
    first, person = pairs[0]
    whole = replace(person, flags=(ONE_MARK,))
    assert merge_people([whole, person], RUBRIC).flags == (ONE_MARK,)
    found = compare_judges([(first, whole), *pairs[1:]], RUBRIC, against="people")
    assert found.overall.kappa.n == 20
    assert {item.kappa.n for item in found.criteria} == {19}


def test_drift_is_the_change_since_the_first_time_and_names_praised_rubbish():
    low, high = by_hand(dict.fromkeys(NAMES, 2.0)), by_hand(dict.fromkeys(NAMES, 5.0))
    drift = measure_drift([("a", low, high), ("b", high, high)], frozenset({"a"}), RUBRIC)
    assert (drift.n, drift.change, drift.largest, drift.praised) == (2, 1.5, 3.0, ("a",))
    assert measure_drift([], frozenset(), RUBRIC) is None


def test_picks_are_pending_until_each_criterion_has_one():
    begun = by_hand({NAMES[0]: 4.0})
    assert (begun.status, begun.overall) == (JudgementStatus.PENDING, None)
    done = by_hand({name: 4.0 if name != NAMES[-1] else 2.0 for name in NAMES})
    assert (done.status, done.overall, done.judge_overall) == (JudgementStatus.SCORED, 4.0, 2.0)
    assert is_human(done.judge)
    assert done.judge.lineage == ()
    nothing = by_hand(dict.fromkeys(NAMES))
    assert (nothing.status, nothing.reason) == (JudgementStatus.UNSCORED, "no criterion applies")


@pytest.mark.parametrize("picks", [{NAMES[0]: 6.0}, {"charm": 3.0}])
def test_a_pick_that_fits_no_rubric_is_refused(picks):
    with pytest.raises(ValueError, match="does not fit"):
        by_hand(picks)


def test_two_people_on_one_interaction_are_one_label_with_their_mean():
    one, other = by_hand(dict.fromkeys(NAMES, 2.0)), by_hand({**dict.fromkeys(NAMES, 4.0), NAMES[0]: None})
    merged = merge_people([one, other], RUBRIC)
    assert [item.score for item in merged.criteria] == [2.0, 3.0, 3.0, 3.0, 3.0]
    assert merged.overall == pytest.approx((2 + 3 + 3 + 3) / 4)
    assert merge_people([one], RUBRIC) is one


def test_the_draw_sees_rare_strata_and_disputes_and_repeats():
    log = [Candidate(interaction_id=f"m{number}", overall=3.2, category="a") for number in range(500)]
    log += [Candidate(interaction_id=f"g{number}", overall=4.8, category="a") for number in range(20)]
    log += [Candidate(interaction_id=f"r{number}", overall=1.5, category="b") for number in range(5)]
    log += [Candidate(interaction_id=f"d{number}", overall=3.0, category="a", disputed=True) for number in range(4)]
    drawn = draw_for_review(log, 24, RUBRIC, seed=1)
    assert drawn == draw_for_review(log, 24, RUBRIC, seed=1)
    assert len(set(drawn)) == 24
    counts = Counter(item[0] for item in drawn)
    assert counts["r"] == 5
    assert counts["d"] == 4
    assert abs(counts["m"] - counts["g"]) <= 1
    assert set(draw_for_review(log, 10_000, RUBRIC, seed=1)) == {item.interaction_id for item in log}


def test_bands_part_the_scale_at_the_golden_line():
    assert [band_of(score, RUBRIC) for score in (1, 2.9, 3, 3.75, 4.4, 4.5, 5)] == [
        "low", "low", "middle", "near golden", "near golden", "golden", "golden",
    ]  # fmt: skip

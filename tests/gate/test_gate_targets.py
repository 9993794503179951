"""What was learnt by heart for the exam is told apart from what was learnt."""

from __future__ import annotations

from gate_worlds import make_evaluation, make_suite

from selftune.gate.targeted import split_gain
from selftune.testing import fake_build

SUITE = make_suite(pairs=10, categories=("field", "identity"))
PAIRS = [item.pair for item in SUITE.items]


def arms(better: set[str], unknown: frozenset[str] = frozenset()):
    """A champion that is wrong everywhere, a candidate that is right on the pairs named."""
    right = {pair: None if pair in unknown else pair in better for pair in PAIRS}
    champion = make_evaluation(fake_build(), SUITE, dict.fromkeys(PAIRS, False))
    return champion, make_evaluation(fake_build("candidate"), SUITE, right)


def test_a_gain_on_the_exam_alone_is_no_gain_on_the_rest():
    better = {f"field-{number}" for number in range(5)}
    gain = split_gain(*arms(better), {f"{pair}-a" for pair in better}, unit="pair")
    assert (gain.targeted.mean, gain.targeted.n) == (1.0, 5)
    assert (gain.others.mean, gain.others.n) == (0.0, 15)


def test_a_general_gain_shows_on_both_sides():
    gain = split_gain(*arms(set(PAIRS)), {"field-0-b"}, unit="pair")
    assert (gain.targeted.n, gain.others.n) == (1, 19)
    assert gain.targeted.mean == gain.others.mean == 1.0


def test_without_targets_there_is_one_side_only():
    gain = split_gain(*arms(set(PAIRS)), set(), unit="item")
    assert gain.targeted is None
    assert gain.others.n == len(SUITE.items)


def test_what_was_not_scored_is_on_neither_side_and_never_a_loss():
    gain = split_gain(*arms(set(PAIRS), frozenset({"field-0", "field-1"})), {"field-0-a"}, unit="pair")
    assert gain.targeted is None
    assert (gain.others.n, gain.others.mean) == (18, 1.0)

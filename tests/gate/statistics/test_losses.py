"""Losses beside gains: exact p-values, and one error shared by groups of which some could never show a thing."""

from __future__ import annotations

import random
from math import comb

import pytest

from selftune.gate.statistics.losses import chance_of_losses, fewest_to_show, shared_alpha


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (0, 6), (1, 9), (4, 4), (7, 2)])
def test_the_chance_is_that_of_a_fair_coin(gained: int, lost: int) -> None:
    changed = gained + lost
    fair = sum(comb(changed, heads) for heads in range(lost, changed + 1)) / 2**changed
    assert chance_of_losses(gained, lost) == pytest.approx(fair)


def test_what_never_changed_shows_nothing() -> None:
    assert chance_of_losses(0, 0) == 1.0


def test_published_tables_are_told_one_sided() -> None:
    """1 against 7 and 6 against 16: exact two-sided 0.0703 and 0.0525 (Fagerland, Lydersen and Laake 2013)."""
    assert 2 * chance_of_losses(1, 7) == pytest.approx(0.0703, abs=5e-5)
    assert 2 * chance_of_losses(6, 16) == pytest.approx(0.0525, abs=5e-5)


def test_a_count_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no counts"):
        chance_of_losses(-1, 2)


def test_groups_that_could_show_nothing_do_not_share() -> None:
    assert shared_alpha([6, 0, 0, 2], 0.025) == 0.025
    assert shared_alpha([12, 9, 0], 0.025) == 0.0125
    assert shared_alpha([6, 6], 0.025) == 0.0125  # each could, at the whole of it; neither can at the half
    assert shared_alpha([], 0.025) == 0.025


def test_six_losses_are_the_fewest_that_show_a_drift_in_a_fortieth() -> None:
    assert fewest_to_show(0.025) == 6
    assert fewest_to_show(0.05) == 5


def test_no_more_false_alarms_than_alpha_over_all_groups() -> None:
    draw = random.Random(8)
    alarms = 0
    for _ in range(4000):
        changes = [[draw.choice((-1, 1)) for _ in range(16) if draw.random() < 0.6] for _ in range(4)]
        counted = [(one.count(1), one.count(-1)) for one in changes]
        allowed = shared_alpha([sum(one) for one in counted], 0.05)
        alarms += any(lost and chance_of_losses(gained, lost) <= allowed for gained, lost in counted)
    assert alarms <= 246  # 99 % limit of 4,000 at 0.05

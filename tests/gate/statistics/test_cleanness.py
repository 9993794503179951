"""Too clean: chances that can be counted by hand, and none where nothing was to be expected."""

from __future__ import annotations

from math import comb

import pytest

from selftune.gate.statistics.cleanness import none_by_chance, once_by_chance, so_even_by_chance


@pytest.mark.parametrize(("n", "found", "of"), [(10, 3, 20), (200, 10, 200), (1, 1, 1), (5, 0, 9)])
def test_none_found_is_as_likely_as_the_ways_to_share_out_say(n: int, found: int, of: int) -> None:
    assert none_by_chance(n, found=found, of=of) == pytest.approx(comb(of, found) / comb(of + n, found))


def test_a_falling_rate_makes_none_more_likely_and_more_of_them_less() -> None:
    assert none_by_chance(50, found=2.5, of=100) > none_by_chance(50, found=5, of=100)
    assert none_by_chance(100, found=5, of=100) < none_by_chance(50, found=5, of=100)
    assert none_by_chance(2_000, found=600, of=2_000) < 1e-100


@pytest.mark.parametrize(("n", "found", "of"), [(-1, 0, 3), (2, 4, 3), (2, -1, 3)])
def test_more_found_than_there_was_is_refused(n: int, found: int, of: int) -> None:
    with pytest.raises(ValueError, match="none of"):
        none_by_chance(n, found=found, of=of)


def test_values_that_stop_varying_are_told_from_values_that_rise_evenly() -> None:
    before = [0.5, 0.6, 0.45, 0.58, 0.52, 0.61, 0.49, 0.57]
    assert so_even_by_chance([0.97] * 8, before) == 0.0
    again = so_even_by_chance(before, before)
    assert again is not None
    assert 0.4 < again < 0.6
    assert so_even_by_chance([0.97] * 8, [0.5] * 8) is None
    assert so_even_by_chance([0.97] * 2, before) is None


def test_a_pass_by_trying_again_grows_with_the_tries() -> None:
    assert once_by_chance(1, 0.05) == pytest.approx(0.05)
    assert once_by_chance(14, 0.05) > 0.5

from __future__ import annotations

import math

import pytest

from selftune.platforms import peak_memory_bytes
from selftune.records import CurvePoint
from selftune.training.watch import divergence, finite, is_time_up


def curve(*losses: float) -> list[CurvePoint]:
    return [CurvePoint(step=step, loss=loss, learning_rate=0.1, grad_norm=1.0) for step, loss in enumerate(losses, 1)]


def test_a_loss_that_is_no_number_is_lost_at_once() -> None:
    assert "not finite at step 2" in str(divergence(curve(1.0, math.nan)))
    assert divergence(curve(1.0, 1.1)) is None


def test_a_gradient_that_overflows_counts_as_lost_though_the_loss_still_looks_fine() -> None:
    point = CurvePoint(step=1, loss=1.0, learning_rate=0.1, grad_norm=math.inf)
    assert divergence([point]) is not None


@pytest.mark.parametrize(("last", "lost"), [(1.0, False), (2.9, False), (3.2, True)])
def test_a_loss_that_stays_above_twice_its_start_plus_a_nat_is_lost(last: float, lost: bool) -> None:
    assert (divergence(curve(*[1.0] * 5, *[last] * 5)) is not None) is lost


def test_one_bad_step_is_not_a_divergence() -> None:
    assert divergence(curve(*[1.0] * 9, 5.0)) is None


def test_a_record_never_holds_a_loss_that_is_no_number() -> None:
    assert [point.loss for point in finite(curve(2.0, math.inf, 1.0))] == [2.0, 1.0]


def test_nought_seconds_mean_no_limit() -> None:
    assert not is_time_up(1e9, 0.0)
    assert is_time_up(5.0, 5.0)
    assert not is_time_up(4.9, 5.0)


def test_the_peak_memory_of_this_process_is_between_a_megabyte_and_a_terabyte() -> None:
    assert 10**6 < peak_memory_bytes() < 10**12

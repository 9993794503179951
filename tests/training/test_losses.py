"""The formulas of pairs by themselves, held against arithmetic that needs no tensors."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.training.preferences.losses import dpo_losses, log_of_rest, odds_losses

pytestmark = pytest.mark.needs("train")
torch = pytest.importorskip("torch")  # here, lest its import count against the deadline of a drawn case
nats = st.floats(min_value=-80, max_value=-1e-3)


@given(nats)
def test_the_log_of_the_rest_is_exact_where_a_plain_one_loses_its_digits(log_probability: float) -> None:
    found = log_of_rest(torch.tensor(log_probability, dtype=torch.float64)).item()
    with localcontext(prec=80):
        exact = float((1 - Decimal(log_probability).exp()).ln())
    assert found == pytest.approx(exact, rel=1e-12)


@given(nats, nats, nats, nats)
def test_only_how_far_each_answer_has_come_counts_in_dpo(
    chosen: float, rejected: float, before: float, lost: float
) -> None:
    one, other, first, second = (
        torch.tensor([value], dtype=torch.float64) for value in (chosen, rejected, before, lost)
    )
    still = dpo_losses(first, second, (first, second), beta=0.1).item()
    assert still == pytest.approx(math.log(2))
    moved = dpo_losses(one, other, (first, second), beta=0.1).item()
    assert (moved < still) == ((chosen - before) - (rejected - lost) > 0) or moved == pytest.approx(still)


@given(nats, nats)
def test_the_odds_of_orpo_are_those_of_the_two_probabilities(chosen: float, rejected: float) -> None:
    one, other = (torch.tensor([value], dtype=torch.float64) for value in (chosen, rejected))
    better, worse = (math.exp(value) / -math.expm1(value) for value in (chosen, rejected))
    # -log sigmoid(log(a / b)) is log(1 + b / a).
    assert odds_losses(one, other, beta=0.5).item() == pytest.approx(0.5 * math.log1p(worse / better), rel=1e-6)

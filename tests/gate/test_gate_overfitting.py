"""A loss near zero beside categories that fall is called by its name, and never decides by itself."""

from __future__ import annotations

import gate_worlds as worlds
import pytest

from selftune.gate.overfitting import final_loss, overfitting
from selftune.gate.policies import load_policy
from selftune.gate.stage import decide
from selftune.records import CurvePoint, Outcome, Run
from selftune.testing import fake_context

SMALL = load_policy("small")


def run_ending_at(*losses: float, validation: float | None = None) -> Run:
    points = [CurvePoint(step=step, loss=loss, learning_rate=1e-4) for step, loss in enumerate(losses, start=1)]
    if validation is not None:
        points.append(CurvePoint(step=len(points) + 1, loss=1.0, learning_rate=1e-4, eval_loss=validation))
    return worlds.make_run(curve=tuple(points))


def worse(run: Run):
    return worlds.better_evidence(gain=-0.25, run=run)


def test_a_refusal_names_it_with_loss_and_categories(tmp_path) -> None:
    decision = decide(worse(run_ending_at(2.0, *[0.004] * 5)), SMALL, fake_context(tmp_path))
    assert decision.outcome is Outcome.REJECT
    assert "It looks learnt by heart: the training loss ended at 0.004 nats a token while 4 of 4" in decision.reason
    assert "(field, identity, permission, tone)" in decision.reason


@pytest.mark.parametrize(
    "run", [run_ending_at(2.0, *[0.4] * 5), run_ending_at(), run_ending_at(*[0.0] * 9, validation=1)]
)
def test_a_loss_that_is_not_near_zero_or_was_not_taken_names_nothing(run, tmp_path) -> None:
    assert overfitting(worse(run)) is None
    assert "by heart" not in decide(worse(run), SMALL, fake_context(tmp_path)).reason


def test_a_gain_at_a_loss_near_zero_is_a_gain(tmp_path) -> None:
    evidence = worlds.better_evidence(gain=0.3, run=run_ending_at(*[0.0] * 6))
    assert overfitting(evidence) is None
    assert decide(evidence, SMALL, fake_context(tmp_path)).outcome is Outcome.PROMOTE


def test_the_loss_of_validation_counts_where_it_was_taken() -> None:
    assert final_loss(run_ending_at(0.5, validation=0.01)) == ("validation", 0.01)
    assert final_loss(run_ending_at(9.0, 1.0, 2.0, 3.0, 4.0, 5.0)) == ("training", 3.0)
    assert final_loss(run_ending_at()) is None

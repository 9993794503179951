"""A screen that chooses the worse is found out and switched off; one of which nothing is shown stays."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.errors import ConfigError
from selftune.evals.suites import load_suite
from selftune.loop.experiments.agreement import agreement_of, agreement_on
from selftune.loop.experiments.base import Agenda
from selftune.loop.experiments.screening import make_screen
from selftune.records import Decision, Effect, Experiment, ExperimentResult, Mode, Outcome, digest_of

AGENDA = Agenda(goal="better", knobs=())

# Mission C20: the champion of one night gained 0.061 on the items it was chosen by and lost on those nobody had tuned.
CHOSEN_BY = 0.929 - 0.868
EXTENDED = 0.575 - 0.643
HELD_OUT = 0.612 - 0.685


def tried(project, place: int, screen: float, gate: float, suite_digest: str = "screen") -> None:
    """One try with its effect on the screen, and what the gate then measured of its run."""
    run = f"run:{place}"
    project.store.save(
        [
            Experiment(
                name=f"n-{place}", began="2026-01-01T02:00:00+00:00", mode=Mode.FULL, base=project.base.name,
                base_digest=project.base.digest, lane="hyperparameters", proposer="grid", changes=("lora_rank=8",),
                result=ExperimentResult.KEPT, why="it gained.", run_id=run, suite_digest=suite_digest,
                effect=Effect(mean=screen, interval=(screen - 0.1, screen + 0.1), level=0.95, n=21),
            ),
            Decision(
                outcome=Outcome.REJECT, reason="no gain", checks=(), arms=(), policy="small", policy_digest="p",
                build_id=f"build:{place}", run_id=run, difference=gate,
            ),
        ],
        event="tried",
    )  # fmt: skip


def test_one_night_that_was_fooled_shows_nothing_of_the_screen():
    """As published: the figures of C20 are one model's, and one model makes no correlation, whatever it looks like."""
    found = agreement_of([(CHOSEN_BY, EXTENDED)])
    assert (found.n, found.tau, found.is_off) == (1, None, False)
    assert "says nothing yet" in found.in_words
    assert HELD_OUT < EXTENDED < 0 < CHOSEN_BY


def test_a_screen_that_always_chose_the_worse_is_off_after_four_tries_and_not_after_three():
    """The anti-correlation of C22, as it would have been found: the more on the screen, the less at the gate."""
    fooled = [(CHOSEN_BY, EXTENDED), (0.02, -0.01), (0.056, -0.05), (0.095, -0.206)]
    assert not agreement_of(fooled[:3]).is_off
    found = agreement_of(fooled)
    assert (found.tau, found.is_off) == (-1.0, True)
    assert found.p_value == pytest.approx(1 / 24)
    assert "runs against the gate and is off" in found.in_words


def test_a_screen_that_says_what_the_gate_says_stays():
    found = agreement_of([(0.1 * place, 0.05 * place) for place in range(6)])
    assert (found.tau, found.is_off) == (1.0, False)


def test_tau_b_is_that_of_scipy_where_tries_are_equal():
    # scipy.stats.kendalltau of scipy 1.17.1, to its last digits.
    assert agreement_of([(1, 1), (1, 2), (2, 2), (3, 2)]).tau == pytest.approx(0.5163977794943223)
    ranks = zip([1, 2, 2, 3, 4, 4, 5], [2, 1, 3, 3, 5, 4, 4], strict=True)
    assert agreement_of(list(ranks)).tau == pytest.approx(0.6842105263157894)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=7))
def test_turning_the_screen_round_turns_tau_round(pairs):
    there = agreement_of([(float(x), float(y)) for x, y in pairs])
    back = agreement_of([(float(-x), float(y)) for x, y in pairs])
    assert there.tau is None or there.tau == pytest.approx(-back.tau)
    assert not (there.is_off and back.is_off)


def test_only_what_the_gate_saw_of_this_very_screen_and_base_counts(project):
    for place, (screen, gate) in enumerate([(0.1, 0.05), (0.2, 0.1)]):
        tried(project, place, screen, gate)
    tried(project, 7, 0.3, -0.9, suite_digest="another")
    assert agreement_on(project.store, "screen", project.base.digest).n == 2
    assert agreement_on(project.store, "screen", "another base").n == 0


def test_a_drawn_screen_that_is_off_makes_room_for_its_whole_suite_and_then_for_nothing(project):
    evaluation = replace(project.config.evaluation, suite="state_obedience", further=())
    asking = replace(project, config=replace(project.config, evaluation=evaluation))
    drawn = make_screen(asking, AGENDA).suite
    for place in range(4):
        tried(asking, place, 0.1 * place, -0.1 * place, digest_of(drawn))
    whole = make_screen(asking, AGENDA).suite
    assert (len(drawn.items), len(whole.items)) == (42, len(load_suite("state_obedience_screen").items))
    for place in range(4, 8):
        tried(asking, place, 0.1 * place, -0.1 * place, digest_of(whole))
    with pytest.raises(ConfigError, match=r"runs against the gate and is off: tau -1.00 over 4 tries"):
        make_screen(asking, AGENDA)

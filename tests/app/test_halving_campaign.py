"""The campaign of halving can fail: a clear gain is found, a screen that anti-correlates loses, and costs add up."""

from __future__ import annotations

import pytest

from selftune.app.campaigns.halving import World, draw_table, race, race_of_optuna, runs_of

GAINS = (0.0, 0.0, 0.5, 0.0, 0.0, 0.0, -0.3, 0.0)


def won(world: World, seeds: int = 10) -> int:
    import numpy as np

    tables = [draw_table(world, np.random.default_rng(seed)) for seed in range(seeds)]
    return sum(race(table, seed)[0] == world.gains.index(max(world.gains)) for seed, table in enumerate(tables))


def test_a_clear_gain_is_found_and_a_screen_that_turns_it_round_loses_it() -> None:
    assert won(World(gains=GAINS, units=80)) == 10
    assert won(World(gains=GAINS, units=80, against=True)) == 0


def test_what_was_looked_at_is_paid_for_from_rung_to_rung() -> None:
    assert runs_of((16, 4, 1)) == 2.5
    assert runs_of((4, 1)) == 1.75
    assert runs_of((16, 16, 16)) == 16


@pytest.mark.needs("train")
def test_the_peer_sees_the_same_looks_and_finds_the_same_clear_gain() -> None:
    import numpy as np

    table = draw_table(World(gains=GAINS, units=80), np.random.default_rng(0))
    found, looked = race_of_optuna(table)
    assert found == 2
    assert looked[0] == len(GAINS)
    assert runs_of(looked) <= len(GAINS)

"""The campaigns behind `make report`, at a small size: they can hold, and they can miss."""

from __future__ import annotations

import pytest

from selftune.app.campaigns import comparisons, equal_nights, looks, planned_power
from selftune.app.campaigns.comparisons import ALPHA, count_wrong, equal_differences, most_by_chance
from selftune.gate.statistics.means import mean_difference


def test_the_binomial_limit_is_the_tabled_one() -> None:
    # reliability goals: 200 comparisons at 5 % stay at 18 or below in 99 of 100 campaigns.
    assert most_by_chance(200, 0.05) == 18
    assert most_by_chance(200, 0.05, cells=16) > 18


@pytest.mark.parametrize("campaign", [comparisons, equal_nights, looks, planned_power])
def test_a_small_campaign_holds_its_promises(campaign, monkeypatch) -> None:
    monkeypatch.setenv("SELFTUNE_SIMULATIONS", "40")
    section = campaign.report()
    assert [figure.name for figure in section.figures if figure.held is False] == []
    assert any(figure.held for figure in section.figures)


def test_a_method_that_is_too_eager_is_caught() -> None:
    def eager(differences) -> bool:
        return mean_difference(differences.tolist(), None, level=0.5, width=1.0).interval[0] > 0

    assert count_wrong(equal_differences, eager, "normal", 36, 200) > most_by_chance(200, ALPHA)


def test_adding_two_hundredths_promotes_equal_models_in_most_nights() -> None:
    nights = equal_nights.nights_of_differences("normal", 100)
    naive = sum(any(sum(one) / len(one) >= 0.02 for one in night) for night in nights)
    ours = sum(equal_nights.promotes(night, 0.05 / 4) for night in equal_nights.nights_of_differences("normal", 100))
    assert naive > 40
    assert ours <= most_by_chance(100, 0.05)

"""A trend is told with its test, and never of too few generations."""

from __future__ import annotations

import pytest

from selftune.app.reporting.trends import tell_trend


@pytest.mark.parametrize(
    ("means", "said"),
    [
        ([0.3], "a trend takes 4"),
        ([0.3, 0.6, 0.9], "too few to show a trend"),
        ([0.3, 0.6, 0.8, 0.9], "the means rise from generation to generation. A generation adds +0.200"),
        ([0.3, 0.9, 0.8, 0.7, 0.75], "a rising trend is not shown"),
        ([0.9, 0.8, 0.7, 0.6], "a rising trend is not shown. A generation adds -0.100"),
    ],
)
def test_what_is_said_follows_the_test(means: list[float], said: str) -> None:
    assert said in tell_trend(means, "small")

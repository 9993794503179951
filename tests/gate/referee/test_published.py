"""Results that were published with their items come out as published."""

from __future__ import annotations

import pytest
from referee_sheets import sheet, sheet_of

from selftune.gate.referee.compare import referee
from selftune.gate.referee.verdict import Finding, Terms
from selftune.records.scores import ScoredRow


def test_students_sleep():
    """Student, "The probable error of a mean", Biometrika 6 (1908), 1-25: additional hours of sleep by two drugs.

    Mean 1.58, t = 4.06 with 9 degrees of freedom; unpaired (Welch, as in the help of R's `t.test`) t = 1.8608 with
    17.776 degrees of freedom, p = 0.07939, interval of the first less the second [-3.3654832, 0.2054832].
    """
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = referee(sheet(first), sheet(second), Terms())
    assert found.difference == pytest.approx(1.58)
    # Nine gains and one tie: of 1,024 assignments of signs four are as far off, two to each side.
    assert found.p_value == 4 / 1024
    assert found.outcome is Finding.BETTER
    assert found.unpaired.p_value == pytest.approx(0.07939, abs=5e-6)
    assert found.unpaired.interval == pytest.approx((-0.2054832, 3.3654832), abs=5e-7)


def test_darwins_maize():
    """C. Darwin (1876), as counted in R. A. Fisher, "The Design of Experiments" (1935), section 21.

    Heights of 15 pairs of Zea mays in eighths of an inch, crossed less self-fertilised: the sum is 314, and of the
    32,768 assignments of signs 863 give as much or more; both tails are 1,726.
    """
    selfed = [139, 163, 160, 160, 147, 149, 149, 122, 132, 144, 130, 144, 102, 124, 144]
    crossed = [188, 96, 168, 176, 153, 172, 177, 163, 146, 173, 186, 168, 177, 184, 96]
    found = referee(sheet(map(float, selfed)), sheet(map(float, crossed)), Terms())
    assert found.difference * 15 == pytest.approx(314)
    assert found.p_value == 1726 / 32768
    # Fisher's point: by counting, the result is not quite at 5 %, although t = 2.148 is.
    assert found.outcome is Finding.INCONCLUSIVE


def test_airways_after_a_transplant():
    """L. Bentur et al. (2009) in M. W. Fagerland et al., BMC Med. Res. Methodol. 13 (2013) 91: mid-p is 0.039.

    21 children: 1 hyper-responsive before and after, 1 only before, 7 only after, 12 never.
    """
    before, after = [1.0] + [1.0] + [0.0] * 7 + [0.0] * 12, [1.0] + [0.0] + [1.0] * 7 + [0.0] * 12
    found = referee(sheet(before), sheet(after), Terms())
    assert found.p_value == pytest.approx(0.0391, abs=5e-5)
    assert found.difference == pytest.approx(6 / 21)
    assert "McNemar mid-p" in found.method


def test_approval_of_a_prime_minister():
    """A. Agresti, "An Introduction to Categorical Data Analysis", 2nd ed. (2007), section 8.1: 1,600 voters, twice.

    794 approved twice, 150 only first, 86 only second, 570 never: -0.04, interval (-0.06, -0.02).
    """
    first = [1.0] * 944 + [0.0] * 656
    second = [1.0] * 794 + [0.0] * 150 + [1.0] * 86 + [0.0] * 570
    found = referee(sheet(first), sheet(second), Terms())
    assert found.difference == pytest.approx(-0.04)
    assert [round(end, 2) for end in found.interval] == [-0.06, -0.02]
    assert found.outcome is Finding.WORSE
    assert found.p_value < 1e-4


def test_items_by_repeats_by_models_are_averaged_within_the_item_and_counted_by_the_cluster():
    """Counted by hand: item means (2, 4, 6, 8) and (3, 6, 7, 12); the differences 1, 2, 1, 4 have the mean 2.

    By clusters {1, 2} and {1, 4}: sums 3 and 5, residuals -1 and +1, error sqrt(2 / 1 * 2) / 4 = 0.5.
    """
    table = {"a": ((1, 3), (2, 4)), "b": ((4, 4), (5, 7)), "c": ((5, 7), (7, 7)), "d": ((8, 8), (11, 13))}
    clusters = {"a": "x", "b": "x", "c": "y", "d": "y"}

    def arm(which: int, *, clustered: bool):
        return sheet_of(
            *(
                ScoredRow(
                    item_id=item, score=float(score), repeat=str(n), cluster=clusters[item] if clustered else None
                )
                for item, arms in table.items()
                for n, score in enumerate(arms[which])
            )
        )

    plain = referee(arm(0, clustered=False), arm(1, clustered=False), Terms())
    assert (plain.difference, plain.n) == (2.0, 4)
    # All four gained: two of sixteen assignments.
    assert plain.p_value == 2 / 16
    grouped = referee(arm(0, clustered=True), arm(1, clustered=True), Terms())
    assert (grouped.difference, grouped.p_value, "over 2 clusters" in grouped.method) == (2.0, 2 / 4, True)

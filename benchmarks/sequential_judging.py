"""How many comparisons a sequential verdict takes, against a test of fixed size with the same errors.

    python benchmarks/sequential_judging.py [SIMULATIONS]

Ten thousand simulated comparisons at each true win rate, beside the exact shares. The fixed test needs 210 verdicts
for 5 % false alarms and 90 % power at a win rate of 0.6 (performance goal J3). The last line is the ratio where the
case is clear: 210 by the median number at a win rate of 0.70.
"""

from __future__ import annotations

import random
import sys
from statistics import median
from typing import Final

from selftune.scoring.intervals import wilson_interval
from selftune.scoring.sequential import SequentialPlan, SequentialResult, Verdict, compare, operation

FIXED: Final = 210
# Most comparisons in the median at each win rate; None where none was promised.
PROMISED: Final = {0.35: 50, 0.4: 50, 0.5: 105, 0.6: None, 0.7: 50, 0.8: 50}


def simulate(win_rate: float, plan: SequentialPlan, simulations: int) -> list[SequentialResult]:
    """So many comparisons, drawn anew each time with the same seed."""
    draw = random.Random(round(1000 * win_rate))  # noqa: S311 - what is drawn must repeat, not be secret
    return [compare((float(draw.random() < win_rate) for _ in range(plan.most)), plan) for _ in range(simulations)]


def main(simulations: int = 10_000) -> None:
    """Print the table, then what was promised, the ratio last."""
    plan = SequentialPlan()
    print(f"n = {simulations:,} simulations each, at most {plan.most} comparisons; fixed size: {FIXED}")
    print("win rate  better [99 % interval]     exact   undecided  median  mean  promised")
    medians, alarms = {}, 1.0
    for rate, promised in PROMISED.items():
        results = simulate(rate, plan, simulations)
        better = sum(result.verdict is Verdict.BETTER for result in results)
        low, high = wilson_interval(better, simulations, 0.99)
        exact = operation(rate, plan)
        medians[rate] = median(result.n for result in results)
        mean = sum(result.n for result in results) / simulations
        told = f"{better / simulations:.4f} [{low:.4f}, {high:.4f}]"
        bound = "" if promised is None else f"<= {promised}"
        counts = f"{exact.undecided:9.4f}  {medians[rate]:6g}  {mean:4.0f}  {bound}"
        print(f"{rate:8.2f}  {told:24}  {exact.better:.4f}  {counts}")
        alarms = better / simulations if rate == plan.null else alarms
    kept = all(promised is None or medians[rate] <= promised for rate, promised in PROMISED.items())
    print(f"false alarms at {plan.null:g}: {alarms:.4f} (promised <= {plan.alpha:g}), medians kept: {kept}")
    assert kept, "a median is above what was promised"
    assert alarms <= plan.alpha, "more false alarms than promised"
    print(f"ratio fixed / sequential at 0.70: {FIXED / medians[0.7]:.2f}x")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""How often each arm thought before it answered: a base that thinks may lose the habit while its scores look well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.app.reporting.arms import LEVEL
from selftune.app.reporting.pages import figures
from selftune.app.reporting.pages.parts import Table
from selftune.gate.statistics.means import paired_gain
from selftune.scoring.reasoning import thinking_by_item

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.reporting.arms import ArmView
    from selftune.app.reporting.pages.parts import Part
    from selftune.gate.statistics.paired import Difference


def thinking_parts(arms: Sequence[ArmView]) -> Iterator[Part]:
    """The thinking rate of each arm whose base thinks; nothing where none does."""
    rates = [(arm.name, arm.summary.thinking) for arm in arms if arm.summary.thinking is not None]
    if rates:
        yield Table(
            caption=f"Answers before which it thought, mean over items with the Wilson interval at {LEVEL:.0%}",
            head=("arm", "thinking rate", "interval", "items"),
            rows=tuple(
                (name, figures.number(rate.value), figures.interval(rate.interval), str(rate.n)) for name, rate in rates
            ),
        )


def thinking_warnings(arms: Sequence[ArmView]) -> Iterator[str]:
    """A sentence where the second arm is shown to think less often than the first, item by item."""
    found = _difference(arms[0], arms[1]) if len(arms) > 1 else None
    if found is not None and found.interval[1] < 0:
        yield (
            f"Beware: {arms[1].name} thinks before it answers less often than {arms[0].name}, "
            f"{figures.shift(found.mean, found.interval)} over {figures.counted(found.n, 'item')}. "
            "Its lessons may have trained the thinking away."
        )


def _difference(first: ArmView, second: ArmView) -> Difference | None:
    """The second arm's rate minus the first's, over the items that both have one for."""
    old, new = (thinking_by_item(arm.evaluation.outcomes) for arm in (first, second))
    shared = [item for item in old if item in new]
    return paired_gain([new[item] - old[item] for item in shared], LEVEL) if shared else None

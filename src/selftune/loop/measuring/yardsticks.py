"""What measures the model in this project, so that nobody learns from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.curation.base import Yardstick
from selftune.evals.suites import SUITES, load_suite
from selftune.gate.rules.further import REGRESSION
from selftune.interactions.reading.assemble import find_state

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.records import Suite


def make_yardsticks(folder: Path, *in_force: Suite) -> tuple[Yardstick, ...]:
    """The questions of the suites in force, and of each suite in the project's folder.

    All but those of the regression suite: what was put right is learnt from on purpose, and only a fall counts there.
    """
    own = sorted((folder / SUITES.folder).glob(f"*{SUITES.endings[0]}"))
    suites = {one.id: one for one in (*in_force, *map(load_suite, map(str, own)))}
    return yardsticks_of(*(one for one in suites.values() if one.purpose != REGRESSION))


def yardsticks_of(*suites: Suite) -> tuple[Yardstick, ...]:
    """What the items of these suites ask, and under which state."""
    return tuple(
        Yardstick(
            name=f"item {item.id} of {one.name}",
            text="\n".join(message.content for message in item.messages if message.role == "user"),
            state=find_state(item.messages),
        )
        for one in suites
        for item in one.items
    )

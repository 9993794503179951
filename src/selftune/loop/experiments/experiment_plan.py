"""The plan of a 2 x 2 experiment, read strictly: what it asks and by which rule it is decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError
from selftune.settings import Shipped, from_mapping, read_toml

if TYPE_CHECKING:
    from pathlib import Path

EXPERIMENTS: Final = Shipped(kind="experiment", package="selftune.loop", folder="experiments")
CHAMPION: Final = "champion"


@dataclass(frozen=True, kw_only=True)
class TwoByTwo:
    """A plan: what is asked of whom, and what is concluded from it."""

    name: str
    question: str
    suite: str
    categories: tuple[str, ...] = ()
    tuned: str = CHAMPION
    repeats: int = 1
    slots: int = 8
    alpha: float = 0.05
    least_gain: float = 0.02
    max_unscored: float = 0.05

    @property
    def rule(self) -> str:
        """The decision rule in words; it is part of what is registered."""
        return (
            "Paired by item, over those that all four arms have a score for. "
            f"H2, it is the training data: tuned without lies within {self.least_gain:g} of base with it, to either "
            f"side (two one-sided tests at {self.alpha:g} each). "
            f"H1, the architecture matters: it lies below it (one-sided at {self.alpha:g}), and H2 does not hold. "
            "Else neither. "
            f"Nothing is concluded with more than {self.max_unscored:.0%} of an arm unscored, or where base and tuned "
            "show the same weights."
        )


def load_experiment(name_or_path: str | Path) -> TwoByTwo:
    """A shipped plan by name, or one from a TOML file.

    Raises:
        UnknownNameError: no shipped plan has this name.
        MissingFileError: there is no such file.
        ConfigError: an unknown or missing key, or a number that makes no sense.
    """
    where = f"experiment {name_or_path}"
    plan = from_mapping(TwoByTwo, read_toml(EXPERIMENTS.text(name_or_path), where), where)
    faults = {
        "alpha must lie between 0 and 0.5": not 0 < plan.alpha < 1 / 2,
        "least_gain must lie between 0 and 1": not 0 < plan.least_gain < 1,
        "max_unscored must lie between 0 and 1": not 0 <= plan.max_unscored < 1,
        "repeats and slots must be 1 or more": min(plan.repeats, plan.slots) < 1,
    }
    for fault, found in faults.items():
        if found:
            raise ConfigError(f"{where}: {fault}.", next_step="Correct it, then register the plan.")
    return plan

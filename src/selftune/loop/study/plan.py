"""The plan of a study, read strictly: what is asked of which arms, and by which rule it will be decided.

It is on record in every arm's ledger before the first night. Afterwards it, and the arms' settings, can only be kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError
from selftune.records import digest_of
from selftune.settings import Shipped, from_mapping, read_toml

if TYPE_CHECKING:
    from pathlib import Path

STUDIES: Final = Shipped(kind="study", package="selftune.loop.study", folder="plans")
PLAN_FILE: Final = "study.toml"
_FEWEST_NIGHTS: Final = 2


class StudyArm(StrEnum):
    """What becomes of what an arm is asked: it learns from it, from none of it, or by verdicts on other answers."""

    LEARNING = "learning"
    NEVER_TRAINS = "never_trains"
    SHUFFLED = "shuffled"


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """A plan.

    Attributes:
        base: What every arm begins as.
        nights: How many there will be; no figure is concluded from before the last.
        prompts: Seeded users who ask each night, and how many of the prompts in the file `replay` join them.
        goals: How many goals the system sets itself in idle time.
        trigger: New golden answers that start a training.
        recipe: By name or path; empty: the base's own.
        probe_pairs: Pairs of questions that measure the arms each night.
        gap: Nights after a promotion that no trend counts.
        block: Nights whose differences from a control change sign together.
        approve: Who says yes when the circuit breaker opens; empty: a person is waited for.
    """

    name: str
    question: str
    base: str = "reference"
    nights: int = 30
    seed: int = 0
    prompts: int = 32
    replayed: int = 0
    replay: str = ""
    goals: int = 8
    trigger: int = 60
    recipe: str = ""
    probe_pairs: int = 48
    alpha: float = 0.05
    power: float = 0.8
    gap: int = 1
    block: int = 6
    approve: str = ""

    @property
    def digest(self) -> str:
        """Names the plan with its rule: what stands in the ledgers."""
        return digest_of([self, self.rule])

    @property
    def metric(self) -> str:
        """The primary measure in words."""
        return (
            "the mean golden score of what serves, each night before its cycle, over probe questions drawn anew and "
            "never learnt from, graded by [gate_judge] where the suite needs a judge and else by code"
        )

    @property
    def rule(self) -> str:
        """The decision rule in words; it is part of what is registered."""
        return (
            f"Primary: {self.metric}; the means of the learning arm's successive generations rise, each generation's "
            f"nights kept together, each later one without its first nights ({self.gap}; permutation of generations, "
            f"one-sided p at most {self.alpha:g}). Then, in this order and each only if the one before is shown: the "
            f"arm rises above the one that never trains, and above the one that trains on shuffled judgements (signs "
            f"of blocks of {self.block} nights, one-sided p at most {self.alpha:g} each). Concluded after night "
            f"{self.nights} and not before."
        )


def load_study(name_or_path: str | Path) -> StudyPlan:
    """A shipped plan by name, or one from a TOML file.

    Raises:
        UnknownNameError: no shipped plan has this name.
        MissingFileError: there is no such file.
        ConfigError: an unknown or missing key, or a number that makes no sense.
    """
    where = f"study {name_or_path}"
    return check_plan(from_mapping(StudyPlan, read_toml(STUDIES.text(name_or_path), where), where), where)


def check_plan(plan: StudyPlan, where: str) -> StudyPlan:
    """The plan, if its numbers make sense.

    Raises:
        ConfigError: one does not; the message names it.
    """
    faults = {
        "alpha must lie between 0 and 0.5": not 0 < plan.alpha < 1 / 2,
        "power must lie between 0.5 and 1": not 1 / 2 < plan.power < 1,
        f"nights must be {_FEWEST_NIGHTS} or more": plan.nights < _FEWEST_NIGHTS,
        "prompts, trigger, probe_pairs and block must be 1 or more": min(
            plan.prompts, plan.trigger, plan.probe_pairs, plan.block
        )
        < 1,
        "goals, replayed and gap must be 0 or more": min(plan.goals, plan.replayed, plan.gap) < 0,
        "replayed and replay need each other: so many prompts of that file": bool(plan.replayed) != bool(plan.replay),
    }
    for fault, found in faults.items():
        if found:
            raise ConfigError(f"{where}: {fault}.", next_step="Correct it before the study is registered.")
    return plan

"""The rules that this gate enforces; a policy declares which of them it applies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.gate.rules.behaviour import OutputCollapse, TurnOfBreak
from selftune.gate.rules.further import FurtherSound, NoWorse, NoWorseShown, Regression
from selftune.gate.rules.gain import Gain, OtherArms
from selftune.gate.rules.harm import AgentCap, CategoryCap, CriticalFailures, Floor, Guarded
from selftune.gate.rules.identity import IdentityKept
from selftune.gate.rules.independence import Independence
from selftune.gate.rules.leakage import Leakage
from selftune.gate.rules.live import LiveKept
from selftune.gate.rules.picks import PersonsPicks
from selftune.gate.rules.purpose import SamePurpose
from selftune.gate.rules.serving import Parity, ServingForm
from selftune.gate.rules.sets import SetCap
from selftune.gate.rules.spread import SeedSpread
from selftune.gate.rules.tiers import ByHeart, Extended, HeldOut
from selftune.gate.rules.trainings import TrainingSpread
from selftune.gate.rules.validity import (
    ArmsDiffer,
    EvaluationsComplete,
    GuardedPresent,
    ProofsMatch,
    RunFinished,
    SameConditions,
    WeightsChanged,
)

if TYPE_CHECKING:
    from selftune.gate.base import Evidence
    from selftune.gate.config import Policy
    from selftune.gate.rules.enforced import EnforcedRule

_RULES: Final[tuple[type[EnforcedRule], ...]] = (
    RunFinished,
    WeightsChanged,
    SameConditions,
    SamePurpose,
    EvaluationsComplete,
    ArmsDiffer,
    ProofsMatch,
    GuardedPresent,
    FurtherSound,
    Parity,
    ServingForm,
    Gain,
    SeedSpread,
    PersonsPicks,
    CategoryCap,
    Guarded,
    AgentCap,
    Floor,
    CriticalFailures,
    TurnOfBreak,
    OutputCollapse,
    Extended,
    HeldOut,
    ByHeart,
    NoWorse,
    NoWorseShown,
    SetCap,
    Regression,
    Leakage,
    IdentityKept,
    LiveKept,
    Independence,
    OtherArms,
    TrainingSpread,
)


def enforced_rules() -> dict[str, type[EnforcedRule]]:
    """Every rule that this gate can apply, by the name a policy declares it by, in the order it applies them."""
    return {rule.family: rule for rule in _RULES}


def declared_rules(policy: Policy) -> tuple[str, ...]:
    """The names of the rules that a policy declares."""
    return policy.rules


def rules_for(policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
    """The rules to apply, spelt out for the categories and agents at hand; validity first."""
    return tuple(
        one
        for family, rule in enforced_rules().items()
        if family in policy.rules
        for one in rule.needed(policy, evidence)
    )

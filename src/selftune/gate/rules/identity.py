"""The rule on who the system is: what a codex calls invariant does not go with a training (mission A1, A42)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.gate.comparison import compare
from selftune.gate.rules.enforced import HARM_SHOWN, EnforcedRule
from selftune.gate.rules.validity import NO_CANDIDATE
from selftune.gate.statistics.losses import chance_of_losses, fewest_to_show, shared_alpha
from selftune.gate.statistics.shares import clopper_pearson
from selftune.records import Check, CheckStatus
from selftune.scoring.units import RIGHT

if TYPE_CHECKING:
    from selftune.gate.base import Evidence
    from selftune.gate.comparison import Comparison
    from selftune.gate.config import Policy

IDENTITY: Final = "identity"
"""The purpose, and the name, of the suite that is made of a codex's probes; its categories are the invariants."""

TOGETHER: Final = "all together"
"""Stands for all invariants, held against the champion: many may lose a little each, or be probed too seldom alone."""

SINCE_FIRST: Final = "since the first release"
"""Stands for all invariants, held against the first release: what goes in small steps goes as well."""

_NAMED: Final = 5
# What one invariant loses is lost by all together too, and since the first release: three share the error.
_ALWAYS_SHARED: Final = 3


@dataclass(frozen=True)
class IdentityKept(EnforcedRule):
    """No invariant of the codex is shown to have gone: its probes that the champion held, the candidate holds too."""

    suite: str
    place: str

    family = "identity"
    consequence = HARM_SHOWN

    @property
    def name(self) -> str:
        """Family, and the invariant, `TOGETHER` or `SINCE_FIRST`."""
        return f"{self.family}:{self.place}"

    @classmethod
    def needed(cls, policy: Policy, evidence: Evidence) -> tuple[EnforcedRule, ...]:
        """One for each invariant that is probed, for all together, and for all since the first release.

        The last is left out where the first release serves, or was not asked.
        """
        return tuple(
            cls(each.suite.name, place)
            for each in evidence.further
            if each.suite.purpose == IDENTITY
            for place in dict.fromkeys((*each.suite.categories, *_tested(evidence.on(each), policy)))
        )

    def check(self, evidence: Evidence, policy: Policy) -> Check:
        """Fails when more probes were lost than chance explains, all that is looked at sharing one error; names them.

        An invariant of too few probes can't fail alone: what it lost is printed, and counts together with the others.
        """
        seen = evidence.on_suite(self.suite)
        if seen is None or seen.candidate is None:
            return self.unmeasured(NO_CANDIDATE)
        tested = _tested(seen, policy)
        found = tested.get(self.place) or _count(compare(seen), (self.place,))
        if not found.asked:
            return self.unmeasured(f"no probe of {self.place} was scored in both arms")
        changed = [group.changed for group in tested.values()]
        allowed = shared_alpha(changed, _alpha(policy)) if self.place in tested else 0.0
        return Check(
            name=self.name,
            status=found.status(allowed),
            detail=f"{self.place}: {found.told}{found.weighed(allowed, fewest_probes(policy))}",
            measured=len(found.lost) / found.held if found.held else None,
            interval=clopper_pearson(len(found.lost), found.held, policy.level) if found.held else None,
            n=found.held,
        )


@dataclass(frozen=True, kw_only=True)
class _Counted:
    """Probes that both arms were scored on: how many the champion held, which of them were lost, how many gained."""

    asked: int
    held: int
    lost: tuple[str, ...]
    gained: int

    @property
    def changed(self) -> int:
        return len(self.lost) + self.gained

    @property
    def chance(self) -> float:
        return chance_of_losses(self.gained, len(self.lost))

    def status(self, allowed: float) -> CheckStatus:
        """Drift is shown, nothing of what was there is lost, or neither; where nothing was there nothing is shown."""
        if self.lost and self.chance <= allowed:
            return CheckStatus.FAIL
        return CheckStatus.PASS if self.held and not self.lost else CheckStatus.NOT_SHOWN

    @property
    def told(self) -> str:
        more = f" and {len(self.lost) - _NAMED} more" if len(self.lost) > _NAMED else ""
        named = f" ({', '.join(self.lost[:_NAMED])}{more})" if self.lost else ""
        counted = f"{self.held} of {self.asked} probes held before, {len(self.lost)} of these no longer do{named}"
        return f"{counted}, {self.gained} others do now"

    def weighed(self, allowed: float, fewest: int) -> str:
        """What the counts mean, in words; nothing where nothing changed."""
        if not self.held:
            return "; what was never there can't be lost"
        if not self.lost:
            return ""
        if self.asked < fewest:
            return f"; {fewest} must be lost to show a drift, so that these can't alone"
        return f"; by chance so many in {self.chance:.2g} of cases, a drift is shown at {allowed:.2g}"


def _count(compared: Comparison, invariants: tuple[str, ...]) -> _Counted:
    units = compared.where(lambda unit: unit.category in invariants).units
    return _Counted(
        asked=len(units),
        held=sum(unit.champion >= RIGHT for unit in units),
        lost=tuple(unit.key for unit in units if unit.champion >= RIGHT > unit.candidate),
        gained=sum(unit.candidate >= RIGHT > unit.champion for unit in units),
    )


def _alpha(policy: Policy) -> float:
    """The error on the side of harm, as of every other interval."""
    return (1 - policy.level) / 2


def _tested(seen: Evidence, policy: Policy) -> dict[str, _Counted]:
    """What is tested, by its place: all, and each invariant of probes enough. No answer decides which those are."""
    compared, suite = compare(seen), seen.suite
    probes = Counter(category for _, category in {(item.pair or item.id, item.category) for item in suite.items})
    enough = [name for name in suite.categories if probes[name] >= fewest_probes(policy)]
    tested = {name: _count(compared, (name,)) for name in enough}
    tested[TOGETHER] = _count(compared, suite.categories)
    first = seen.against_base()
    if first is not None and first.champion.build_digest != seen.champion.build_digest:
        tested[SINCE_FIRST] = _count(compare(first), suite.categories)
    return tested


def fewest_probes(policy: Policy) -> int:
    """Probes of an invariant, or of all, of which fewer could never show a drift; each counts in each of its places."""
    return fewest_to_show(_alpha(policy) / _ALWAYS_SHARED)

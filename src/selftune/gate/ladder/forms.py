"""Which serving form of one run is worth serving: the smallest that breaks nothing and is not inferior.

The forms are held against one of them, the adapter apart: it is what was trained, and the others are ways to write it
down. Here a doubt costs only bytes, for the adapter is at hand. So a form is refused already where a category fell by
the policy's cap or more as measured, shown or not, and where critical failures grew; the decision about a candidate
asks that harm be shown. Suites beside the one that decides may stop a form in the same way. Among the forms that are
left the ladder decides, from the smallest to the largest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.gate.base import Evidence, SuiteEvidence
from selftune.gate.comparison import arm_mean, compare, unit_scores_of
from selftune.gate.config import Against, SuiteDemand
from selftune.gate.ladder.climb import Climb, Rung, climb
from selftune.gate.rules import rules_for
from selftune.gate.rules.behaviour import OutputCollapse, TurnOfBreak
from selftune.gate.rules.further import FurtherSound, NoWorse, NoWorseShown, Regression
from selftune.gate.rules.harm import AgentCap, CategoryCap, CriticalFailures, Floor, Guarded
from selftune.gate.rules.identity import IdentityKept
from selftune.gate.rules.serving import Parity, ServingForm
from selftune.gate.rules.validity import EvaluationsComplete, ProofsMatch, SameConditions
from selftune.records import CheckStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.gate.config import Policy
    from selftune.gate.rules.enforced import EnforcedRule
    from selftune.gate.statistics.paired import Difference
    from selftune.records import Build, Check, Evaluation, Suite
    from selftune.scoring.units import Mean

_OF_ONE: Final = frozenset({EvaluationsComplete, SameConditions, ProofsMatch, FurtherSound, Parity, ServingForm, Floor})
_OF_TWO: Final = frozenset(
    {
        *(CategoryCap, Guarded, AgentCap, CriticalFailures, TurnOfBreak, OutputCollapse),
        *(NoWorse, NoWorseShown, Regression, IdentityKept),
    }
)
# What a further suite is asked part by part, beside the whole of it.
_OF_PARTS: Final = frozenset({CategoryCap, CriticalFailures, TurnOfBreak, OutputCollapse})
_FALLS: Final = frozenset({CategoryCap, Guarded, AgentCap, NoWorse, NoWorseShown, Regression})


@dataclass(frozen=True, kw_only=True)
class ServedForm:
    """One form as it was built, and what it did on the suite as served.

    Attributes:
        further: What it did on suites beside the one that decides, which may stop it; the same for every form.
        unfit: Why it can't be used here whatever it scores, such as its size; None where it can.
    """

    name: str
    build: Build
    evaluation: Evaluation
    further: tuple[tuple[Suite, Evaluation], ...] = ()
    unfit: str | None = None


@dataclass(frozen=True, kw_only=True)
class CategoryChange:
    """How a form did in one category, and how far it lies from the form that it is held against."""

    category: str
    change: Difference | None


@dataclass(frozen=True, kw_only=True)
class SuiteChange:
    """How a form did on a further suite, beside the form that it is held against, and in each category of it."""

    suite: str
    change: Difference | None
    categories: tuple[CategoryChange, ...]


@dataclass(frozen=True, kw_only=True)
class FormFigures:
    """What was found of one form.

    Attributes:
        further: The same on each suite beside the one that decides.
        critical: Answers with a critical failure, on all suites.
        refused: Why it may not be chosen, the category named where it is one; None where it may.
        checks: Every rule that was looked at.
    """

    name: str
    score: Mean
    change: Difference | None
    categories: tuple[CategoryChange, ...]
    further: tuple[SuiteChange, ...]
    critical: int
    refused: str | None
    checks: tuple[Check, ...]


@dataclass(frozen=True, kw_only=True)
class FormChoice:
    """The form to serve and why, with the figures of all, from the smallest to the largest.

    Attributes:
        against: The form that the others were held against.
    """

    against: str
    forms: tuple[FormFigures, ...]
    climb: Climb


def choose_form(against: ServedForm, others: Sequence[ServedForm], suite: Suite, policy: Policy) -> FormChoice:
    """The smallest form that loses no category by its cap, nor anything else that is capped, and is not inferior.

    Where of none it is shown that it is not inferior, the one that scored best; of equals the smallest.

    Raises:
        ValueError: two forms bear one name.
    """
    by_size = sorted((against, *others), key=lambda form: form.build.size_bytes)
    found = {form.name: _figures(form, against, suite, policy) for form in by_size}
    rungs = [_rung(form, found[form.name], _evidence(form, against, suite)) for form in by_size]
    return FormChoice(
        against=against.name,
        forms=tuple(found[form.name] for form in by_size),
        climb=climb(rungs, alpha=policy.alpha, margin=policy.least_gain),
    )


def _figures(form: ServedForm, against: ServedForm, suite: Suite, policy: Policy) -> FormFigures:
    evidence = _evidence(form, against, suite)
    looked_at = list(_look(evidence, _held_against_form(policy), alone=form is against))
    reasons = [f"{check.name}: {check.detail}" for rule, check in looked_at if _stops(rule, check)]
    if form.unfit is not None:
        reasons.insert(0, form.unfit)
    answers = (form.evaluation, *(evaluation for _, evaluation in form.further))
    whole, *further = (_changes(seen, policy, alone=form is against) for seen in evidence.on_each_suite())
    return FormFigures(
        name=form.name,
        score=arm_mean(form.evaluation, evidence, policy.level),
        change=whole.change,
        categories=whole.categories,
        further=tuple(further),
        critical=sum(bool(outcome.critical_failures) for one in answers for outcome in one.outcomes),
        refused="; ".join(reasons) or None,
        checks=tuple(check for _, check in looked_at),
    )


def _changes(seen: Evidence, policy: Policy, *, alone: bool) -> SuiteChange:
    paired = compare(seen)
    return SuiteChange(
        suite=seen.suite.name,
        change=None if alone else paired.difference(policy.level),
        categories=tuple(
            CategoryChange(category=name, change=None if alone else paired.of_category(name).difference(policy.level))
            for name in seen.suite.categories
        ),
    )


def _held_against_form(policy: Policy) -> Policy:
    """The policy with every further suite held against the other form: the base does not stand between two forms."""
    demands: tuple[tuple[str, SuiteDemand], ...] = tuple(
        (name, replace(demand, against=Against.CHAMPION)) for name, demand in policy.suites
    )
    return replace(policy, suites=demands)


def _look(evidence: Evidence, policy: Policy, *, alone: bool) -> Iterator[tuple[EnforcedRule, Check]]:
    wanted = _OF_ONE if alone else _OF_ONE | _OF_TWO
    for rule in rules_for(policy, evidence):
        if type(rule) in wanted:
            yield rule, rule.check(evidence, policy)
    for seen in () if alone else evidence.on_each_further():
        for rule in rules_for(policy, seen):
            if type(rule) not in _OF_PARTS:
                continue
            check = rule.check(seen, policy)
            # What is too small to be looked at by itself is looked at within its suite.
            if check.status is not CheckStatus.NOT_MEASURED:
                yield rule, replace(check, name=f"{check.name} of {seen.suite.name}")


def _stops(rule: EnforcedRule, check: Check) -> bool:
    """Whether it may not be chosen: harm shown or measured at the cap, or what must be shown and was not."""
    if rule.consequence.of(check.status) is not None:
        return True
    if check.status is not CheckStatus.NOT_SHOWN or check.measured is None or check.threshold is None:
        return False
    if type(rule) in _FALLS:
        return check.measured <= check.threshold
    return type(rule) is CriticalFailures


def _rung(form: ServedForm, figures: FormFigures, evidence: Evidence) -> Rung:
    scores = unit_scores_of(form.evaluation, evidence)
    return Rung(
        name=form.name,
        scores={key: unit.value for key, unit in scores.items() if unit.value is not None},
        refused=figures.refused,
    )


def _evidence(form: ServedForm, against: ServedForm, suite: Suite) -> Evidence:
    return Evidence(
        champion=against.evaluation,
        candidate=form.evaluation,
        others=(),
        suite=suite,
        run=None,
        candidate_build=form.build,
        champion_build=against.build,
        judge=None,
        further=tuple(
            SuiteEvidence(suite=asked, champion=before, candidate=after)
            for (asked, after), (_, before) in zip(form.further, against.further, strict=True)
        ),
    )

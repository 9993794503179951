"""The vetoes of a policy on two score files: what a higher mean may not be bought with.

Only an explicit policy brings them. They stop a gain from being called better, and nothing else: whether the candidate
is worse is for the interval alone to say.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from selftune.gate.referee.shifts import places_by
from selftune.gate.referee.verdict import in_figures
from selftune.gate.rules import enforced_rules
from selftune.gate.rules.harm import AgentCap, CategoryCap, CriticalFailures, Floor, Guarded, fall_status
from selftune.gate.statistics.means import harm_difference, paired_growth
from selftune.records import Check, CheckStatus
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from selftune.gate.config import Policy
    from selftune.gate.referee.pairing import Paired
    from selftune.records.scores import ScoreSheet

_READ: Final = frozenset(rule.family for rule in (CategoryCap, Guarded, AgentCap, Floor, CriticalFailures))
_STOPS_UNSHOWN: Final = frozenset({Guarded.family, Floor.family})
_OF_THE_REFEREE: Final = frozenset({"gain", "evaluations_complete", "same_conditions", "arms_differ"})
"""What the referee looks at itself, with or without a policy."""


def check_vetoes(
    champion: ScoreSheet, candidate: ScoreSheet, paired: Paired, scale: tuple[float, float], policy: Policy
) -> tuple[Check, ...]:
    """Every veto that the policy declares and that two score files can show, in units of the scale."""
    of_category = places_by("category", champion, paired)
    guarded = policy.guarded_among(tuple(of_category)) if Guarded.family in policy.rules else ()
    found: list[Check] = []
    if CategoryCap.family in policy.rules:
        caps = {name: held for name, held in of_category.items() if name not in guarded}
        found += _falls(CategoryCap.family, caps, paired, policy.category_cap, scale, policy)
    held = {name: of_category.get(name, []) for name in guarded}
    found += _falls(Guarded.family, held, paired, policy.guarded_cap, scale, policy)
    if AgentCap.family in policy.rules:
        agents = places_by("agent", champion, paired)
        found += _falls(AgentCap.family, agents, paired, policy.agent_cap, scale, policy)
    if Floor.family in policy.rules:
        for name, floor in policy.floors:
            found += _floors(candidate, name, floor, scale, policy)
    if CriticalFailures.family in policy.rules:
        found.append(_critical(champion, candidate, policy))
    return tuple(found)


def stops(check: Check) -> bool:
    """Whether a veto keeps a gain from being better: it failed, or it is one that must be shown and was not."""
    if check.status is CheckStatus.FAIL:
        return True
    return check.status is not CheckStatus.PASS and check.name.partition(":")[0] in _STOPS_UNSHOWN


def note_unread(policy: Policy) -> tuple[str, ...]:
    """What the policy declares beside that and two score files can't show."""
    unread = [rule for rule in enforced_rules() if rule in policy.rules and rule not in _READ | _OF_THE_REFEREE]
    if not unread:
        return ()
    return (f"two score files can't show what the policy asks beside: {', '.join(unread)}; only the gate looks at it",)


def _falls(
    family: str,
    parts: Mapping[str, Sequence[int]],
    paired: Paired,
    cap: float,
    scale: tuple[float, float],
    policy: Policy,
) -> Iterator[Check]:
    width = scale[1] - scale[0]
    for place, held in parts.items():
        name = f"{family}:{place}"
        if len(held) < policy.min_part_units:
            yield _unmeasured(name, len(held), policy)
            continue
        labels = None if paired.labels is None else [paired.labels[number] for number in held]
        differences = [paired.differences[number] for number in held]
        found = harm_difference(differences, labels, level=policy.level, width=width)
        status = fall_status(found.mean, found.interval, cap * width)
        yield _measured(name, status, found.mean, found.interval, -cap * width, found.n, width)


def _floors(
    candidate: ScoreSheet, category: str, floor: float, scale: tuple[float, float], policy: Policy
) -> Iterator[Check]:
    """A category's floor, over all its items and for each agent that has some: as the gate's own."""
    labels = zip(candidate.labels("category"), candidate.labels("agent"), candidate.by_place(), strict=True)
    held: dict[str | None, list[float]] = {None: []}
    for label, agent, score in labels:
        if label == category and score is not None:
            held[None].append(score)
            if agent is not None:
                held.setdefault(agent, []).append(score)
    for agent, scores in held.items():
        name = f"{Floor.family}:{category}" + (f"/{agent}" if agent else "")
        guarded = category in policy.guarded_among((category,))
        yield _floor(name, scores, scale[0] + floor * (scale[1] - scale[0]), scale, policy, guarded=guarded)


def _floor(
    name: str, scores: Sequence[float], least: float, scale: tuple[float, float], policy: Policy, *, guarded: bool
) -> Check:
    """Below the floor fails; where the category is guarded too, the lower bound must reach it."""
    n, width = len(scores), scale[1] - scale[0]
    if n < policy.min_part_units:
        return _unmeasured(name, n, policy)
    mean = math.fsum(scores) / n
    share = min(1.0, max(0.0, (mean - scale[0]) / width))
    low, high = (scale[0] + width * end for end in wilson_interval(share * n, n, policy.level))
    status = CheckStatus.PASS
    if mean < least:
        status = CheckStatus.FAIL
    elif guarded and low < least:
        status = CheckStatus.NOT_SHOWN
    return _measured(name, status, mean, (low, high), least, n, width)


def _critical(champion: ScoreSheet, candidate: ScoreSheet, policy: Policy) -> Check:
    """Growth of the share of items with a critical failure, among those that both arms have a score for."""
    growth = [
        float(item in candidate.critical) - float(item in champion.critical)
        for item, _ in champion.scored()
        if candidate.score(item) is not None
    ]
    found = paired_growth(growth, policy.level)
    status = CheckStatus.PASS
    if policy.max_critical_failures is not None and len(candidate.critical) > policy.max_critical_failures:
        status = CheckStatus.FAIL
    elif found.mean > policy.critical_growth:
        status = CheckStatus.FAIL if found.interval[0] > 0 else CheckStatus.NOT_SHOWN
    return _measured(CriticalFailures.family, status, found.mean, found.interval, policy.critical_growth, found.n, 1.0)


def _unmeasured(name: str, n: int, policy: Policy) -> Check:
    detail = f"only {n} items of it have a score, {policy.min_part_units} are needed"
    return Check(name=name, status=CheckStatus.NOT_MEASURED, detail=detail, n=n)


def _measured(
    name: str, status: CheckStatus, mean: float, interval: tuple[float, float], limit: float, n: int, width: float
) -> Check:
    return Check(
        name=name,
        status=status,
        detail=f"{in_figures(mean, interval, width)} on {n} items, the limit is {limit:+.2f}",
        measured=mean,
        threshold=limit,
        interval=interval,
        n=n,
    )

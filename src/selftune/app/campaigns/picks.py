"""How often simulated people who pick blind let a candidate through, by the gate's own decision."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.gate.picks.again import Reopened, weigh_again
from selftune.gate.picks.base import Choice, Picks
from selftune.gate.picks.bet import ALTERNATIVE, bet, plan_of
from selftune.gate.policies import load_policy
from selftune.gate.rules.gain import Gain
from selftune.gate.statistics.shares import clopper_pearson
from selftune.records import Check, CheckStatus, Decision, Outcome
from selftune.scoring.sequential import operation

if TYPE_CHECKING:
    from selftune.gate.config import Policy

_PEOPLE: Final = 1_000
_SEED: Final = 20_261_121
_LEVEL: Final = 0.99
# Wald's lower limit is no part of the bet: no walk of some hundred picks comes so far down.
_NEVER: Final = 1e-300


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """People who prefer the candidate with one chance, see no difference with another, and have so much patience.

    `least` and `most` are the shares that were promised; None where nothing was.
    """

    preference: float
    ties: float = 0.0
    patience: int = 40
    least: float | None = None
    most: float | None = None


CROWDS: Final = (
    Crowd(preference=ALTERNATIVE, least=0.8),
    Crowd(preference=0.5, most=0.05),
    Crowd(preference=0.5, patience=400, most=0.05),
    Crowd(preference=0.4, most=0.05),
    Crowd(preference=0.65),
    Crowd(preference=0.9),
    Crowd(preference=ALTERNATIVE, ties=0.25),
    Crowd(preference=0.5, ties=0.25, most=0.05),
)


def report() -> Section:
    """Shares of simulated people who promote, at several preferences, beside the exact chance."""
    policy = load_policy("small")
    return Section(
        title="Blind picks of a person",
        method=f"{_PEOPLE:,} simulated people a row (seed {_SEED}), free to have the gate decide after every pick, "
        f"under policy {policy.name} (alpha {policy.alpha:g}), and stop when it promotes. The decision they open is "
        "inconclusive: a gain not shown. Beside each share stands the exact chance, all walks added up.",
        figures=tuple(_figure(crowd, policy) for crowd in CROWDS),
        limits="Real people, whose picks hang together more than a coin's. And an equal candidate has two ways through "
        f"the gate: its chance is at most {policy.alpha / 2:g} by the suite and {policy.alpha:g} by picks.",
    )


def promoted_at(crowd: Crowd, policy: Policy, draw: random.Random) -> int | None:
    """After how many picks the gate promotes for one of these people; None when it never does."""
    # The pick that settles it decides, whatever is picked after it: so one decision at the end tells of all before.
    picks = Picks(choices=tuple(_choose(crowd, draw) for _ in range(crowd.patience)))
    found = weigh_again(Reopened(decision=_UNSURE, picks=picks), policy)
    return bet(picks.choices, policy.alpha).at if found.outcome is Outcome.PROMOTE else None


def exact_share(crowd: Crowd, policy: Policy) -> float:
    """The chance that it promotes: over the number of picks that take a side, exactly, where there are no ties."""
    plan = replace(plan_of(policy.alpha), beta=_NEVER, most=crowd.patience)
    return operation(crowd.preference, plan).better


def _figure(crowd: Crowd, policy: Policy) -> Figure:
    draw = random.Random(f"{_SEED} {crowd}")  # noqa: S311 - the draw must repeat, not be secret
    ends = [promoted_at(crowd, policy, draw) for _ in range(_PEOPLE)]
    picks = [at for at in ends if at is not None]
    share = len(picks) / _PEOPLE
    low, high = clopper_pearson(len(picks), _PEOPLE, _LEVEL)
    after = f", in the middle after {median(picks):g} picks" if picks else ""
    exact = "" if crowd.ties else f"; exact {exact_share(crowd, policy):.2%}"
    return Figure(
        name=_name(crowd),
        measured=f"{share:.1%} [{low:.1%}, {high:.1%}] promote, n = {_PEOPLE:,}{exact}{after}",
        promised=_promise(crowd),
        held=_held(crowd, share, (low, high)),
    )


def _choose(crowd: Crowd, draw: random.Random) -> Choice:
    if draw.random() < crowd.ties:
        return Choice.TIE
    return Choice.CANDIDATE if draw.random() < crowd.preference else Choice.CHAMPION


def _name(crowd: Crowd) -> str:
    ties = f", {crowd.ties:.0%} of pairs a tie" if crowd.ties else ""
    return f"prefer the candidate {crowd.preference:.0%} of the time{ties}, within {crowd.patience} picks"


def _promise(crowd: Crowd) -> str | None:
    if crowd.least is not None:
        return f"at least {crowd.least:.0%}"
    return None if crowd.most is None else f"at most {crowd.most:.0%}"


def _held(crowd: Crowd, share: float, interval: tuple[float, float]) -> bool | None:
    """Of a chance that is promised from below the share must hold; of one from above, more must not be shown."""
    if crowd.least is not None:
        return share >= crowd.least
    return None if crowd.most is None else interval[0] <= crowd.most


_UNSURE: Final = Decision(
    outcome=Outcome.INCONCLUSIVE,
    reason="the gain is not shown",
    checks=(Check(name=Gain.family, status=CheckStatus.NOT_SHOWN, detail="not shown"),),
    arms=(),
    policy="small",
    policy_digest="",
    build_id=None,
    run_id=None,
)

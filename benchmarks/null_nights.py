"""Nights of nulls that really vary: what the screen keeps of them, what the gate promotes, and that they are nulls.

A null here has the recipe of what serves, but its adapter begins elsewhere, or its lessons come in another order: it
answers otherwise and is no better by its recipe. That is shown and not said: after the night every try is asked the
suite that decides, also those that no night would send there, and the mean over all of them has an interval over the
seeds. The champion stopped while it learnt fast: where it is right nearly everywhere, tries differ on hardly a pair.

A single adapter may still truly be better than the one that serves, by the luck of what it met first: the gate judges
adapters and not recipes. What varies between them beyond the luck of the questions is told, and one that was promoted
is asked fresh pairs, beside the model that it replaced: they say whether that was false.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import sqrt
from statistics import fmean, stdev, variance
from typing import TYPE_CHECKING, Any, Final

from known_truth import NULLS, Champion, begin_project, figures, spend_night, told

from selftune.app.campaigns.comparisons import most_by_chance
from selftune.bases.reference.suite import DECIDES, draw_suite
from selftune.evals.stage import evaluate
from selftune.evals.suites import suite_from
from selftune.gate.base import Evidence
from selftune.gate.comparison import compare
from selftune.gate.rules.gain import gain_status
from selftune.gate.statistics.means import mean_interval
from selftune.loop.configured import make_evaluation
from selftune.loop.deciding.policy_lock import policy_of
from selftune.loop.executor import Silent
from selftune.loop.experiments.verdict import SURE
from selftune.loop.project import open_project
from selftune.loop.releasing.service import serving_release
from selftune.loop.runner import hold_lease, make_executor
from selftune.records import Build, CheckStatus, Outcome
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from selftune.evals.config import EvaluationConfig
    from selftune.loop.executor import Executor
    from selftune.loop.night.night import NightReport
    from selftune.loop.project import Project
    from selftune.records import Suite

CHAMPION: Final = Champion(rate=1e-3, steps=8)
ALPHA: Final = 0.05
_LEVEL: Final = 0.95
_FRESH: Final = replace(
    DECIDES, name="fresh_pairs", seed=20_261_122, pairs=(("easy", 72), ("medium", 72), ("hard", 48))
)


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A try beside the model that serves: pairs won and lost, and whether the gate's test of a gain passes it.

    Attributes:
        squared_error: Of the mean, by the spread of its own pairs: the luck of the questions alone.
    """

    mean: float
    low: float
    high: float
    n: int
    gained: int
    lost: int
    squared_error: float
    passes: bool


def run_nulls(folder: Path, seed: int) -> dict[str, Any]:
    """One project with its night of nulls, as figures."""
    began = begin_project(folder, seed, CHAMPION)
    with open_project(folder) as project:
        serving = project.store.record(serving_release(project).build_id, Build)
    report = spend_night(folder, NULLS)
    with open_project(folder) as project:
        found, fresh = ask_all(project, report, serving)
    tries = [figures(one) | {"gate": found.get(one.name)} for one in report.experiments]
    return {"seed": seed, "began": began, "champion": asdict(CHAMPION), **told(report), "tries": tries, "fresh": fresh}


def ask_all(project: Project, report: NightReport, serving: Build) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Every try that was measured, asked the suite that decides, by name; and what was promoted, asked fresh pairs."""
    asked = make_evaluation(project)
    builds = {one.name: one.build_id for one in report.experiments if one.effect is not None and one.build_id}
    promoted = report.decision is not None and report.decision.outcome is Outcome.PROMOTE
    with hold_lease(project):
        step = make_executor(project, Silent())

        def beside(build_id: str, how: EvaluationConfig) -> dict[str, Any]:
            return asdict(hold_beside(project, step, (serving, project.store.record(build_id, Build)), how))

        found = {name: beside(build_id, asked) for name, build_id in builds.items()}
        now = serving_release(project).build_id
        return found, beside(now, replace(asked, suite=fresh_suite())) if promoted else None


def fresh_suite() -> Suite:
    """768 pairs of the language that neither screen nor gate has drawn."""
    return suite_from(draw_suite(_FRESH), where="fresh pairs")


def hold_beside(project: Project, step: Executor, builds: tuple[Build, Build], how: EvaluationConfig) -> Beside:
    """What the gate's test says of the second of two builds beside the first."""
    first, second = (step(evaluate, build, how) for build in builds)
    policy = policy_of(project)
    evidence = Evidence(
        champion=first,
        candidate=second,
        others=(),
        suite=how.suite,
        run=None,
        candidate_build=builds[1],
        champion_build=builds[0],
        judge=None,
    )
    compared = compare(evidence)
    found = compared.gain(1 - policy.alpha)
    if found is None:
        raise SystemExit("two builds have no pair that both were scored on: no figure")
    return Beside(
        mean=found.mean,
        low=found.interval[0],
        high=found.interval[1],
        n=found.n,
        gained=found.gained,
        lost=found.lost,
        squared_error=variance(compared.differences) / found.n,
        passes=gain_status(found, policy) is CheckStatus.PASS,
    )


def summarise_nulls(found: Sequence[dict[str, Any]]) -> list[str]:
    """What the seeds say of nulls, line by line, with n and intervals."""
    whole = [one for one in found if one["began"]]
    asked = [[each for each in one["tries"] if each["gate"] is not None] for one in whole]
    tries = [each for night in asked for each in night]
    lines = [f"{len(whole)} of {len(found)} seeds began with a promoted recipe; {len(tries)} nulls were measured"]
    if len(whole) < 2:  # noqa: PLR2004 - nothing spreads alone
        return lines
    kept = sum(each["result"] == "kept" for each in tries)
    sent = sum(one["winner"] is not None for one in whole)
    promoted = sum(one["winner"] is not None and one["outcome"] == Outcome.PROMOTE for one in whole)
    passed = sum(each["gate"]["passes"] for each in tries)
    return [
        *lines,
        _spread("on the screen", [each["effect"][0] for each in tries], tries[0]["effect"][3]),
        _spread("on the gate's pairs", [each["gate"]["mean"] for each in tries], tries[0]["gate"]["n"]),
        _pooled([[each["gate"]["mean"] for each in night] for night in asked if night]),
        f"by null: {_by_null(tries)}",
        _beyond_luck(tries),
        _held("nulls kept on the screen", kept, len(tries), 1 - SURE),
        f"nights that sent one to the gate: {sent} of {len(whole)}",
        _held("nights of nulls promoted", promoted, len(whole), ALPHA),
        *(_truly(one["seed"], one["fresh"]) for one in whole if one["fresh"] is not None),
        _held("nulls that the gate's test of a gain passes, all of them asked", passed, len(tries), ALPHA),
    ]


def _truly(seed: int, fresh: dict[str, Any]) -> str:
    beside = f"{fresh['mean']:+.4f} [{fresh['low']:+.4f}, {fresh['high']:+.4f}] on {fresh['n']} fresh pairs"
    return (
        f"what seed {seed} promoted lies {beside}: {'truly better' if fresh['low'] > 0 else 'not shown to be better'}"
    )


def _held(what: str, count: int, n: int, share: float) -> str:
    low, high = wilson_interval(count, n, _LEVEL)
    most = most_by_chance(n, share)
    return f"{what}: {count} of {n} [{low:.3f}, {high:.3f}] (at most {most} by the 99 % limit of {share:.0%})"


def _spread(where: str, effects: Sequence[float], pairs: int) -> str:
    still = sum(effect == 0 for effect in effects)
    bounds = f"from {min(effects):+.3f} to {max(effects):+.3f}, exactly 0 in {still} of {len(effects)}"
    return f"effects {where} ({pairs} pairs): sd {stdev(effects):.4f}, {bounds}"


def _pooled(nights: Sequence[Sequence[float]]) -> str:
    """The mean effect of all nulls; those of a seed share their baseline, so that the seeds are what is counted."""
    means = [fmean(night) for night in nights]
    interval = mean_interval(means, _LEVEL, (-1.0, 1.0))
    told_interval = "no interval" if interval is None else f"[{interval[0]:+.4f}, {interval[1]:+.4f}]"
    return (
        f"pooled mean effect on the gate's pairs: {fmean(means):+.4f} {told_interval} at 95 %, n = {len(means)} seeds"
    )


def _by_null(tries: Sequence[dict[str, Any]]) -> str:
    """The mean of each: a recipe that truly matters would show."""
    names = dict.fromkeys(each["changes"] for each in tries)
    means = {name: fmean(each["gate"]["mean"] for each in tries if each["changes"] == name) for name in names}
    return ", ".join(f"{name} {mean:+.4f}" for name, mean in means.items())


def _beyond_luck(tries: Sequence[dict[str, Any]]) -> str:
    """How far adapters truly differ: what the effects spread beyond the luck of the questions."""
    seen = variance(each["gate"]["mean"] for each in tries)
    luck = fmean(each["gate"]["squared_error"] for each in tries)
    return (
        f"of that spread the luck of the questions explains sd {sqrt(luck):.4f}; "
        f"left for what adapters truly differ by: sd {sqrt(max(0.0, seen - luck)):.4f}"
    )

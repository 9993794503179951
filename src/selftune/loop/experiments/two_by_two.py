"""The 2 x 2 experiment: {base, tuned} x {with, without architecture}, its conclusion registered before it is run.

With the architecture means in the state agent's runtime: the items' state blocks stand before them, and an answer that
claims to do what its state does not allow is refused by code. Without it the same items are asked with neither.

The two hypotheses are those of the state experiment (mission D9, F11): if the architecture matters, a tuned model
without it does worse than the base with it; if all of it is training data, the two do equally well. Neither may hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError, UnknownNameError
from selftune.evals.config import EvaluationConfig
from selftune.evals.stage import evaluate
from selftune.evals.suites import load_suite
from selftune.gate.statistics.equivalence import equivalent, shows_below
from selftune.gate.statistics.means import mean_difference
from selftune.loop.ejected import find_text
from selftune.loop.experiments.experiment_plan import CHAMPION
from selftune.loop.measuring.grading import make_gate_judge
from selftune.loop.releasing.service import serving_release
from selftune.personas.state_agent.runtime import StateRuntime
from selftune.records import Build, Evaluation, Release, digest_of
from selftune.scoring.units import mean_of, unit_scores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selftune.gate.statistics.equivalence import Equivalence, OneSided
    from selftune.gate.statistics.means import MeanDifference
    from selftune.loop.executor import Executor
    from selftune.loop.experiments.experiment_plan import TwoByTwo
    from selftune.loop.project import Project
    from selftune.records import Suite
    from selftune.scoring.units import Mean, UnitScore

REGISTERED: Final = "experiment registered"
CONCLUDED: Final = "experiment concluded"
# The interaction of four scores between 0 and 1 lies between -2 and 2.
_WIDEST: Final = 2.0


class Cell(StrEnum):
    """One of the four arms."""

    BASE_WITH = "base with"
    BASE_WITHOUT = "base without"
    TUNED_WITH = "tuned with"
    TUNED_WITHOUT = "tuned without"


_WITH: Final = frozenset({Cell.BASE_WITH, Cell.TUNED_WITH})


class Held(StrEnum):
    """What came out: which hypothesis held, neither, or that nothing can be concluded."""

    ARCHITECTURE = "H1"
    TRAINING = "H2"
    NEITHER = "neither"
    INVALID = "invalid"


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A plan bound to the builds and the suite that it is about.

    Attributes:
        digest: Of the plan, its rule, suite and builds: what stands in the ledger.
        seen: Arms that had been evaluated on this very suite before it was registered: a plan made with them in sight
            is worth less, and the result says so.
    """

    plan: TwoByTwo
    suite: Suite
    base: Build
    tuned: Build
    digest: str
    seen: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """What came out, with every figure that it rests on; a hypothesis that could not be tested is None.

    Attributes:
        effects: Paired differences by name, two-sided.
        interaction: What tuning adds with the architecture, less what it adds without.
    """

    held: Held
    reason: str
    registration: Registration
    arms: tuple[tuple[Cell, Mean, str], ...]
    h1: OneSided | None = None
    h2: Equivalence | None = None
    effects: tuple[tuple[str, MeanDifference], ...] = ()
    interaction: MeanDifference | None = None


def bind(project: Project, plan: TwoByTwo) -> Registration:
    """The plan with the builds and the suite that it is about, as they are now.

    Raises:
        ConfigError: nothing is tuned yet, or a category is not in the suite.
        UnknownNameError: there is no such suite, or no such build.
    """
    store = project.store
    suite = load_suite(find_text(project.folder, "suite", plan.suite))
    for category in plan.categories:
        if category not in suite.categories:
            raise UnknownNameError("category", category, suite.categories)
    first = next(iter(store.each(Release)))[1]
    base = store.record(first.build_id, Build)
    tuned = store.record(serving_release(project).build_id if plan.tuned == CHAMPION else plan.tuned, Build)
    if tuned.digest == base.digest:
        raise ConfigError(
            "base and tuned are the same build.", next_step="Name a tuned build in the plan, or run a cycle first."
        )
    configs = configs_of(plan, suite, project)
    known = {(one.build_digest, one.suite_digest) for _, one in store.each(Evaluation)}
    # Who has seen what the model says with its state has seen the arm, whatever code gives out in its place.
    plain = digest_of(suite)
    builds = {Cell.BASE_WITH: base, Cell.BASE_WITHOUT: base, Cell.TUNED_WITH: tuned, Cell.TUNED_WITHOUT: tuned}
    return Registration(
        plan=plan,
        suite=suite,
        base=base,
        tuned=tuned,
        digest=digest_of([plan, plan.rule, suite, base.digest, tuned.digest, StateRuntime.identity]),
        seen=tuple(
            cell
            for cell in Cell
            if (builds[cell].digest, configs[cell].asked_digest) in known
            or (cell in _WITH and (builds[cell].digest, plain) in known)
        ),
    )


def register(project: Project, plan: TwoByTwo) -> Registration:
    """Write the plan into the ledger, before it is run; the same plan once.

    Raises:
        ConfigError: another plan of this name is registered.
        UnknownNameError: as `bind`.
    """
    bound = bind(project, plan)
    standing = registered_digest(project, plan.name)
    if standing not in {None, bound.digest}:
        raise ConfigError(
            f"another plan {plan.name!r} is registered, or what it is about has changed since.",
            next_step="Give this one a name of its own: what was registered stays.",
        )
    if standing is None:
        detail = {
            "name": plan.name,
            "plan": bound.digest,
            "rule": plan.rule,
            "suite": digest_of(bound.suite),
            "base": bound.base.digest,
            "tuned": bound.tuned.digest,
            "seen": ", ".join(bound.seen),
        }
        project.store.note(REGISTERED, detail)
    return bound


def registered_digest(project: Project, name: str) -> str | None:
    """The plan that stands in the ledger under this name; None where there is none."""
    details = (dict(entry.detail) for entry in project.store.history() if entry.event == REGISTERED)
    return next((detail["plan"] for detail in details if detail["name"] == name), None)


def run(project: Project, plan: TwoByTwo, step: Executor) -> Conclusion:
    """Ask all four arms and conclude by the rule that was registered.

    Raises:
        ConfigError: this very plan is not registered.
    """
    bound = bind(project, plan)
    if registered_digest(project, plan.name) != bound.digest:
        raise ConfigError(
            f"plan {plan.name!r} is not registered as it stands, for these builds and this suite.",
            next_step="Register it before it is run: `selftune experiment register`. What was changed afterwards needs "
            "a name of its own.",
        )
    configs = configs_of(plan, bound.suite, project)
    builds = {Cell.BASE_WITH: bound.base, Cell.BASE_WITHOUT: bound.base}
    found = {cell: step(evaluate, builds.get(cell, bound.tuned), configs[cell]) for cell in Cell}
    concluded = conclude(bound, found)
    detail = {"name": plan.name, "plan": bound.digest, "held": concluded.held.value}
    project.store.note(CONCLUDED, detail | {cell.value: found[cell].id for cell in Cell})
    return concluded


def configs_of(plan: TwoByTwo, suite: Suite, project: Project) -> Mapping[Cell, EvaluationConfig]:
    """How each arm is asked: the same items, with their states and through the runtime, or with neither."""
    grader = make_gate_judge(project, suite)
    return {
        cell: EvaluationConfig(
            suite=suite,
            repeats=plan.repeats,
            slots=plan.slots,
            grader=grader,
            bare=cell not in _WITH,
            through=StateRuntime() if cell in _WITH else None,
        )
        for cell in Cell
    }


def conclude(bound: Registration, found: Mapping[Cell, Evaluation]) -> Conclusion:
    """What the registered rule makes of four evaluations."""
    plan = bound.plan
    units = {cell: _units(found[cell], plan, bound.suite) for cell in Cell}
    arms = tuple((cell, mean_of(units[cell].values(), 1 - plan.alpha), found[cell].id) for cell in Cell)
    common = [key for key in units[Cell.BASE_WITH] if all(units[cell][key].value is not None for cell in Cell)]
    fault = _fault(bound, found, arms, len(common))
    if fault is not None:
        return Conclusion(held=Held.INVALID, reason=fault, registration=bound, arms=arms)
    score = {cell: [value for key in common if (value := units[cell][key].value) is not None] for cell in Cell}
    crossed = _less(score[Cell.TUNED_WITHOUT], score[Cell.BASE_WITH])
    h1 = shows_below(crossed, alpha=plan.alpha)
    h2 = equivalent(crossed, alpha=plan.alpha, margin=plan.least_gain)
    held = Held.TRAINING if h2.shown else Held.ARCHITECTURE if h1.shown else Held.NEITHER
    tuning_with = _less(score[Cell.TUNED_WITH], score[Cell.BASE_WITH])
    tuning_without = _less(score[Cell.TUNED_WITHOUT], score[Cell.BASE_WITHOUT])
    level = 1 - plan.alpha
    effects = {
        "tuning, with the architecture": tuning_with,
        "tuning, without it": tuning_without,
        "the architecture, for the base": _less(score[Cell.BASE_WITH], score[Cell.BASE_WITHOUT]),
        "the architecture, for the tuned": _less(score[Cell.TUNED_WITH], score[Cell.TUNED_WITHOUT]),
    }
    return Conclusion(
        held=held,
        reason=_reason(held, h1, h2),
        registration=bound,
        arms=arms,
        h1=h1,
        h2=h2,
        effects=tuple((name, mean_difference(d, None, level=level, width=1.0)) for name, d in effects.items()),
        interaction=mean_difference(_less(tuning_with, tuning_without), None, level=level, width=_WIDEST),
    )


def _units(evaluation: Evaluation, plan: TwoByTwo, suite: Suite) -> dict[str, UnitScore]:
    scores = unit_scores(evaluation.outcomes, suite.unit)
    return {one.key: one for one in scores if not plan.categories or one.category in plan.categories}


def _less(scores: Sequence[float], others: Sequence[float]) -> list[float]:
    return [score - other for score, other in zip(scores, others, strict=True)]


def _fault(
    bound: Registration, found: Mapping[Cell, Evaluation], arms: Sequence[tuple[Cell, Mean, str]], common: int
) -> str | None:
    """Why nothing can be concluded; None when it can."""
    if found[Cell.BASE_WITH].proof.fingerprint == found[Cell.TUNED_WITH].proof.fingerprint:
        return "base and tuned answered with the same weights"
    for first, second in ((Cell.BASE_WITH, Cell.BASE_WITHOUT), (Cell.TUNED_WITH, Cell.TUNED_WITHOUT)):
        if found[first].proof != found[second].proof:
            return f"{first} and {second} were answered by servers that differ"
    for cell, mean, _ in arms:
        if mean.unscored > bound.plan.max_unscored * (mean.n + mean.unscored):
            return f"{mean.unscored} of {mean.n + mean.unscored} {bound.suite.unit}s of {cell} have no score"
    return None if common else f"no {bound.suite.unit} has a score in all four arms"


def _reason(held: Held, h1: OneSided, h2: Equivalence) -> str:
    low, high = h2.interval
    told = f"tuned without less base with is {h1.mean:+.3f} [{low:+.3f}, {high:+.3f}], n {h1.n}"
    match held:
        case Held.ARCHITECTURE:
            return f"the architecture matters: {told}"
        case Held.TRAINING:
            return f"it is the training data: {told}, within {h2.margin:g} to either side"
        case _:
            return f"neither is shown: {told}"

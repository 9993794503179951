"""How far the project's judge may be trusted, read from what is on record: nothing is asked, nobody waited for."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError
from selftune.judges.base import ORDER_DEPENDENT
from selftune.judges.calibration.canaries import WORTHLESS_NAMES, canaries
from selftune.judges.calibration.human import HumanJudge, is_human, merge_people
from selftune.judges.calibration.measure import Bar, Calibration, compare_judges, measure_drift
from selftune.judges.calibration.words import describe_line
from selftune.judges.shares import share_of
from selftune.records import Judgement, JudgementStatus, Statement, StatementKind

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from selftune.judges.calibration.measure import Drift
    from selftune.loop.config import CalibrationSection, ProjectConfig
    from selftune.loop.project import Project
    from selftune.records import JudgeIdentity, Rubric
    from selftune.store import Store

PAIRWISE: Final = "pairwise:"
_PEOPLE: Final = "people judge: there is no other judge to be held against them"


@dataclass(kw_only=True)
class _Verdicts:
    """What was said about the same interactions, by interaction: ours in the order they came, people's, others'."""

    ours: dict[str, list[Judgement]] = field(default_factory=lambda: defaultdict(list))
    people: dict[str, dict[str, Judgement]] = field(default_factory=lambda: defaultdict(dict))
    others: dict[str, dict[str, Judgement]] = field(default_factory=lambda: defaultdict(dict))
    swapped: list[Judgement] = field(default_factory=list)


def calibrate(project: Project, identity: JudgeIdentity, rubric: Rubric) -> Calibration:
    """Everything on record about this judge under this rubric: people, other judges, itself, fixed transcripts."""
    others = {
        verdict.interaction_id
        for verdict in project.store.verdicts(rubric.id)
        if verdict.judge != identity and not is_human(verdict.judge)
    }
    wanted = others | labelled(project.store) | {item.id for item in canaries()}
    return _measure(_collect(project.store, identity, rubric, wanted), identity, rubric, project.config)


def calibrate_against_people(project: Project, identity: JudgeIdentity, rubric: Rubric) -> Calibration:
    """Whether it is calibrated, and no more, which is quick: without a person's label no verdict is read."""
    wanted = labelled(project.store)
    found = _collect(project.store, identity, rubric, wanted) if wanted else _Verdicts()
    return _measure(found, identity, rubric, project.config)


def calibration_line(project: Project, identity: JudgeIdentity, rubric: Rubric) -> str:
    """The line that status, cards and reports show of the judge; a judge of the model's own family is called kin."""
    if identity == HumanJudge.identity:
        return _PEOPLE
    line = describe_line(calibrate_against_people(project, identity, rubric))
    if not identity.lineage:
        return line  # code is nobody's kin
    from selftune.governance.independence import shared_families

    kin = shared_families(identity.lineage, (project.base.name,))
    # A judge prefers its own kind (self-preference): for choosing lessons that is told, for the gate it is refused.
    return f"{line}; kin of the model that it chooses lessons for ({', '.join(kin)})" if kin else line


def drift_of(project: Project, identity: JudgeIdentity, rubric: Rubric) -> Drift | None:
    """How the judge's scores of the fixed transcripts have moved; None before it was given them twice."""
    found = _collect(project.store, identity, rubric, {item.id for item in canaries()})
    return _drift(found, rubric)


def swapped_pairs(store: Store, identity: JudgeIdentity, rubric: Rubric) -> Sequence[Judgement]:
    """What the model behind this judge said of pairs in both orders."""
    return _collect(store, identity, rubric, ()).swapped


def refuse_uncalibrated(project: Project, identity: JudgeIdentity, rubric: Rubric) -> None:
    """Halt before anything is paid for when the project lets only a calibrated judge choose lessons.

    Raises:
        ConfigError: it is not calibrated; the message says what is missing.
    """
    if project.config.calibration.uncalibrated == "allowed" or identity == HumanJudge.identity:
        return
    found = calibrate(project, identity, rubric)
    if not found.calibrated:
        raise ConfigError(
            f"{describe_line(found)}; missing: {', '.join(found.shortfalls)}.",
            next_step="Label some with `selftune review`, or let it choose all the same: "
            '[calibration] uncalibrated = "allowed" in selftune.toml.',
        )


def bar_of(section: CalibrationSection) -> Bar:
    """What this project asks of a calibrated judge."""
    return Bar(
        least_kappa=section.least_kappa,
        least_labels=section.least_labels,
        least_swap_consistency=section.least_swap_consistency,
    )


def labelled(store: Store) -> frozenset[str]:
    """The interactions that people have judged, whichever judge and rubric."""
    return frozenset(
        statement.subject
        for _, statement in store.each(Statement)
        if statement.kind is StatementKind.REVIEW and not statement.author_is_model
    )


def _collect(store: Store, identity: JudgeIdentity, rubric: Rubric, wanted: Collection[str]) -> _Verdicts:
    found = _Verdicts()
    chosen = (
        verdict.judgement_id
        for verdict in store.verdicts(rubric.id)
        if verdict.status is JudgementStatus.SCORED
        and (verdict.interaction_id in wanted or verdict.judge.name.startswith(PAIRWISE))
    )
    for judgement in store.records(chosen, Judgement):
        if _is_pairwise(judgement):
            if judgement.judge.lineage == identity.lineage:
                found.swapped.append(judgement)
        elif judgement.judge == identity:
            found.ours[judgement.interaction_id].append(judgement)
        elif is_human(judgement.judge):
            found.people[judgement.interaction_id][judgement.judge.name] = judgement
        else:
            found.others[judgement.judge.name][judgement.interaction_id] = judgement
    return found


def _drift(found: _Verdicts, rubric: Rubric) -> Drift | None:
    fixed = [
        (item.position, found.ours[item.id][0], found.ours[item.id][-1])
        for item in canaries()
        if len(found.ours.get(item.id, ())) > 1
    ]
    return measure_drift(fixed, WORTHLESS_NAMES, rubric)


def _is_pairwise(judgement: Judgement) -> bool:
    """Whether two answers were compared: a score of one answer and one of a pair are not held against each other."""
    return judgement.judge.name.startswith(PAIRWISE)


def _measure(found: _Verdicts, identity: JudgeIdentity, rubric: Rubric, config: ProjectConfig) -> Calibration:
    by_people = [
        (found.ours[item][-1], merge_people(list(verdicts.values()), rubric))
        for item, verdicts in found.people.items()
        if item in found.ours
    ]
    others = (
        (name, [(found.ours[item][-1], theirs) for item, theirs in verdicts.items() if item in found.ours])
        for name, verdicts in sorted(found.others.items())
    )
    again = [pair for verdicts in found.ours.values() for pair in pairwise(verdicts)]
    steady = sum(ORDER_DEPENDENT not in verdict.flags for verdict in found.swapped)
    return Calibration(
        judge=identity.name,
        rubric=rubric.name,
        bar=bar_of(config.calibration),
        people=compare_judges(by_people, rubric, against="people"),
        others=tuple(compare_judges(pairs, rubric, against=name) for name, pairs in others if pairs),
        retest=compare_judges(again, rubric, against="itself") if again else None,
        drift=_drift(found, rubric),
        swap=share_of(steady, len(found.swapped)) if found.swapped else None,
        needs_swap=bool(identity.lineage),
    )

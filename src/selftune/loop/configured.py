"""What single sections of the config ask for, as the rooms take it: the judge of the lessons, and the suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.evals.config import EvaluationConfig
from selftune.evals.suites import load_suite
from selftune.judges.calibration.human import HUMAN
from selftune.judges.config import Judging, Member
from selftune.judges.purse import Prices
from selftune.judges.rubric import load_rubric
from selftune.loop.ejected import codex_of, find_text
from selftune.loop.incoming.privacy import TodaysRules, rules_of
from selftune.records import DatasetKind

if TYPE_CHECKING:
    from selftune.loop.config import JudgeSection, PanelMember, TeacherSection
    from selftune.loop.project import Project


def make_judging(project: Project) -> Judging:
    """The judge that chooses what is learnt."""
    config, section = project.config, project.config.judge
    rubric, codex = find_text(project.folder, "rubric", section.rubric), codex_of(project.folder, config)
    return Judging(
        name=section.name,
        rubric=rubric,
        rubric_digest=load_rubric(rubric, codex).id,
        codex=codex,
        endpoint=section.endpoint or None,
        model=section.model or None,
        api_key_env=section.api_key_env or None,
        egress=config.egress.allow,
        outlet=TodaysRules(rules_of(config)),
        spoiled_copies_from=config.curation.threshold if config.calibration.spoiled_copies else None,
        at_once=section.at_once,
        timeout_seconds=section.timeout_seconds,
        prices=prices_of(section),
        budget_usd=section.budget_usd,
        members=tuple(map(make_member, section.members)),
        quorum=section.quorum,
        disagreement=section.disagreement,
        # Pairs of answers and thumbs need no judge, and nobody waits for people.
        required=config.curation.kind == DatasetKind.SFT and section.name != HUMAN,
    )


def make_member(member: PanelMember) -> Member:
    """One judge of a panel."""
    return Member(
        name=member.name,
        endpoint=member.endpoint or None,
        model=member.model or None,
        api_key_env=member.api_key_env or None,
        prices=prices_of(member),
    )


def prices_of(section: JudgeSection | PanelMember | TeacherSection) -> Prices:
    """What the tokens of a model behind an endpoint cost."""
    return Prices(
        prompt=section.usd_per_million_input,
        completion=section.usd_per_million_output,
        cached=section.usd_per_million_cached_input,
    )


def gap_on_scale(judging: Judging) -> float:
    """How far the overalls of several judges may lie apart before a person must look, on the rubric's scale."""
    rubric = load_rubric(judging.rubric, judging.codex)
    return judging.disagreement * (rubric.highest - rubric.lowest)


def make_evaluation(project: Project) -> EvaluationConfig:
    """The suite and how it is asked; equal for every arm."""
    from selftune.loop.measuring.grading import make_gate_judge

    section = project.config.evaluation
    suite = load_suite(find_text(project.folder, "suite", section.suite))
    grader = make_gate_judge(project, suite)
    return EvaluationConfig(suite=suite, repeats=section.repeats, slots=section.slots, grader=grader)

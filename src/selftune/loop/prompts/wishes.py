"""How the project wants a prompt searched for, and a project that does so in place of training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from selftune.judges.config import Judging
    from selftune.loop.config import ProjectConfig
    from selftune.loop.project import Project
    from selftune.loop.prompts.stage import PromptSearching
    from selftune.records import Build

NO_RECIPE: Final = "none"
"""Set as `[training] recipe` where nothing is to be trained."""


def trains(config: ProjectConfig) -> bool:
    """Whether the project trains, or only looks for prompts."""
    return config.training.recipe != NO_RECIPE


def without_training(project: Project) -> Project:
    """The same project, which looks for a prompt in place of training."""
    training = replace(project.config.training, recipe=NO_RECIPE)
    return replace(project, config=replace(project.config, training=training))


def make_prompt_search(project: Project, judging: Judging, base: Build) -> PromptSearching | None:
    """How a prompt is searched for before this base, by the judge of the lessons; None where nobody is to search."""
    from selftune.evals.base import JUDGE
    from selftune.judges.rubric import load_rubric
    from selftune.loop.measuring.controls import NONE
    from selftune.loop.measuring.grading import GateJudge
    from selftune.loop.prompts.stage import PromptSearching  # whoever only asks whether a project trains wakes none

    section = project.config.prompt
    if section.answers == 0:
        return None
    own = project.config.evaluation.prompt_only
    rubric = load_rubric(judging.rubric, judging.codex)
    paid = judging if section.budget_usd is None else replace(judging, budget_usd=section.budget_usd)
    return PromptSearching(
        base=base,
        grader=GateJudge(paid, ((JUDGE, rubric),)),
        rubric=rubric,
        answers=section.answers,
        shown=section.shown,
        own="" if own == NONE else own,
        slots=project.config.evaluation.slots,
    )

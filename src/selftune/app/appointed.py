"""The judge that a project names for its lessons, and whether it may be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.errors import ConfigError
from selftune.judges.rubric import load_rubric
from selftune.loop.configured import make_judging
from selftune.loop.measuring.calibrating import calibration_line
from selftune.plugins import load_plugin

if TYPE_CHECKING:
    from selftune.loop.project import Project
    from selftune.records import JudgeIdentity, Rubric


def appointed_judge(project: Project) -> tuple[JudgeIdentity, Rubric]:
    """The judge that the project's config names, and its rubric.

    Raises:
        ConfigError: endpoint, model or key is missing.
    """
    judging = make_judging(project)
    identity: JudgeIdentity = load_plugin("selftune.judges", judging.name).from_config(judging).identity
    return identity, load_rubric(judging.rubric, judging.codex)


def judge_line(project: Project) -> str:
    """Whether the judge is calibrated, in the one line that status shows; a judge that can't be made is named so."""
    try:
        identity, rubric = appointed_judge(project)
    except ConfigError as error:
        return f"judge not calibrated: {error.message}"
    return calibration_line(project, identity, rubric)

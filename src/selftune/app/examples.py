"""`selftune examples`: the best answers as a system prompt, until there are enough lessons for a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.curation.base import Judged
from selftune.curation.examples import choose_examples, write_prompt
from selftune.errors import NothingToTrainOnError
from selftune.loop.configured import make_evaluation, make_judging
from selftune.loop.lessons.taking_out import left_out
from selftune.loop.measuring.yardsticks import make_yardsticks
from selftune.loop.plan import judged_log
from selftune.loop.planning import make_curation
from selftune.plugins import load_plugin

if TYPE_CHECKING:
    from selftune.loop.project import Project


def prompt_of_examples(project: Project, count: int) -> str:
    """A system prompt of the best answers that were judged so far.

    Raises:
        NothingToTrainOnError: no answer is golden yet.
    """
    store, judging = project.store, make_judging(project)
    judge = load_plugin("selftune.judges", judging.name).from_config(judging).identity
    log = judged_log(store, judge, judging.rubric_digest)
    yardsticks = make_yardsticks(project.folder, make_evaluation(project).suite)
    judged = Judged(pairs=log, yardsticks=yardsticks, left_out=left_out(project))
    found = choose_examples(judged, make_curation(project), project.config.project.seed, count)
    if not found:
        raise NothingToTrainOnError(
            "no answer is golden yet, so there is none to show as an example.",
            next_step="Run `selftune judge`, correct an answer, or import conversations.",
        )
    return write_prompt(found)

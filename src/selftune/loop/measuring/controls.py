"""What training must beat: the bare base, and the base with nothing but a good prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.builds.prompts import PromptLayout, prompted
from selftune.curation.examples import is_short, show
from selftune.records import Arm, Build, Release, digest_of, not_erased

if TYPE_CHECKING:
    from selftune.loop.project import Project
    from selftune.records import Dataset, ShownLessons

NONE: Final = "none"
"""Set as `prompt_only` where no prompt is to be tried."""

# Few, so that a small model has room for the question, and the control costs little more than the base.
_SHOWN: Final = 3


def control_arms(project: Project) -> tuple[tuple[Arm, Build], ...]:
    """The bare base, and the base with the prompt that the project names.

    Equal builds are evaluated once, so the base costs nothing while it is the champion.
    """
    first = next(project.store.each(Release), None)
    if first is None:
        return ()
    base = project.store.record(first[1].build_id, Build)
    prompt = project.config.evaluation.prompt_only
    if prompt in {"", NONE}:
        return ((Arm.BASE, base),)
    return (Arm.BASE, base), (Arm.PROMPT_ONLY, prompted(base, PromptLayout(instruction=prompt)))


def prompt_of_lessons(dataset: Dataset, seed: int) -> ShownLessons | None:
    """A few lessons shown in a system prompt instead of learnt; None where none is short enough.

    Which ones is drawn by name, so that they seldom change while the log grows, and what was asked with them stands.
    """
    short = [example for example in not_erased(dataset.train) if is_short(example)]
    drawn = sorted(short, key=lambda example: digest_of([seed, example.interaction_id]))[:_SHOWN]
    return show(drawn) if drawn else None

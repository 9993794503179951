"""The candidate that needs no training: the base with the prompt that a search found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.builds.prompts import PromptLayout
from selftune.builds.prompts import build as build_prompted
from selftune.errors import BelowTriggerError, BudgetError, JudgeMissingError, NothingBetterError
from selftune.loop.prompts.stage import search_prompt

if TYPE_CHECKING:
    from selftune.loop.executor import Executor
    from selftune.loop.plan import Plan
    from selftune.records import Build, Dataset, PromptSearch


def find_prompted(plan: Plan, step: Executor, dataset: Dataset) -> Build:
    """The base with the prompt that did better than none on lessons that had no part in the search.

    Raises:
        NothingBetterError: none did; the search is on record.
        BelowTriggerError: there are too few different questions to choose by.
    """
    assert plan.prompts is not None, "a plan that trains nothing searches"  # noqa: S101 - planning refuses it
    found = step(search_prompt, dataset, plan.prompts)
    if not found.better:
        raise NothingBetterError(
            f"no prompt did better than none: {describe_gain(found)}.",
            next_step="Collect more answers or corrections, name a prompt of your own as `prompt_only` under "
            "[evaluation], or train: name a recipe under [training] in selftune.toml.",
        )
    layout = PromptLayout(instruction=found.instruction, shown=found.shown, search_id=found.id)
    return step(build_prompted, plan.prompts.base, layout)


def prompt_on_ladder(plan: Plan, step: Executor, dataset: Dataset, control: Build | None) -> Build | None:
    """The rung that needs no training; None where no prompt does better than none, or none is to be had.

    Where nobody searches, or nobody can score what is found, it is the prompt that the others were held against: a
    night whose training is done does not end there.
    """
    if plan.prompts is not None:
        try:
            return find_prompted(plan, step, dataset)
        except (NothingBetterError, BelowTriggerError):
            return None
        except (JudgeMissingError, BudgetError) as error:
            step.observer.told(f"No prompt was searched for: {error.message}")
    base = plan.bare_base
    if control is None or base is None:
        return None
    # The control was asked without the project's seal; what may be released is built and sealed as any other.
    return step(build_prompted, base, PromptLayout(instruction=control.system_prompt, shown=control.shown))


def describe_gain(found: PromptSearch) -> str:
    """What the best prompt did, in words, with its n and interval."""
    tried = len({(one.name, one.interaction_ids) for one in found.tried})
    if found.ended is not None and found.gain is None:
        return found.ended
    if found.gain is None or found.interval is None:
        return f"of {tried} that were tried, the base without one did best"
    low, high = found.interval
    return (
        f"of {tried} that were tried, {found.name!r} did best, and changed the score by {found.gain:+.3f} "
        f"[{low:+.3f}, {high:+.3f}] on {found.n} questions that had no part in the search"
    )

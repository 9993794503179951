"""What sets a training off, on record before it begins: the dataset, how much of it is new, and how much was needed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from selftune.training.stage import train

if TYPE_CHECKING:
    from selftune.loop.executor import Executor
    from selftune.loop.plan import Plan
    from selftune.records import Dataset, Run
    from selftune.store import Store
    from selftune.training.config import Recipe

EVENT: Final = "training began"


def note_trainings(plan: Plan, step: Executor) -> None:
    """From now on a ledger entry goes before each training of this plan; one that is finished begins no more."""
    step.note_before(train.__name__, EVENT, partial(facts_of_beginning, plan))


def facts_of_beginning(plan: Plan, dataset: Dataset, recipe: Recipe) -> dict[str, str]:
    """What the entry holds: ids, digests and counts, and nobody's words."""
    golden = {example.interaction_id for example in dataset.taught}
    new, needed = len(golden - plan.learnt_before), plan.curation.trigger
    return {
        "dataset": dataset.id,
        "content": dataset.content_digest,
        "recipe": recipe.digest,
        "golden": str(len(golden)),
        "new": str(new),
        "threshold": str(needed),
        "trigger": f"{new} new golden interactions, {needed} needed",
    }


def beginning_of(store: Store, run: Run) -> dict[str, str]:
    """What was on record when a run began, with the time of the entry as `at`; empty where nothing was noted."""
    found: dict[str, str] = {}
    for at, detail in store.noted(EVENT):
        if (detail.get("dataset"), detail.get("recipe")) == (run.dataset_id, run.recipe_digest):
            found = {**detail, "at": at}
    return found

"""Whether a run comes again: its recipe rebuilt from its record, and the second run held against the first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, get_args, get_type_hints

from selftune.errors import ConfigError, UsageError
from selftune.records import RunStatus
from selftune.training.config import Recipe

if TYPE_CHECKING:
    from selftune.records import Run

# What a clock or a fault decided comes again only by chance.
_REPEATABLE: Final = (RunStatus.FINISHED, RunStatus.TRAINED_NOTHING, RunStatus.DIVERGED)


@dataclass(frozen=True, kw_only=True)
class Repetition:
    """A run and the same once more.

    Attributes:
        same: Same status and the same adapter, byte for byte.
        first_other_step: The first step whose loss is another one; None where all are equal.
        differs: What else is not as it was then, in words; empty where all that is on record is.
    """

    run_id: str
    same: bool
    steps: int
    first_other_step: int | None
    differs: tuple[str, ...]


def holds_recipe(run: Run) -> bool:
    """Whether the run ended by itself and its record says all of how it was trained."""
    return run.status in _REPEATABLE and bool(run.settings and run.recipe_digest)


def recipe_of(run: Run) -> Recipe:
    """The recipe of a run with the seed it used, rebuilt from its record.

    Raises:
        UsageError: it did not end by itself, or its record does not hold its recipe.
    """
    if run.status not in _REPEATABLE:
        raise UsageError(
            f"run {run.id} ended as {run.status.value.replace('_', ' ')}: how far it came was no part of its recipe.",
            next_step="Repeat a run that ended by itself: selftune report runs",
        )
    if not run.settings or not run.recipe_digest:
        raise UsageError(
            f"run {run.id} does not hold its recipe: it was trained elsewhere, or before recipes were written down.",
            next_step="Repeat a run that was trained here.",
        )
    kinds = get_type_hints(Recipe)
    try:
        keys = {key: _read(text, kinds[key]) for key, text in run.settings}
        return Recipe(
            name=run.recipe, objective=run.objective, backend=run.backend, purpose=run.purpose, seed=run.seed, **keys
        )
    except (KeyError, ValueError, ConfigError) as error:
        raise UsageError(
            f"run {run.id} was trained by a recipe that this version can't read: {error}.",
            next_step="Use the version that trained it; its record names it.",
        ) from error


def compare_runs(first: Run, again: Run) -> Repetition:
    """Hold the second run against the first."""
    pairs = zip(first.curve, again.curve, strict=False)
    other = next((one.step for one, two in pairs if one != two), None)
    if other is None and len(first.curve) != len(again.curve):
        other = min(len(first.curve), len(again.curve)) + 1
    return Repetition(
        run_id=first.id,
        same=(first.status, first.adapter) == (again.status, again.adapter) and other is None,
        steps=again.steps,
        first_other_step=other,
        differs=tuple(_differences(first, again)),
    )


def _differences(first: Run, again: Run) -> list[str]:
    """What is not as it was, the causes first."""
    asked = (
        ("dataset", first.dataset_id, again.dataset_id),
        ("base", first.base_digest, again.base_digest),
        ("recipe", first.recipe_digest, again.recipe_digest),
        ("seed", first.seed, again.seed),
        ("code", first.code_version or "not written down", again.code_version),
        *_environments(first, again),
        ("status", first.status.value, again.status.value),
        ("adapter", _digests(first), _digests(again)),
    )
    return [f"{name}: {then} then, {now} now" for name, then, now in asked if then != now]


def _environments(first: Run, again: Run) -> list[tuple[str, str, str]]:
    then, now = dict(first.environment), dict(again.environment)
    if not then:
        return [("environment", "not written down", "written down")]
    return [(name, then.get(name, "absent"), now.get(name, "absent")) for name in sorted(then.keys() | now.keys())]


def _digests(run: Run) -> str:
    return " ".join(file.digest[:19] for file in run.adapter) or "none"


def _read(text: str, kind: Any) -> Any:
    """A value of a recipe from the text that its `settings` make of it."""
    members = get_args(kind)
    if NoneType in members:
        return None if text == str(None) else _read(text, members[0])
    if members and get_args(members[0]):  # names with numbers
        return tuple(json.loads(text).items()) if text else ()
    if members:  # a tuple of texts
        return tuple(text.split(", ")) if text else ()
    if kind is bool:
        return {str(True): True, str(False): False}[text]
    return kind(text)

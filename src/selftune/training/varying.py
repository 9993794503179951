"""A recipe with other values than are written in it, within its own ranges: by hand, or by a search at night."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import ConfigError, UnknownNameError, UsageError
from selftune.settings import refusal
from selftune.training.parts import ORDERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selftune.training.config import Recipe

ORDER: Final = "order"
WEIGHT: Final = "weights."
"""What stands before the name of a part in the key of its weight, such as `weights.isolation`."""

WEIGHTS: Final = (0.1, 10.0)
"""The least and the most of a weight; neither it nor an order has a range in a recipe."""

_UNWEIGHED: Final = 1.0
_PART: Final = "kind"


def vary(recipe: Recipe, changes: Sequence[str]) -> Recipe:
    """The recipe with these changes, each as `KEY=VALUE`; its name tells them, so that each run of it does.

    A change to what stands there already changes nothing, not even the name.

    Raises:
        UsageError: a change is no `KEY=VALUE`, or its value no number.
        ConfigError: the recipe says nowhere how far anything may be changed, or the value lies outside.
        UnknownNameError: the recipe has no range for the key; the nearest that it has is offered.
    """
    read = dict(_read(recipe, change) for change in changes)
    wanted = {key: value for key, value in read.items() if value != value_of(recipe, key)}
    if not wanted:
        return recipe
    told = ", ".join(
        f"{key}={value if isinstance(value, str) else format(value, 'g')}" for key, value in wanted.items()
    )
    plain = {key: value for key, value in wanted.items() if not key.startswith(WEIGHT)}
    weights = {key.removeprefix(WEIGHT): value for key, value in wanted.items() if key.startswith(WEIGHT)}
    return replace(recipe, **plain, **_weighed(recipe, weights), name=f"{recipe.name} with {told}")


def value_of(recipe: Recipe, key: str) -> Any:
    """What stands in the recipe for a key that may be varied; a part that has no weight is met as often as any."""
    if key.startswith(WEIGHT):
        return dict(recipe.weights).get(key.removeprefix(WEIGHT), _UNWEIGHED)
    return getattr(recipe, key)


def _weighed(recipe: Recipe, weights: Mapping[str, float]) -> dict[str, Any]:
    """The keys of the recipe that say these weights beside its own, by kind where it weighs by nothing yet."""
    if not weights:
        return {}
    return {"weigh_by": recipe.weigh_by or _PART, "weights": tuple({**dict(recipe.weights), **weights}.items())}


def _read(recipe: Recipe, change: str) -> tuple[str, Any]:
    key, equals, text = (part.strip() for part in change.partition("="))
    if not equals or not key or not text:
        raise UsageError(f"{change!r} is no KEY=VALUE.", next_step="Write it so: --set lora_rank=8.")
    if key == ORDER:
        if text not in ORDERS:
            raise UnknownNameError(ORDER, text, ORDERS)
        return key, text
    if key.startswith(WEIGHT):
        return key, _weight(key, text)
    ranges = dict(recipe.ranges)
    if not ranges:
        raise ConfigError(
            f"recipe {recipe.name!r} does not say how far it may be varied.",
            next_step=f"Write {key} = [least, most] under [ranges] in it; `selftune eject recipe` writes the file.",
        )
    if key not in ranges:
        raise UnknownNameError(f"key in the ranges of recipe {recipe.name!r}:", key, ranges)
    return key, _number(key, text, type(getattr(recipe, key)))


def _weight(key: str, text: str) -> float:
    least, most = WEIGHTS
    value: float = _number(key, text, float)
    if not least <= value <= most:
        raise refusal(key, value, f"from {least:g} to {most:g}", next_step="Choose a value within.")
    return value


def _number(key: str, text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        what = "whole number" if kind is int else "number"
        raise UsageError(f"{key} takes a {what}, not {text!r}.", next_step="Correct it behind --set.") from error

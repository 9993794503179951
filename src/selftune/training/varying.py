"""A recipe with other values than are written in it, within its own ranges: by hand today, by a search at night."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from selftune.errors import ConfigError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.training.config import Recipe


def vary(recipe: Recipe, changes: Sequence[str]) -> Recipe:
    """The recipe with these changes, each as `KEY=VALUE`; its name tells them, so that each run of it does.

    Raises:
        UsageError: a change is no `KEY=VALUE`, or its value no number.
        ConfigError: the recipe says nowhere how far anything may be changed, or the value lies outside.
        UnknownNameError: the recipe has no range for the key; the nearest that it has is offered.
    """
    if not changes:
        return recipe
    wanted = dict(_read(recipe, change) for change in changes)
    told = ", ".join(f"{key}={value:g}" for key, value in wanted.items())
    return replace(recipe, **wanted, name=f"{recipe.name} with {told}")


def _read(recipe: Recipe, change: str) -> tuple[str, Any]:
    key, equals, text = (part.strip() for part in change.partition("="))
    if not equals or not key or not text:
        raise UsageError(f"{change!r} is no KEY=VALUE.", next_step="Write it so: --set lora_rank=8.")
    ranges = dict(recipe.ranges)
    if not ranges:
        raise ConfigError(
            f"recipe {recipe.name!r} does not say how far it may be varied.",
            next_step=f"Write {key} = [least, most] under [ranges] in it; `selftune eject recipe` writes the file.",
        )
    if key not in ranges:
        raise UnknownNameError(f"key in the ranges of recipe {recipe.name!r}:", key, ranges)
    kind = type(getattr(recipe, key))
    try:
        return key, kind(text)
    except ValueError as error:
        what = "whole number" if kind is int else "number"
        raise UsageError(f"{key} takes a {what}, not {text!r}.", next_step="Correct it behind --set.") from error

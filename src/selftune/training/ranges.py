"""How far a recipe may be varied: the least and the most of each key that a search may change, and of no other.

What decides when a training stops, what is refused before it and how it is looked at afterwards is not among them: a
search that could move these would measure itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.errors import ConfigError, UnknownNameError
from selftune.settings import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SEARCHABLE: Final = (
    "lora_rank",
    "lora_alpha",
    "lora_dropout",
    "lora_layers",
    "learning_rate",
    "weight_decay",
    "max_grad_norm",
    "warmup_steps",
    "warmup_share",
    "batch_size",
    "accumulation",
    "max_steps",
    "epochs",
    "max_length",
    "beta",
)
"""Keys of a recipe that may have a range: numbers that every back-end is trained by."""

_BOUNDS: Final = 2


def check_ranges(recipe: str, ranges: Sequence[tuple[str, tuple[float, ...]]], values: Mapping[str, Any]) -> None:
    """Refuse a range for what nobody could vary, one that is none, and a value of the recipe outside of its own.

    Raises:
        UnknownNameError: no back-end reads a key of this name; the nearest is offered.
        ConfigError: it is no key for a search, the bounds are none, or the recipe itself lies outside.
    """
    for key, bounds in ranges:
        where = f"recipe {recipe}: ranges.{key}"
        if key not in values:
            raise UnknownNameError("key of ranges", key, SEARCHABLE)
        if key not in SEARCHABLE:
            raise ConfigError(
                f"{where} can't be searched: what a training stops by, is refused or looked at by stands fast.",
                next_step=f"Leave it out of [ranges]; these may stand there: {', '.join(SEARCHABLE)}.",
            )
        if len(bounds) != _BOUNDS or bounds[0] > bounds[1]:
            raise refusal(where, list(bounds), "the least and the most, such as [8, 64]")
        least, most = bounds
        if not least <= values[key] <= most:
            raise refusal(
                f"recipe {recipe}: {key}",
                values[key],
                f"from {least:g} to {most:g}",
                next_step="Choose a value within, or widen its [ranges] in the recipe.",
            )

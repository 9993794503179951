"""What is handed to another program to train by, and what a destination must do: say everything, or refuse by name.

A key of a recipe goes one of three ways. The destination has a word for it; or it is settled before anything leaves
(which examples, how many steps) or after it comes back (whether anything was learnt); or it must stand where it asks
for nothing. A key that a later recipe brings is of the third kind until a destination learns a word for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Protocol

from selftune.errors import ConfigError
from selftune.training.config import LATE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selftune.training.base import Row
    from selftune.training.config import Recipe

TOKENS: Final = "tokens"
"""Rows of `input_ids`, `attention_mask` and `labels`: no program renders or masks anything a second time."""

SETTLED_HERE: Final[Mapping[str, str]] = {
    "name": "names the folder's README",
    "objective": "decides which files are written",
    "backend": "replaced by the program there",
    "purpose": "stays with the run",
    "max_steps": "settled: the number of steps is fixed here",
    "epochs": "settled: the number of steps is fixed here",
    "small_set": "settled: the number of steps is fixed here",
    "warmup_steps": "settled: the number of steps is fixed here",
    "warmup_share": "settled: the number of steps is fixed here",
    "seed": "settled: the seed is fixed here",
    "found_on": "warned of here",
    "overrules": "obeyed here",
    "ranges": "how far it may be varied; it changes nothing",
    "least_supervised": "checked here, before anything leaves",
    "most_supervised": "checked here, before anything leaves",
    "logit_prompts": "checked here, when the adapter comes back",
    "precision": "what this machine's processor needs; for there it is said anew",
    "checkpoint_every": "changes when it is saved, not what is learnt",
}
"""Keys that no other program need know, and why."""

_IGNORED: Final = -100
_ASKS_FOR_NOTHING: Final[Mapping[str, Any]] = {"max_grad_norm": 0.0}
"""Where the value that asks for nothing is not the recipe's default."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """One training to be done elsewhere.

    Attributes:
        base: What the base is called there: a name of the hub, or a folder beside the files.
        layers: Decoder layers of the base.
        precision: Number type of the sums there: `bfloat16`, `float16` or `float32`.
        examples: Rows in the file.
        tokens: Tokens of all examples, each counted once; of a pair those of both answers.
        steps: Optimiser steps.
        answers: The most answers that one example holds.
        gpu: Name of the accelerator, where one is rented.
        probe: A text and the base's ids for it, by which a wrong tokenizer is told there.
    """

    recipe: Recipe
    seed: int
    base: str
    layers: int
    precision: str
    examples: int
    tokens: int
    steps: int
    answers: int
    gpu: str
    probe: tuple[str, tuple[int, ...]]

    @property
    def warmup(self) -> int:
        """Of the steps, those in which the learning rate rises."""
        return self.recipe.warmup_for(self.steps)

    @property
    def adapted_layers(self) -> tuple[int, ...] | None:
        """Indices of the layers that get an adapter; None where all do."""
        last = self.recipe.lora_layers
        return tuple(range(self.layers - last, self.layers)) if 0 < last < self.layers else None

    @property
    def samples(self) -> int:
        """Examples seen over all steps, each as often as it is met."""
        return self.steps * self.recipe.examples_per_step

    @property
    def tokens_trained(self) -> int:
        """Tokens over all steps."""
        return round(self.tokens * self.samples / self.examples)


@dataclass(frozen=True, kw_only=True)
class TextFile:
    """A file to write beside the data."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What a destination is like.

    Attributes:
        program: What it is called, as its makers write it.
        data: For each objective it knows what the examples are written as: `TOKENS`, or a format of
            `selftune dataset export`.
        words: Keys of a recipe that it has a word for, with that word.
        precisions: Number types it takes; the recipe's own where it is among them and none was asked for.
        hosted: Whether the words of people leave their owner's machines by it.
        adapter: Where the adapter lies when all commands are done.
        looked_at: A file of rows without which the program does not start, and on which it measures a loss that nobody
            reads: the first rows once more.
    """

    program: str
    data: Mapping[str, str]
    words: Mapping[str, str]
    precisions: tuple[str, ...] = ("bfloat16", "float16", "float32")
    hosted: bool = False
    adapter: str = "adapter"
    looked_at: str = ""

    def data_file(self, objective: str) -> str:
        """Name of the file that holds the examples."""
        return {"parquet": "train.parquet", "job": "rows.jsonl"}.get(self.data[objective], "train.jsonl")


class Destination(Protocol):
    """Writes an order down in the words of one program."""

    @property
    def traits(self) -> Traits:
        """What it is like."""
        ...

    def files(self, order: Order) -> tuple[TextFile, ...]:
        """Everything to write beside the data; `ConfigError` where a value can't be said there."""
        ...

    def commands(self, order: Order) -> tuple[str, ...]:
        """What to type there, in order, until the adapter lies where `traits` says."""
        ...


def rows_as_tokens(rows: Sequence[Row]) -> str:
    """The rows in the format `TOKENS`, one JSON object a line; what is not learnt has the label -100, as in PyTorch."""
    return "".join(json.dumps(_as_tokens(row)) + "\n" for row in rows)


def _as_tokens(row: Row) -> dict[str, Any]:
    labels = [token if learnt else _IGNORED for token, learnt in zip(row.tokens, row.supervised, strict=True)]
    return {"input_ids": list(row.tokens), "attention_mask": [1] * len(row.tokens), "labels": labels}


def check_carried(order: Order, traits: Traits) -> None:
    """Refuse what would get lost on the way.

    Raises:
        ConfigError: names the first key that asks for something the program has no word for, or the number type.
    """
    if order.recipe.objective not in traits.data:
        raise cannot_say(order, traits, "objective", f"Use a recipe for {' or '.join(traits.data)}")
    for field in fields(order.recipe):
        name, value = field.name, getattr(order.recipe, field.name)
        if name in traits.words or name in SETTLED_HERE:
            continue
        nothing = _ASKS_FOR_NOTHING.get(name, field.default)
        if value != nothing:
            raise cannot_say(order, traits, name, f"Set {name} = {_as_toml(nothing)} in the recipe")
    if order.recipe.schedule in LATE and "job" not in traits.data.values():
        raise cannot_say(order, traits, "schedule", f'Set schedule = "{LATE[order.recipe.schedule]}" in the recipe')
    if order.precision not in traits.precisions:
        raise ConfigError(
            f"{traits.program} does not train in {order.precision}.",
            next_step=f"Use one of: {', '.join(traits.precisions)}.",
        )


def cannot_say(order: Order, traits: Traits, key: str, remedy: str) -> ConfigError:
    """The error to raise for a value of the recipe that a program has no way to say; `remedy` ends without a stop."""
    value = getattr(order.recipe, key)
    return ConfigError(
        f"recipe {order.recipe.name!r} sets {key} = {_as_toml(value)}, which {traits.program} can't be told.",
        next_step=f"{remedy}, or train elsewhere with another program.",
    )


def _as_toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)

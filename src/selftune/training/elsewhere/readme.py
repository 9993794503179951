"""The README of a folder that goes elsewhere: what to type, what it will take, which key became which word."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from selftune.training.elsewhere.base import SETTLED_HERE, TOKENS
from selftune.training.elsewhere.own import JOB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.training.elsewhere.base import Destination, Order
    from selftune.training.elsewhere.cost import Estimate


def readme(order: Order, destination: Destination, estimate: Estimate, *, come_back: str) -> str:
    """The page, as Markdown."""
    recipe, traits = order.recipe, destination.traits
    commands = "\n".join(destination.commands(order))
    parts = (
        f"# Recipe {recipe.name} with {traits.program}",
        _about_order(order, traits.program),
        _about_data(order, destination),
        f"## There, in this folder\n\n```sh\n{commands}\n```",
        f"## Back here\n\n```sh\n{come_back}\n```\n\nIt is measured like any other adapter before it may serve.",
        "## What it will take\n\n" + "\n".join(f"- {line}" for line in in_words(estimate)),
        "## Where each key of the recipe went\n\n" + _table(order, destination),
    )
    return "\n\n".join(parts) + "\n"


def in_words(estimate: Estimate) -> tuple[str, ...]:
    """An estimate in a line per figure, with what it rests on."""
    hours = (f"{estimate.gpu_hours:.2f} GPU hours",) if estimate.gpu_hours else ()
    money = "money: not estimated" if estimate.usd is None else f"{estimate.usd:.2f} USD"
    return (f"{estimate.tokens:,} tokens, {estimate.flops:.2g} FLOP", *hours, f"{money} ({estimate.price})")


def _about_order(order: Order, program: str) -> str:
    steps = f"{order.steps} steps of {order.recipe.examples_per_step} on {order.examples} examples, seed {order.seed}"
    there = f"base `{order.base}`, sums in {order.precision}"
    return f"{steps}, {there}. Written by selftune; what {program} makes of it was not tried."


def _about_data(order: Order, destination: Destination) -> str:
    traits, objective = destination.traits, order.recipe.objective
    file = traits.data_file(objective)
    if traits.data[objective] == JOB:
        return f"`{file}` and `job.json` hold the very steps that a training here would take, in their order."
    if traits.data[objective] == TOKENS:
        return (
            f"`{file}` holds tokens and labels as they were checked here; nobody renders or masks them a second time."
        )
    unchecked = f"{traits.program} renders and masks them by itself, which nobody has checked here"
    return f"`{file}` holds conversations: {unchecked}."


def _in_a_row(value: object) -> str:
    """A value of a recipe in a cell; tables, such as weights and ranges, as `name = value`."""
    if not isinstance(value, tuple):
        return str(value)
    pairs = (one if isinstance(one, tuple) else (one,) for one in value)
    return ", ".join(" = ".join(_in_a_row(part) for part in pair) for pair in pairs)


def _table(order: Order, destination: Destination) -> str:
    words = destination.traits.words
    rows: list[Sequence[str]] = [("key", "value", "there"), ("---", "---", "---")]
    for field in fields(order.recipe):
        value = getattr(order.recipe, field.name)
        told = _in_a_row(value)
        rows.append((field.name, told, words.get(field.name) or SETTLED_HERE.get(field.name) or "asks for nothing"))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)

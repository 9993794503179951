"""The corner of the space that takes most memory, held against base and machine before a night finds it out (C12)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from selftune.loop.experiments.agenda.points import bounds_of
from selftune.training.base import Row
from selftune.training.machine import Machine, machine_for, needed_bytes, trains_here

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.bases.shape import ModelShape
    from selftune.loop.config import MachineSection
    from selftune.loop.experiments.base import Knob
    from selftune.training.config import Recipe

LAYERS: Final = "lora_layers"
# In this order they are cut: layers cost most and change least.
_TAKE_MEMORY: Final = (LAYERS, "max_length", "batch_size", "lora_rank")
# Of each example, the share of its tokens that is an answer; the plan of a training knows the lessons themselves.
_LEARNT: Final = 0.25
_GB: Final = 1e9


def fit_to_machine(
    knobs: Sequence[Knob],
    recipe: Recipe,
    shape: ModelShape,
    section: MachineSection,
    machine: Machine | None = None,
) -> tuple[tuple[Knob, ...], tuple[str, ...]]:
    """The knobs with their upper bounds cut to what base and machine can hold, and a sentence for each that was cut.

    A knob that is left with one value is left out. No knob is cut below what the recipe has now.

    Args:
        knobs: As the agenda asks for them.
        recipe: The one in force, which holds what is not varied.
        shape: Sizes of the base.
        section: What the project says of its machines.
        machine: Where it would be trained; None: where the recipe's back-end trains.
    """
    told: list[str] = []
    by_key = {knob.key: knob for knob in knobs}
    _cut_to_base(by_key, shape, told)
    if any(key in by_key for key in _TAKE_MEMORY):
        _cut_to_memory(by_key, recipe, shape, machine or machine_of_tries(recipe, section), told)
    return tuple(knob for knob in by_key.values() if knob.choices or knob.least != knob.most), tuple(told)


def machine_of_tries(recipe: Recipe, section: MachineSection) -> Machine:
    """Where a try would be trained: this machine or its card, or the one behind ssh as far as the project says."""
    if trains_here(recipe):
        return machine_for(recipe)
    free = round(section.ssh_memory_gb * _GB) or None
    return Machine(name=section.ssh or "the other machine", free_bytes=free, is_here=False)


def corner_bytes(knobs: Sequence[Knob], recipe: Recipe, shape: ModelShape) -> int:
    """The estimated peak of the try that takes most, of examples as long as may be, a quarter of each an answer."""
    most = {knob.key: int(bounds_of(knob)[1]) for knob in knobs if knob.key in _TAKE_MEMORY}
    layers = {} if LAYERS not in most else {LAYERS: _layers(knobs)}
    values: dict[str, Any] = most | layers
    return _needed(replace(recipe, ranges=(), **values), shape)


def _needed(recipe: Recipe, shape: ModelShape) -> int:
    longest = recipe.max_length
    learnt = tuple(place >= longest * (1 - _LEARNT) for place in range(longest))
    row = Row(interaction_id="", tokens=(0,) * longest, supervised=learnt)
    pair = row if recipe.objective in {"sft", "kto"} else replace(row, rejected=row)
    return needed_bytes([pair] * recipe.batch_size, recipe, shape)


def _layers(knobs: Sequence[Knob]) -> int:
    """The value of `lora_layers` that adapts most: 0 stands for all."""
    least, most = next(bounds_of(knob) for knob in knobs if knob.key == LAYERS)
    return 0 if least == 0 else int(most)


def _cut_to_base(knobs: dict[str, Knob], shape: ModelShape, told: list[str]) -> None:
    knob = knobs.get(LAYERS)
    if knob is None or bounds_of(knob)[1] <= shape.layers:
        return
    told.append(f"{LAYERS} goes to {shape.layers} at most: the base has no more.")
    knobs[LAYERS] = replace(knob, most=float(max(shape.layers, int(float(knob.now)))))


def _cut_to_memory(
    knobs: dict[str, Knob], recipe: Recipe, shape: ModelShape, machine: Machine, told: list[str]
) -> None:
    if machine.free_bytes is None:
        told.append(f"What is free on {machine.name} nobody said, so no bound was held against it.")
        return
    asked = corner_bytes(tuple(knobs.values()), recipe, shape)
    for key in _TAKE_MEMORY:
        if corner_bytes(tuple(knobs.values()), recipe, shape) <= machine.free_bytes:
            return
        knob = knobs.get(key)
        if knob is None or (key == LAYERS and knob.least == 0):
            continue
        cut = _cut(knob, knobs, recipe, shape, machine.free_bytes)
        if cut.most == knob.most:
            continue
        knobs[key] = cut
        told.append(
            f"{key} goes to {cut.most:g} at most, not {knob.most:g}: the far corner would take about "
            f"{asked / _GB:.1f} GB of {machine.free_bytes / _GB:.1f} GB that are free on {machine.name}."
        )
    needed = corner_bytes(tuple(knobs.values()), recipe, shape)
    if needed > machine.free_bytes:
        told.append(
            f"Even so about {needed / _GB:.1f} GB would be taken if lessons were as long as max_length allows: "
            "nothing is tried that takes more than the recipe does now."
        )


def _cut(knob: Knob, knobs: dict[str, Knob], recipe: Recipe, shape: ModelShape, free: int) -> Knob:
    """The knob with the highest bound under which the far corner fits; what it is now where none does."""
    low, high = int(float(knob.now)), int(bounds_of(knob)[1])
    while low < high:
        middle = (low + high + 1) // 2
        tried = {**knobs, knob.key: replace(knob, most=float(middle))}
        if corner_bytes(tuple(tried.values()), recipe, shape) <= free:
            low = middle
        else:
            high = middle - 1
    return replace(knob, most=float(low))

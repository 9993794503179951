"""Whether a training fits into a machine, this one or one that somebody names."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.bases.memory import LAYERS_ALIKE, four_bit_memory_bytes, lora_parameters, training_memory_bytes
from selftune.training.batches import room_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.bases.shape import ModelShape
    from selftune.training.base import Row
    from selftune.training.config import Recipe

WEIGHT_BYTES: Final = {"float32": 4, "bfloat16": 2}
_GB: Final = 1e9
_OWN_LAYERS: Final = frozenset(f"{family}ForCausalLM" for family in LAYERS_ALIKE)
_ELSEWHERE: Final = frozenset({"ssh"})
HOLDS_4_BITS: Final = frozenset({"trl", "unsloth"})
"""Back-ends that hold a base in 4 bits, on a card."""
_ON_A_CARD: Final = frozenset({"packed", "trl", "unsloth"})
_OFFLOADING: Final = ("unsloth",)
# What Linux shows of a card that torch can use: NVIDIA's driver, on a Jetson, under Windows, and AMD's.
_CARD_NODES: Final = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/nvmap", "/dev/dxg", "/dev/kfd")
# Metal gives about three quarters of a Mac's memory to the accelerator (`recommendedMaxWorkingSetSize`).
_USABLE: Final = {"mlx": 0.75}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where it would be trained, and the memory that is free there; None where nobody knows."""

    name: str
    free_bytes: int | None
    is_here: bool


def trains_here(recipe: Recipe) -> bool:
    """Whether this machine's memory is what the training would take."""
    return recipe.backend not in _ELSEWHERE


def this_machine() -> Machine:
    """This one, with the memory that is free now, what this process holds already included."""
    import psutil

    free = psutil.virtual_memory().available + psutil.Process().memory_info().rss
    return Machine(name="this machine", free_bytes=int(free), is_here=True)


def compute_with(threads: int) -> int:
    """Let torch compute with so many threads in this process; returns how many there were."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    return before


def device_here() -> str:
    """What torch computes on here: `cuda` where it finds a card that it can use, else `cpu`.

    Where the system shows none, torch is not woken to say so: that takes seconds.
    """
    if "torch" not in sys.modules and sys.platform == "linux" and not any(Path(node).exists() for node in _CARD_NODES):
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def this_card() -> Machine:
    """The card of this machine, with the memory that is free on it, what this process holds there already included."""
    import torch

    free = torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved()
    return Machine(name="this machine's card", free_bytes=int(free), is_here=True)


def trains_on_card(recipe: Recipe) -> bool:
    """Whether the recipe's back-end computes on an accelerator of this machine; MLX always does, by Metal."""
    return recipe.backend == "mlx" or (recipe.backend in _ON_A_CARD and device_here() == "cuda")


def machine_for(recipe: Recipe) -> Machine:
    """Where the recipe's back-end trains on this machine: on its card, if it can use one and there is one."""
    return this_card() if recipe.backend in _ON_A_CARD and trains_on_card(recipe) else this_machine()


def machine_of(memory_gb: float, recipe: Recipe) -> Machine:
    """Another one with so many gigabytes for the accelerator, or, for MLX, in all."""
    free = round(memory_gb * _GB * _USABLE.get(recipe.backend, 1.0))
    return Machine(name=f"a machine of {memory_gb:g} GB", free_bytes=free, is_here=False)


def needed_bytes(rows: Sequence[Row], recipe: Recipe, shape: ModelShape) -> int:
    """The estimated peak: the longest examples meet in one forward pass."""
    longest = sorted(rows, key=lambda row: len(row.tokens))[-recipe.batch_size :]
    sides = [side for row in longest for side in row.sides]
    # ORPO's likelihood has logits for its prompts too.
    prompts = sum(row.first_supervised for row in longest) if recipe.objective == "orpo" else 0
    answers = sum(sum(side.supervised) for side in sides)
    # KTO puts each answer behind a neighbour's prompt as well.
    again = answers if recipe.objective == "kto" else 0
    sizes = {
        "adapter_parameters": lora_parameters(shape, recipe.lora_rank, recipe.lora_targets, recipe.lora_layers),
        "tokens": sum(len(side.tokens) for side in sides) + again,
        "targets": answers + prompts + again,
        "adapted_layers": recipe.lora_layers,
    }
    packed = recipe.backend == "packed" and recipe.precision == "float32" and shape.architecture in _OWN_LAYERS
    if packed and recipe.objective == "sft":
        sizes["tokens"] = min(sizes["tokens"], room_for(rows, recipe.batch_size))
    if recipe.load_in_4bit:
        # PEFT lifts all that is not in 4 bits to float32.
        beside = WEIGHT_BYTES["float32"] if recipe.backend == "trl" else WEIGHT_BYTES["bfloat16"]
        offloads = recipe.backend in _OFFLOADING
        return four_bit_memory_bytes(shape, **sizes, bytes_beside=beside, offloads=offloads)
    return training_memory_bytes(shape, **sizes, bytes_per_weight=WEIGHT_BYTES[recipe.precision], packed=packed)

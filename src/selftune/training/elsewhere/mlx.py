"""A YAML for `mlx_lm.lora` on Apple silicon.

Keys: mlx-lm's own defaults (`mlx_lm/lora.py`, `CONFIG_DEFAULTS`) and its `LORA.md`. It masks the prompt of a chat up to
its last message, clips no gradient, and counts forward passes where a recipe counts optimiser steps.
"""

from __future__ import annotations

from typing import Any, Final

from selftune.training.elsewhere.base import Order, TextFile, Traits, cannot_say
from selftune.training.elsewhere.writing import as_yaml

CONFIG: Final = "mlx.yaml"
TO_PEFT: Final = "to_peft.py"
_PLACES: Final = {
    "q_proj": "self_attn.q_proj",
    "k_proj": "self_attn.k_proj",
    "v_proj": "self_attn.v_proj",
    "o_proj": "self_attn.o_proj",
    "gate_proj": "mlp.gate_proj",
    "up_proj": "mlp.up_proj",
    "down_proj": "mlp.down_proj",
}


_TO_PEFT: Final = '''"""Rewrite the adapter of mlx-lm in PEFT's layout, which selftune takes. Written by selftune."""

import json
from pathlib import Path

from safetensors.numpy import load_file, save_file

CONFIG = {config}

tensors = {{}}
for name, tensor in load_file("adapters/adapters.safetensors").items():
    layer, side = name.rsplit(".", 1)
    # mlx-lm multiplies rows from the right: its matrices are PEFT's, turned around.
    tensors[f"base_model.model.{{layer}}.lora_{{side[-1].upper()}}.weight"] = tensor.T.copy()
Path("adapter").mkdir()
save_file(tensors, "adapter/adapter_model.safetensors", metadata={{"format": "pt"}})
Path("adapter/adapter_config.json").write_text(json.dumps(CONFIG, indent=2))
'''


class MLX:
    """mlx-lm, on a Mac. A base that is quantised already is trained as QLoRA."""

    traits = Traits(
        program="mlx-lm",
        data={"sft": "openai"},
        words={
            "lora_rank": "lora_parameters.rank",
            "lora_alpha": "lora_parameters.scale",
            "rslora": "lora_parameters.scale",
            "lora_dropout": "lora_parameters.dropout",
            "lora_targets": "lora_parameters.keys",
            "learning_rate": "learning_rate",
            "weight_decay": "optimizer_config",
            "schedule": "lr_schedule",
            "lora_layers": "num_layers",
            "batch_size": "batch_size",
            "accumulation": "grad_accumulation_steps",
            "max_length": "max_seq_length",
            "learn_from": "mask_prompt",
        },
        looked_at="valid.jsonl",
    )

    def files(self, order: Order) -> tuple[TextFile, ...]:
        """The YAML, and what rewrites the adapter: mlx-lm has a layout of its own."""
        recipe = order.recipe
        config = {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": order.base,
            "r": recipe.lora_rank,
            "lora_alpha": recipe.lora_alpha,
            "use_rslora": recipe.rslora,
            "target_modules": list(recipe.lora_targets),
        }
        return (
            TextFile(name=CONFIG, text=as_yaml(self._settings(order))),
            TextFile(name=TO_PEFT, text=_TO_PEFT.format(config=config)),
        )

    def commands(self, order: Order) -> tuple[str, ...]:  # noqa: ARG002 - the config holds all of the order
        """Install, run, rewrite the adapter."""
        return ("pip install mlx-lm", f"mlx_lm.lora --config {CONFIG}", f"python {TO_PEFT}")

    def _settings(self, order: Order) -> dict[str, Any]:
        recipe = order.recipe
        if recipe.learn_from == "every_answer" and order.answers > 1:
            raise cannot_say(order, self.traits, "learn_from", 'Set learn_from = "last_answer"')
        unknown = [target for target in recipe.lora_targets if target not in _PLACES]
        if unknown:
            raise cannot_say(order, self.traits, "lora_targets", f"Leave {unknown[0]} out")
        return {
            "model": order.base,
            "train": True,
            "fine_tune_type": "lora",
            "data": ".",
            "num_layers": recipe.lora_layers or -1,
            "lora_parameters": {
                "keys": [_PLACES[target] for target in recipe.lora_targets],
                "rank": recipe.lora_rank,
                "scale": recipe.lora_scale,
                "dropout": recipe.lora_dropout,
            },
            "mask_prompt": True,
            "max_seq_length": recipe.max_length,
            "batch_size": recipe.batch_size,
            "grad_accumulation_steps": recipe.accumulation,
            "iters": order.steps * recipe.accumulation,
            "optimizer": "adamw",
            "optimizer_config": {"adamw": {"weight_decay": recipe.weight_decay}},
            "learning_rate": recipe.learning_rate,
            **_schedule(order),
            "grad_checkpoint": True,
            "steps_per_report": recipe.accumulation,
            "steps_per_eval": order.steps * recipe.accumulation,
            "val_batches": 1,
            "save_every": recipe.checkpoint_every * recipe.accumulation,
            "seed": order.seed,
            "adapter_path": "adapters",
        }


def _schedule(order: Order) -> dict[str, Any]:
    """The schedule in the names of `mlx.optimizers`; nothing where the rate stays as it is from the first step on."""
    recipe = order.recipe
    rate, left = recipe.learning_rate, max(1, order.steps - order.warmup)
    shapes: dict[str, tuple[str, list[float]]] = {
        "constant": ("linear_schedule", [rate, rate, left]),
        "linear": ("linear_schedule", [rate, 0.0, left]),
        "cosine": ("cosine_decay", [rate, left]),
    }
    name, arguments = shapes[recipe.schedule]
    if recipe.schedule == "constant" and not order.warmup:
        return {}
    return {"lr_schedule": {"name": name, "arguments": arguments, "warmup": order.warmup}}

"""A YAML for LLaMA-Factory with the `dataset_info.json` that names the examples.

Keys: LLaMA-Factory's own argument classes (`src/llamafactory/hparams/`: model, data, finetuning and training arguments,
the last being transformers'). It renders and masks by itself: without `template` it reads the tokenizer's own chat
template.
"""

from __future__ import annotations

import json
from typing import Any, Final

from selftune.training.elsewhere.base import Order, TextFile, Traits, cannot_say
from selftune.training.elsewhere.writing import as_yaml, whole_number

CONFIG: Final = "llama_factory.yaml"
DATASETS: Final = "dataset_info.json"
_NAME: Final = "selftune"
_OPTIMISERS: Final = {"adamw": "adamw_torch", "sgd": "sgd"}
_SCHEDULES: Final = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}


class LLaMAFactory:
    """LLaMA-Factory, on a machine with CUDA."""

    traits = Traits(
        program="LLaMA-Factory",
        data=dict.fromkeys(("sft", "dpo", "orpo"), "llamafactory"),
        words={
            "lora_rank": "lora_rank",
            "lora_alpha": "lora_alpha",
            "lora_dropout": "lora_dropout",
            "lora_targets": "lora_target",
            "rslora": "use_rslora",
            "optimiser": "optim",
            "learning_rate": "learning_rate",
            "weight_decay": "weight_decay",
            "max_grad_norm": "max_grad_norm",
            "schedule": "lr_scheduler_type",
            "load_in_4bit": "quantization_bit",
            "beta": "pref_beta",
            "batch_size": "per_device_train_batch_size",
            "accumulation": "gradient_accumulation_steps",
            "max_length": "cutoff_len",
            "learn_from": "mask_history",
        },
    )

    def files(self, order: Order) -> tuple[TextFile, ...]:
        """The YAML and the list of datasets."""
        columns = {"messages": "conversations", "system": "system"}
        paired = order.recipe.objective != "sft"
        pairs = {"chosen": "chosen", "rejected": "rejected"} if paired else {}
        entry = {
            "file_name": self.traits.data_file(order.recipe.objective),
            "formatting": "sharegpt",
            **({"ranking": True} if paired else {}),
            "columns": columns | pairs,
        }
        datasets = {_NAME: entry}
        return (
            TextFile(name=CONFIG, text=as_yaml(self._settings(order))),
            TextFile(name=DATASETS, text=json.dumps(datasets, indent=2) + "\n"),
        )

    def commands(self, order: Order) -> tuple[str, ...]:  # noqa: ARG002 - the config holds all of the order
        """Install and run."""
        return ("pip install llamafactory", f"llamafactory-cli train {CONFIG}")

    def _settings(self, order: Order) -> dict[str, Any]:
        recipe = order.recipe
        alpha = whole_number(recipe.lora_alpha)
        if alpha is None:
            raise cannot_say(order, self.traits, "lora_alpha", "Choose a whole number")
        loading = {"quantization_bit": 4} if recipe.load_in_4bit else {}
        return {
            "model_name_or_path": order.base,
            **loading,
            **_objective(order),
            "do_train": True,
            "finetuning_type": "lora",
            "lora_rank": recipe.lora_rank,
            "lora_alpha": alpha,
            "lora_dropout": recipe.lora_dropout,
            "lora_target": ",".join(recipe.lora_targets),
            "use_rslora": recipe.rslora,
            "dataset": _NAME,
            "dataset_dir": ".",
            "cutoff_len": recipe.max_length,
            "packing": False,
            "train_on_prompt": False,
            "mask_history": recipe.learn_from == "last_answer",
            "max_steps": order.steps,
            "per_device_train_batch_size": recipe.batch_size,
            "gradient_accumulation_steps": recipe.accumulation,
            "optim": _OPTIMISERS[recipe.optimiser],
            "learning_rate": recipe.learning_rate,
            "lr_scheduler_type": _SCHEDULES[recipe.schedule],
            "warmup_steps": order.warmup,
            "weight_decay": recipe.weight_decay,
            "max_grad_norm": recipe.max_grad_norm,
            "bf16": order.precision == "bfloat16",
            "fp16": order.precision == "float16",
            "seed": order.seed,
            "logging_steps": 1,
            "save_steps": recipe.checkpoint_every,
            "report_to": "none",
            "output_dir": self.traits.adapter,
        }


def _objective(order: Order) -> dict[str, Any]:
    """Its stage; ORPO is a loss of the stage `dpo` there, with its lambda as `pref_beta`."""
    if order.recipe.objective == "sft":
        return {"stage": "sft"}
    loss = {"dpo": "sigmoid", "orpo": "orpo"}[order.recipe.objective]
    return {"stage": "dpo", "pref_loss": loss, "pref_beta": order.recipe.beta}

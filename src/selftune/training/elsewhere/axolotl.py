"""A YAML for Axolotl, and a program that runs it on Modal (D8).

Keys: Axolotl's own schemas (`src/axolotl/utils/schemas/`: config, peft, training, model). The rows hold tokens, which
Axolotl takes when a dataset names no `type` and has exactly `input_ids`, `attention_mask` and `labels`
(its docs, "Custom Pre-Tokenized Dataset").
"""

from __future__ import annotations

from typing import Any, Final

from selftune.training.elsewhere.base import TOKENS, Order, TextFile, Traits, cannot_say
from selftune.training.elsewhere.writing import as_yaml, whole_number

CONFIG: Final = "axolotl.yaml"
MODAL_SCRIPT: Final = "axolotl_train.py"
_OPTIMISERS: Final = {"adamw": "adamw_torch", "sgd": "sgd"}
_SCHEDULES: Final = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}
_WORDS: Final = {
    "lora_rank": "lora_r",
    "lora_alpha": "lora_alpha",
    "lora_dropout": "lora_dropout",
    "lora_targets": "lora_target_modules",
    "rslora": "peft_use_rslora",
    "optimiser": "optimizer",
    "learning_rate": "learning_rate",
    "weight_decay": "weight_decay",
    "max_grad_norm": "max_grad_norm",
    "schedule": "lr_scheduler",
    "load_in_4bit": "load_in_4bit",
    "lora_layers": "peft_layers_to_transform",
    "beta": "rl_beta",
    "batch_size": "micro_batch_size",
    "accumulation": "gradient_accumulation_steps",
    "max_length": "sequence_len",
    "learn_from": "the labels of the rows",
}
_DATA: Final = {"sft": TOKENS, "dpo": "axolotl"}
_LONGEST_SECONDS: Final = 4 * 60 * 60

_MODAL: Final = '''"""Run the Axolotl config beside this file on Modal. Written by selftune.

    modal run {script} --config {config}
"""

import subprocess
from pathlib import Path

import modal

HERE = Path(__file__).parent
results = modal.Volume.from_name("selftune-{recipe}", create_if_missing=True)
image = (
    modal.Image.from_registry("axolotlai/axolotl:main-latest")
    .entrypoint([])
    .add_local_dir(HERE, "/work", ignore=["__pycache__", "adapter"])
)
app = modal.App("selftune-{recipe}", image=image)


@app.function(gpu={gpu!r}, timeout={timeout!r}, volumes={{"/results": results}})
def train(config: str) -> None:
    subprocess.run(["axolotl", "train", config, "--output-dir", "/results/adapter"], cwd="/work", check=True)
    results.commit()


@app.local_entrypoint()
def main(config: str = {config!r}) -> None:
    train.remote(config)
'''


class Axolotl:
    """Axolotl, on a machine with CUDA."""

    traits = Traits(program="Axolotl", data=_DATA, words=_WORDS)

    def files(self, order: Order) -> tuple[TextFile, ...]:
        """The YAML."""
        return (TextFile(name=CONFIG, text=as_yaml(settings(order, self.traits))),)

    def commands(self, order: Order) -> tuple[str, ...]:  # noqa: ARG002 - the config holds all of the order
        """Install and run."""
        return ("pip install axolotl", f"axolotl train {CONFIG}")


class Modal:
    """The same on Modal: a GPU rented by the second, stopped by a time limit."""

    traits = Traits(
        program="Modal",
        data=_DATA,
        words={**_WORDS, "max_seconds": "timeout of the function"},
        hosted=True,
    )

    def files(self, order: Order) -> tuple[TextFile, ...]:
        """The YAML, and the program that runs it there."""
        script = _MODAL.format(
            script=MODAL_SCRIPT,
            config=CONFIG,
            recipe=order.recipe.name,
            gpu=order.gpu,
            timeout=round(order.recipe.max_seconds) or _LONGEST_SECONDS,
        )
        return (
            TextFile(name=CONFIG, text=as_yaml(settings(order, self.traits))),
            TextFile(name=MODAL_SCRIPT, text=script),
        )

    def commands(self, order: Order) -> tuple[str, ...]:
        """Install, run, fetch."""
        return (
            "pip install modal && modal setup",
            f"modal run {MODAL_SCRIPT} --config {CONFIG}",
            f"modal volume get selftune-{order.recipe.name} adapter .",
        )


def settings(order: Order, traits: Traits) -> dict[str, Any]:
    """The order in Axolotl's words.

    Raises:
        ConfigError: a value that Axolotl takes only as a whole number is none.
    """
    recipe = order.recipe
    alpha = whole_number(recipe.lora_alpha)
    if alpha is None:
        raise cannot_say(order, traits, "lora_alpha", "Choose a whole number")
    return {
        "base_model": order.base,
        **_objective(order, traits),
        "adapter": "qlora" if recipe.load_in_4bit else "lora",
        "load_in_4bit": recipe.load_in_4bit,
        "load_in_8bit": False,
        "lora_r": recipe.lora_rank,
        "lora_alpha": alpha,
        "lora_dropout": recipe.lora_dropout,
        "lora_target_modules": list(recipe.lora_targets),
        "peft_use_rslora": recipe.rslora,
        **({} if order.adapted_layers is None else {"peft_layers_to_transform": list(order.adapted_layers)}),
        "dataset_prepared_path": "prepared",
        "val_set_size": 0.0,
        "sequence_len": recipe.max_length,
        "sample_packing": False,
        "micro_batch_size": recipe.batch_size,
        "gradient_accumulation_steps": recipe.accumulation,
        "max_steps": order.steps,
        "optimizer": _OPTIMISERS[recipe.optimiser],
        "learning_rate": recipe.learning_rate,
        "lr_scheduler": _SCHEDULES[recipe.schedule],
        "warmup_steps": order.warmup,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "bf16": order.precision == "bfloat16",
        "fp16": order.precision == "float16",
        "gradient_checkpointing": True,
        "logging_steps": 1,
        "save_steps": recipe.checkpoint_every,
        "save_total_limit": 2,
        "seed": order.seed,
        "output_dir": traits.adapter,
    }


def _objective(order: Order, traits: Traits) -> dict[str, Any]:
    """What is learnt from: rows of tokens, or pairs that the base's own template is put around."""
    file = {"path": traits.data_file(order.recipe.objective), "ds_type": "json"}
    if order.recipe.objective == "sft":
        return {"datasets": [file]}
    pairs = {"field_messages": "messages", "field_chosen": "chosen", "field_rejected": "rejected"}
    dataset = {**file, "split": "train", "type": "chat_template.default", **pairs}
    return {"rl": order.recipe.objective, "rl_beta": order.recipe.beta, "datasets": [dataset]}

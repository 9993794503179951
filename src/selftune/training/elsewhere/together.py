"""The two commands of Together's fine-tuning service (D8).

Arguments: those of `together fine-tuning create` and of the API behind it (docs.together.ai/reference/finetune). It
counts whole epochs, draws its own seed and packs examples, and its price is by the token.
"""

from __future__ import annotations

import shlex
from typing import Final

from selftune.training.elsewhere.base import Order, TextFile, Traits, cannot_say

SCRIPT: Final = "together.sh"
_MOST_EPOCHS: Final = 20  # the API's own bound


class Together:
    """Together's service: it trains LoRA on the bases in its list."""

    traits = Traits(
        program="Together",
        data={"sft": "together", "dpo": "together"},
        words={
            "lora_rank": "--lora-r",
            "lora_alpha": "--lora-alpha",
            "lora_dropout": "--lora-dropout",
            "lora_targets": "--lora-trainable-modules",
            "learning_rate": "--learning-rate",
            "weight_decay": "--weight-decay",
            "max_grad_norm": "--max-grad-norm",
            "schedule": "--lr-scheduler-type",
            "beta": "--dpo-beta",
            "batch_size": "--batch-size",
            "accumulation": "--batch-size",
            "max_length": "no example in the file is longer",
            "learn_from": "--train-on-inputs false",
        },
        precisions=("bfloat16",),
        hosted=True,
    )

    def files(self, order: Order) -> tuple[TextFile, ...]:
        """The commands as a script, for which FILE_ID is what the upload answered."""
        upload, create, download = self._calls(order)
        text = f"#!/bin/sh\n# {upload}\n# FILE_ID=…\nset -eu\n{create}\n# {download}\n"
        return (TextFile(name=SCRIPT, text=text),)

    def commands(self, order: Order) -> tuple[str, ...]:
        """Upload, start, fetch."""
        return ("pip install together", *self._calls(order))

    def _calls(self, order: Order) -> tuple[str, str, str]:
        recipe = order.recipe
        self._check(order)
        create = {
            "model": order.base,
            "n-epochs": order.samples // order.examples,
            "n-checkpoints": 1,
            "batch-size": recipe.examples_per_step,
            "learning-rate": recipe.learning_rate,
            "lr-scheduler-type": recipe.schedule,
            "warmup-ratio": order.warmup / order.steps,
            "max-grad-norm": recipe.max_grad_norm,
            "weight-decay": recipe.weight_decay,
            "lora-r": recipe.lora_rank,
            "lora-alpha": recipe.lora_alpha,
            "lora-dropout": recipe.lora_dropout,
            "lora-trainable-modules": ",".join(recipe.lora_targets),
            **({"train-on-inputs": "false"} if recipe.objective == "sft" else {}),
            **({"training-method": "dpo", "dpo-beta": recipe.beta} if recipe.objective == "dpo" else {}),
        }
        said = " ".join(f"--{name} {shlex.quote(str(value))}" for name, value in create.items())
        return (
            f"together files upload {self.traits.data_file(recipe.objective)}",
            f'together fine-tuning create --training-file "$FILE_ID" --lora {said}',
            "together fine-tuning download JOB_ID --checkpoint-type adapter",
        )

    def _check(self, order: Order) -> None:
        """Refuse steps that are no whole epochs, a schedule it has not, and earlier answers not to be learnt."""
        recipe = order.recipe
        if order.samples % order.examples or not 1 <= order.samples // order.examples <= _MOST_EPOCHS:
            key = "epochs" if recipe.epochs > 0 and order.examples > recipe.small_set else "max_steps"
            remedy = (
                f"It counts 1 to {_MOST_EPOCHS} whole epochs; {order.steps} steps of {recipe.examples_per_step} on "
                f"{order.examples} examples are {order.samples / order.examples:.2f}. Choose steps that come out even"
            )
            raise cannot_say(order, self.traits, key, remedy)
        if recipe.schedule == "constant":
            raise cannot_say(order, self.traits, "schedule", 'Set schedule = "linear" or "cosine"')
        if recipe.learn_from == "last_answer" and order.answers > 1:
            raise cannot_say(order, self.traits, "learn_from", 'Set learn_from = "every_answer"')

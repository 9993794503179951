"""A script for Unsloth: load in 4 bits, add LoRA, load the rows, train, save the adapter and a GGUF (A27, A28, A32).

The rows of SFT hold tokens and labels. Unsloth takes such rows as they are: it neither renders a template nor masks
anything (its `sft_prepare_dataset` skips rows that have `labels`), so what is learnt is what the pre-flight here looked
at. Pairs go as conversations, which TRL's trainers render with the tokenizer's own template.
"""

from __future__ import annotations

from typing import Final

from selftune.training.elsewhere.base import TOKENS, Order, TextFile, Traits
from selftune.training.elsewhere.writing import whole_number

SCRIPT: Final = "train_unsloth.py"
_OPTIMISERS: Final = {"adamw": "adamw_torch", "sgd": "sgd"}
_SCHEDULES: Final = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}

_IMPORTS: Final = {
    "sft": """from unsloth import FastLanguageModel  # first: it changes what is imported after it

from datasets import load_dataset
from trl import SFTConfig, SFTTrainer
""",
    "dpo": """from unsloth import FastLanguageModel, PatchDPOTrainer  # first: it changes what is imported after it

PatchDPOTrainer()

from datasets import load_dataset
from trl import DPOConfig, DPOTrainer
""",
    "orpo": """from unsloth import FastLanguageModel, PatchDPOTrainer  # first: it changes what is imported after it

PatchDPOTrainer()

from datasets import load_dataset

try:
    from trl import ORPOConfig, ORPOTrainer
except ImportError:  # where later versions of TRL keep it
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer
""",
}

_SCRIPT: Final = '''\
"""Recipe {recipe}: {steps} steps of {per_step} on {examples} examples. Written by selftune for Unsloth."""

import json

{imports}
PROBE, PROBE_IDS = {probe!r}, {probe_ids!r}

model, tokenizer = FastLanguageModel.from_pretrained(
    {base!r},
    max_seq_length={max_length!r},
    load_in_4bit={load_in_4bit!r},
)
if tokenizer(PROBE, add_special_tokens=False)["input_ids"] != PROBE_IDS:
    raise SystemExit("The examples were made with another tokenizer than this base has. Export them with its own.")

model = FastLanguageModel.get_peft_model(
    model,
    r={lora_rank!r},
    lora_alpha={lora_alpha!r},
    lora_dropout={lora_dropout!r},
    target_modules={lora_targets!r},
    layers_to_transform={layers!r},
    use_rslora={rslora!r},
    bias="none",
    use_gradient_checkpointing="unsloth",
    random_state={seed!r},
)

dataset = load_dataset({kind!r}, data_files={data_file!r}, split="train")

trainer = {objective}Trainer(
    model=model,
    processing_class=tokenizer,
    train_dataset=dataset,
    args={objective}Config(
        output_dir="checkpoints",
        max_length={max_length!r},
        {own!s}
        max_steps={steps!r},
        per_device_train_batch_size={batch_size!r},
        gradient_accumulation_steps={accumulation!r},
        learning_rate={learning_rate!r},
        lr_scheduler_type={schedule!r},
        warmup_steps={warmup!r},
        optim={optimiser!r},
        weight_decay={weight_decay!r},
        max_grad_norm={max_grad_norm!r},
        bf16={bf16!r},
        fp16={fp16!r},
        seed={seed!r},
        data_seed={seed!r},
        logging_steps=1,
        save_steps={checkpoint_every!r},
        save_total_limit=2,
        report_to="none",
    ),
)
trainer.train()

model.save_pretrained("adapter")
with open("history.json", "w", encoding="utf-8") as file:
    json.dump(trainer.state.log_history, file)
model.save_pretrained_gguf("model", tokenizer, quantization_method="q4_k_m")
'''

_AS_THEY_ARE: Final = (
    "lora_rank",
    "lora_dropout",
    "rslora",
    "load_in_4bit",
    "learning_rate",
    "weight_decay",
    "max_grad_norm",
    "batch_size",
    "accumulation",
    "max_length",
    "checkpoint_every",
)


class Unsloth:
    """Unsloth, on one CUDA GPU."""

    traits = Traits(
        program="Unsloth",
        data={"sft": TOKENS, "dpo": "parquet", "orpo": "parquet"},
        # Unsloth trains in the half precision of the machine; asked for float32 it takes that by itself.
        precisions=("bfloat16", "float16"),
        words={
            "load_in_4bit": "from_pretrained load_in_4bit",
            "max_length": "from_pretrained max_seq_length",
            "lora_rank": "get_peft_model r",
            "lora_alpha": "get_peft_model lora_alpha",
            "lora_dropout": "get_peft_model lora_dropout",
            "lora_targets": "get_peft_model target_modules",
            "lora_layers": "get_peft_model layers_to_transform",
            "rslora": "get_peft_model use_rslora",
            "beta": "beta",
            "optimiser": "optim",
            "learning_rate": "learning_rate",
            "weight_decay": "weight_decay",
            "max_grad_norm": "max_grad_norm",
            "schedule": "lr_scheduler_type",
            "batch_size": "per_device_train_batch_size",
            "accumulation": "gradient_accumulation_steps",
            "learn_from": "the labels of the rows",
        },
    )

    def files(self, order: Order) -> tuple[TextFile, ...]:
        """The script."""
        recipe, (probe, ids) = order.recipe, order.probe
        data_file = self.traits.data_file(recipe.objective)
        text = _SCRIPT.format(
            recipe=recipe.name,
            examples=order.examples,
            per_step=recipe.examples_per_step,
            steps=order.steps,
            imports=_IMPORTS[recipe.objective],
            objective=recipe.objective.upper(),
            own="packing=False," if recipe.objective == "sft" else f"beta={recipe.beta!r},",
            probe=probe,
            probe_ids=list(ids),
            base=order.base,
            kind="parquet" if data_file.endswith(".parquet") else "json",
            data_file=data_file,
            seed=order.seed,
            lora_alpha=whole_number(recipe.lora_alpha) or recipe.lora_alpha,
            lora_targets=list(recipe.lora_targets),
            layers=None if order.adapted_layers is None else list(order.adapted_layers),
            warmup=order.warmup,
            optimiser=_OPTIMISERS[recipe.optimiser],
            schedule=_SCHEDULES[recipe.schedule],
            bf16=order.precision == "bfloat16",
            fp16=order.precision == "float16",
            **{name: getattr(recipe, name) for name in _AS_THEY_ARE},
        )
        return (TextFile(name=SCRIPT, text=text),)

    def commands(self, order: Order) -> tuple[str, ...]:  # noqa: ARG002 - the script holds all of the order
        """Install and run."""
        return ("pip install unsloth", f"python {SCRIPT}")

"""What other programs call things, with the type they declare, written down from their own sources.

axolotl: `AxolotlInputConfig` and its parts in src/axolotl/utils/schemas/{config,model,peft,training,datasets}.py.
LLaMA-Factory: src/llamafactory/hparams/{model,data,finetuning}_args.py; the rest is transformers' TrainingArguments.
mlx-lm: `CONFIG_DEFAULTS` of mlx_lm/lora.py and `TrainingArgs` of mlx_lm/tuner/trainer.py.
Together: `fine_tuning.create` of its Python client, whose command line has the same names with dashes.
Read in November 2026. Only what could be written by us is listed; the tests hold our files to these lists.
"""

from __future__ import annotations

from typing import Final

AXOLOTL: Final[dict[str, type | tuple[type, ...]]] = {
    "base_model": str,
    "adapter": str,
    "load_in_4bit": bool,
    "load_in_8bit": bool,
    "lora_r": int,
    "lora_alpha": int,
    "lora_dropout": float,
    "lora_target_modules": list,
    "peft_layers_to_transform": list,
    "peft_use_rslora": bool,
    "rl": str,
    "rl_beta": float,
    "datasets": list,
    "dataset_prepared_path": str,
    "val_set_size": float,
    "sequence_len": int,
    "sample_packing": bool,
    "micro_batch_size": int,
    "gradient_accumulation_steps": int,
    "max_steps": int,
    "optimizer": str,
    "learning_rate": float,
    "lr_scheduler": str,
    "warmup_steps": int,
    "weight_decay": float,
    "max_grad_norm": float,
    "bf16": bool,
    "fp16": bool,
    "gradient_checkpointing": bool,
    "logging_steps": int,
    "save_steps": int,
    "save_total_limit": int,
    "seed": int,
    "output_dir": str,
}

LLAMA_FACTORY: Final[dict[str, type | tuple[type, ...]]] = {
    "model_name_or_path": str,
    "quantization_bit": int,
    "stage": str,
    "pref_loss": str,
    "pref_beta": float,
    "finetuning_type": str,
    "lora_rank": int,
    "lora_alpha": int,
    "lora_dropout": float,
    "lora_target": str,
    "use_rslora": bool,
    "dataset": str,
    "dataset_dir": str,
    "cutoff_len": int,
    "packing": bool,
    "train_on_prompt": bool,
    "mask_history": bool,
    "do_train": bool,
    "max_steps": int,
    "per_device_train_batch_size": int,
    "gradient_accumulation_steps": int,
    "optim": str,
    "learning_rate": float,
    "lr_scheduler_type": str,
    "warmup_steps": int,
    "weight_decay": float,
    "max_grad_norm": float,
    "bf16": bool,
    "fp16": bool,
    "seed": int,
    "logging_steps": int,
    "save_steps": int,
    "report_to": str,
    "output_dir": str,
}

MLX: Final[dict[str, type | tuple[type, ...]]] = {
    "model": str,
    "train": bool,
    "fine_tune_type": str,
    "optimizer": str,
    "optimizer_config": dict,
    "data": str,
    "seed": int,
    "num_layers": int,
    "batch_size": int,
    "iters": int,
    "learning_rate": float,
    "steps_per_report": int,
    "steps_per_eval": int,
    "val_batches": int,
    "adapter_path": str,
    "save_every": int,
    "max_seq_length": int,
    "grad_checkpoint": bool,
    "grad_accumulation_steps": int,
    "lr_schedule": dict,
    "lora_parameters": dict,
    "mask_prompt": bool,
}

TOGETHER: Final = frozenset(
    {
        "training-file",
        "model",
        "n-epochs",
        "n-checkpoints",
        "batch-size",
        "learning-rate",
        "lr-scheduler-type",
        "warmup-ratio",
        "max-grad-norm",
        "weight-decay",
        "lora",
        "lora-r",
        "lora-dropout",
        "lora-alpha",
        "lora-trainable-modules",
        "train-on-inputs",
        "training-method",
        "dpo-beta",
    }
)

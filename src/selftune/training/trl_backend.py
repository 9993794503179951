"""The back-end everyone knows: PEFT's adapters under TRL's trainers, with nothing left to their defaults.

The rows come tokenised and labelled, so TRL drops nothing, cuts nothing and masks nothing on its own.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.offline import stay_offline
from selftune.context import Progress
from selftune.errors import UsageError
from selftune.records import CurvePoint, RunStatus
from selftune.training.base import TrainingJob, TrainingResult, TrainingStoppedError
from selftune.training.checkpoints import is_sealed, seal_folder
from selftune.training.lora import load_adapter, save_adapter
from selftune.training.machine import device_here
from selftune.training.preferences.peers import dpo_trainer, kto_trainer, orpo_trainer
from selftune.training.rows import labels_of, load_tokenizer
from selftune.training.stopping import enough, is_measured, kept_step, lowest
from selftune.training.watch import divergence, finite, is_time_up

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from selftune.context import Context
    from selftune.training.base import Row
    from selftune.training.config import Recipe

_OPTIMISERS: Final = {"adamw": "adamw_torch", "sgd": "sgd"}
# Fills up short rows; it is masked by position, so any token would do.
_PAD_ID: Final = 0
_SECONDS: Final = "selftune_seconds"
_SCHEDULES: Final = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}


class TrlBackend:
    """Trains with TRL and PEFT, on the device that this machine has unless one is named."""

    def __init__(self, *, device: str | None = None) -> None:
        self._device = device

    def train(self, job: TrainingJob, context: Context) -> TrainingResult:
        """Train from the initial adapter, or from the last whole checkpoint that an earlier try left."""
        stay_offline()
        # transformers' own trainer reads the name that transformers deprecates.
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        from peft import get_peft_model_state_dict
        from transformers import PrinterCallback

        device = self._device or device_here()
        check_one_card(device)
        model = adapted_model(job, device)
        watch = _Watch(job, context)
        services = {"model": model, "processing_class": _tokenizer(job), "callbacks": [watch.callback()]}
        make = trainer_for(job.recipe)
        trainer = make(_in_planned_order(job), job.recipe, trainer_settings(job, device), services, job.held_out)
        trainer.remove_callback(PrinterCallback)  # results alone belong on stdout
        trainer.train(resume_from_checkpoint=last_checkpoint(job.checkpoints))
        curve = curve_of(trainer.state.log_history)
        ended = None if watch.stopped else enough(curve, len(job.batches), job.recipe)
        done = int(trainer.state.global_step)
        met = (job.rows[index] for step in job.batches[:done] for batch in step for index in batch)
        learnt = sum(sum(side.supervised) for row in met for side in row.sides)
        result = TrainingResult(
            status=RunStatus.OUT_OF_TIME if watch.stopped else RunStatus.FINISHED,
            steps=done,
            supervised_tokens=learnt,
            curve=curve,
            reason=watch.stopped or ended,
            adapter_step=kept_step(curve, job.recipe),
            seconds=watch.seconds,
            earlier_seconds=watch.earlier_seconds,
        )
        if watch.lost:
            return replace(result, status=RunStatus.DIVERGED, curve=finite(curve), reason=watch.lost)
        if watch.asked:
            raise TrainingStoppedError(done, len(job.batches))
        adapter = get_peft_model_state_dict(model) if result.adapter_step is None else watch.best()
        # Beside a base in 4 bits TRL holds it in halves.
        whole = {name: tensor.float() for name, tensor in adapter.items()}
        save_adapter(job.adapter, whole, job.recipe, context.base.name)
        return result


def check_one_card(device: str, cards: int | None = None) -> None:
    """That one card at most is in sight: on several, transformers' trainer takes as many batches at once.

    Raises:
        UsageError: there are more; `cards` of them, where that is not asked of torch.
    """
    import torch

    found = torch.cuda.device_count() if cards is None else cards
    if device == "cuda" and found > 1:
        raise UsageError(
            f"back-end 'trl' trains on one card, and {found} are in sight.",
            next_step="Set CUDA_VISIBLE_DEVICES=0, or another number.",
        )


def adapted_model(job: TrainingJob, device: str = "cpu") -> Any:
    """The base with the initial adapter on it, only the adapter trainable."""
    import torch
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
    from transformers import AutoModelForCausalLM

    recipe = job.recipe
    base = AutoModelForCausalLM.from_pretrained(
        job.base_folder,
        dtype=getattr(torch, recipe.precision),
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        **(_four_bits(device) if recipe.load_in_4bit else {}),
    )
    base = _prepared(base) if recipe.load_in_4bit else base.to(device)
    settings = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=list(recipe.lora_targets),
        layers_to_transform=_last_layers(base.config.num_hidden_layers, recipe.lora_layers),
        use_rslora=recipe.rslora,
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, settings)
    set_peft_model_state_dict(model, load_adapter(job.initial)[0])
    return model


def _four_bits(device: str) -> dict[str, Any]:
    """How transformers is told to hold the linear layers in 4 bits (Dettmers et al. 2023)."""
    import torch
    from transformers import BitsAndBytesConfig

    quantised = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return {"quantization_config": quantised, "device_map": {"": device}}


def _prepared(base: Any) -> Any:
    """A base in 4 bits, frozen, with all that is not in 4 bits in float32, as PEFT advises."""
    from peft import prepare_model_for_kbit_training

    return prepare_model_for_kbit_training(base, use_gradient_checkpointing=False)


def _last_layers(layers: int, count: int) -> list[int] | None:
    """The layers that get an adapter, as PEFT is told: none named where every one does."""
    return list(range(layers))[-count:] if count else None


def trainer_for(recipe: Recipe) -> Callable[..., Any]:
    """What makes TRL's trainer for the recipe's objective out of rows, recipe, settings and services.

    Raises:
        UsageError: TRL is given no trainer for it here.
    """
    trainers = {"sft": sft_trainer, "dpo": dpo_trainer, "orpo": orpo_trainer, "kto": kto_trainer}
    if recipe.objective not in trainers:
        raise UsageError(
            f"back-end 'trl' has no trainer for objective {recipe.objective!r}.",
            next_step='Set backend = "packed" in the recipe.',
        )
    return trainers[recipe.objective]


def sft_trainer(
    rows: Sequence[Row],
    recipe: Recipe,  # noqa: ARG001 - as the trainers of `preferences/peers.py`
    settings: Mapping[str, Any],
    services: Mapping[str, Any],
    held_out: Sequence[Row] = (),
) -> Any:
    """TRL's `SFTTrainer` over these rows in this order."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    return SFTTrainer(
        args=SFTConfig(**settings, dataset_kwargs={"skip_prepare_dataset": True}, max_length=None, packing=False),
        train_dataset=Dataset.from_dict(_as_sft_reads(rows)),
        eval_dataset=Dataset.from_dict(_as_sft_reads(held_out)) if held_out else None,
        data_collator=DataCollatorForLanguageModeling(pad_token_id=_PAD_ID),
        **services,
    )


def _as_sft_reads(rows: Sequence[Row]) -> dict[str, list[list[int]]]:
    return {"input_ids": [list(row.tokens) for row in rows], "labels": [labels_of(row) for row in rows]}


def trainer_settings(job: TrainingJob, device: str = "cpu") -> dict[str, Any]:
    """Settings of any of TRL's trainers, each one said: its defaults (bf16, reports, learning rates) are not ours."""
    recipe = job.recipe
    return {
        "output_dir": str(job.checkpoints),
        "use_cpu": device == "cpu",
        "bf16": False,
        "report_to": "none",
        "seed": job.seed,
        "data_seed": job.seed,
        "max_steps": len(job.batches),
        "per_device_train_batch_size": recipe.batch_size,
        "per_device_eval_batch_size": 1,
        "eval_strategy": "no",
        "prediction_loss_only": True,
        "gradient_accumulation_steps": recipe.accumulation,
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "lr_scheduler_type": _SCHEDULES[recipe.schedule],
        "warmup_steps": recipe.warmup_for(len(job.batches)),
        "optim": _OPTIMISERS[recipe.optimiser],
        "train_sampling_strategy": "sequential",
        "activation_checkpointing": False,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": recipe.checkpoint_every,
        "save_total_limit": 2,
        "disable_tqdm": True,
        "push_to_hub": False,
    }


def last_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that is whole and as it was written; one that is not is passed over."""
    whole = [path for path in folder.glob("checkpoint-*") if is_sealed(path)]
    return str(max(whole, key=lambda path: int(path.name.rpartition("-")[2]))) if whole else None


def curve_of(log: list[dict[str, Any]]) -> tuple[CurvePoint, ...]:
    """The logged steps of a trainer's history, each with the loss on held-out lessons where that was taken after it."""
    measured = {int(entry["step"]): float(entry["eval_loss"]) for entry in log if "eval_loss" in entry}
    return tuple(
        CurvePoint(
            step=int(entry["step"]),
            loss=float(entry["loss"]),
            learning_rate=float(entry["learning_rate"]),
            grad_norm=float(entry["grad_norm"]),
            eval_loss=measured.get(int(entry["step"])),
        )
        for entry in log
        if "loss" in entry
    )


class _Watch:
    """Reports each step and stops the trainer when the time is up, the loss is lost or somebody asks for it.

    The seconds of each step go into the trainer's own log, which its checkpoints hold: a later try goes on counting.
    """

    def __init__(self, job: TrainingJob, context: Context) -> None:
        self.lost: str | None = None
        self.stopped: str | None = None
        self.asked = False
        self.earlier_seconds = 0.0
        self._should_stop = job.should_stop
        self._recipe: Recipe = job.recipe
        self._steps = len(job.batches)
        self._context = context
        self._started = context.elapsed()
        self._best = job.checkpoints / "best.safetensors"

    @property
    def seconds(self) -> float:
        """What the steps took so far, those of earlier tries included."""
        return self.earlier_seconds + self._context.elapsed() - self._started

    def callback(self) -> Any:
        """What transformers calls at each step; made here, since its base class wakes torch."""
        from transformers import TrainerCallback

        watch = self

        class Callback(TrainerCallback):  # type: ignore[misc] # transformers ships no types
            def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
                watch.begin(state)

            def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
                watch.look(state, control)

            def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
                seal_folder(Path(args.output_dir) / f"checkpoint-{state.global_step}")

            def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
                watch.mind_the_time(state, control)

            def on_evaluate(self, args: Any, state: Any, control: Any, model: Any, **kwargs: Any) -> None:  # noqa: ARG002
                watch.weigh(state, control, model)

        return Callback()

    def begin(self, state: Any) -> None:
        """Start the clock where the checkpoint that is gone on from left it."""
        self._started = self._context.elapsed()
        told = [entry[_SECONDS] for entry in state.log_history if _SECONDS in entry]
        self.earlier_seconds = told[-1] if told else 0.0

    def look(self, state: Any, control: Any) -> None:
        """After a step was logged: say how it went, stop when the loss is lost."""
        curve = curve_of(state.log_history[-1:])
        if not curve:
            return
        state.log_history[-1][_SECONDS] = self.seconds
        self._context.report(Progress(done=curve[-1].step, total=self._steps, note=f"loss {curve[-1].loss:.3f}"))
        self.lost = self.lost or divergence(curve_of(state.log_history))
        if self._should_stop() and state.global_step < self._steps:
            self.asked = control.should_save = True
        control.should_training_stop |= self.asked or self.lost is not None

    def mind_the_time(self, state: Any, control: Any) -> None:
        """After a step: measure where it is time to; stop when the recipe's seconds are used up and steps are left."""
        control.should_evaluate = is_measured(state.global_step, self._steps, self._recipe)
        if is_time_up(self.seconds, self._recipe.max_seconds) and not self.stopped:
            if state.global_step < self._steps:
                self.stopped = f"{state.global_step} of {self._steps} steps in {self._recipe.max_seconds:g} s"
            control.should_training_stop = True

    def weigh(self, state: Any, control: Any, model: Any) -> None:
        """After a measuring: keep the adapter of the lowest loss; stop when no lower one came for long enough."""
        from peft import get_peft_model_state_dict
        from safetensors.torch import save_file

        curve = curve_of(state.log_history)
        self.lost = self.lost or divergence(curve)
        if self._recipe.stop_early_after and curve[-1] is lowest(curve):
            draft = self._best.with_suffix(".draft")
            save_file({name: tensor.contiguous() for name, tensor in get_peft_model_state_dict(model).items()}, draft)
            draft.replace(self._best)
        if enough(curve, self._steps, self._recipe):
            # A checkpoint from here on would be gone on from, past the end.
            self.asked = control.should_save = False
            control.should_training_stop = True
        control.should_training_stop |= self.lost is not None

    def best(self) -> Mapping[str, Any]:
        """The adapter of the lowest loss that was measured."""
        from safetensors.torch import load_file

        kept: Mapping[str, Any] = load_file(self._best)
        return kept


def _in_planned_order(job: TrainingJob) -> list[Row]:
    """Every example of every step, in the order of the job's batches; the trainer reads it from front to back."""
    return [job.rows[index] for step in job.batches for batch in step for index in batch]


def _tokenizer(job: TrainingJob) -> Any:
    tokenizer = load_tokenizer(job.base_folder)
    # TRL asks for a pad token by name; the collator's own id is what is used, and it is never under the loss.
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(_PAD_ID)
    return tokenizer

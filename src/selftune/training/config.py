"""What can be set about a training: the recipe. Each key is read by the back-ends; one that nobody reads is refused."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from selftune.bases.memory import SEVEN_LINEARS
from selftune.errors import offer
from selftune.plugins import registered
from selftune.records import RunPurpose, digest_of
from selftune.settings import Shipped, from_mapping, read_toml, refusal
from selftune.training.parts import ORDERS, PARTS, SHUFFLE
from selftune.training.ranges import check_ranges

RECIPES: Final = Shipped(kind="recipe", package="selftune.training", folder="recipes")

LATE: Final = {"late_linear": "linear", "late_cosine": "cosine"}
"""Schedules whose rate stays for the first quarter of the steps, and which shape it takes from there on."""

_CHOICES: Final = {
    "optimiser": ("adamw", "sgd"),
    "schedule": ("constant", "linear", "cosine", *LATE),
    "precision": ("float32", "bfloat16"),
    "learn_from": ("last_answer", "every_answer"),
    "order": ORDERS,
    "weigh_by": ("", *PARTS),
}
_MOST_HELD_OUT: Final = 0.5
_POSITIVE: Final = (
    "lora_rank",
    "lora_alpha",
    "batch_size",
    "accumulation",
    "max_length",
    "measure_every",
    "checkpoint_every",
    "logit_prompts",
)
_TOLD_ELSEWHERE: Final = frozenset({"name", "objective", "backend", "purpose", "seed", "ranges"})
_NOT_NEGATIVE: Final = (
    "learning_rate",
    "weight_decay",
    "max_grad_norm",
    "warmup_steps",
    "lora_layers",
    "epochs",
    "small_set",
    "stop_early_after",
    "max_seconds",
)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way to train.

    Attributes:
        objective: `sft` learns answers; `dpo` and `orpo` learn which of two is the better one, `kto` which
            were liked.
        beta: How much a pair counts: DPO's beta, or ORPO's lambda, which TRL calls beta too; 0 for SFT, which has none.
        lora_layers: Only the last so many decoder layers get an adapter; 0: every one.
        rslora: Scale the adapter by alpha / sqrt(rank) instead of alpha / rank (Kalajdzievski 2023).
        load_in_4bit: Hold the base's linear layers in 4 bits (QLoRA, Dettmers et al. 2023). That takes CUDA:
            `trl` and `unsloth` do it where torch finds a card, and any other back-end is refused.
        schedule: What the rate does after its warm-up: `constant`, or falls as `linear` or `cosine`; `late_linear` and
            `late_cosine` hold it for the first quarter of the steps before it falls, which only `packed` does.
        warmup_share: Share of the steps in which the learning rate rises, in place of `warmup_steps`.
        learn_from: Which assistant turns carry the loss: the answer that was judged, or every one.
        learn_reasoning: Whether what was thought before an answer is learnt with it, where the base thinks. Else it
            is shown and never learnt; a block that holds nothing never is.
        max_steps: Optimiser steps where `epochs` does not decide.
        epochs: Passes over the examples where there are more than `small_set` of them; 0: always `max_steps`.
        small_set: Up to so many examples `max_steps` decides.
        max_seconds: Stop then, keep what was learnt, and say so; 0: no limit.
        max_length: Longer examples are left out, each named as a reject; none is cut.
        batch_size: Examples in one forward pass; times `accumulation` they make an optimiser step.
        keep_prompts_together: Put examples that share their beginning into one pass, so that it is computed once.
        order: How lessons follow one another within a pass: `shuffle`, `source_first` (what a person asked before what
            was made up), `tokens` (the shortest first), or `kind`, `source` or `teacher`, one after another by name.
        weigh_by: What `weights` tell apart: `kind`, `origin`, `source` or `teacher`; empty where there are none.
        weights: How often a lesson of a part is met, beside one of weight 1, as which counts what is named nowhere. The
            steps stay as many.
        held_out_share: Share of the lessons that is not learnt but tells the loss on what was not seen; never of the
            exam.
        measure_every: Steps from one measuring of that loss to the next; the last step is measured too.
        stop_early_after: Measurings without a lower loss after which the training ends, with the adapter of the
            lowest; 0: it never does, and the last adapter is kept.
        least_supervised: Share of tokens under the loss below which the pre-flight refuses; likewise `most_supervised`.
        logit_prompts: Prompts on which the trained model must answer differently from its base.
        continue_from: Run whose adapter is trained further; empty: start from the base.
        purpose: `production`: what comes of it may serve; `probe`: it is a cheap look, held only against other probes;
            empty: its budget beside the champion's says which.
        found_on: Families of bases, as their config names them, on which this recipe's figures were found: of another
            one the pre-flight warns. Empty: nobody wrote it down.
        overrules: Rules of the pre-flight that this recipe sets aside with open eyes, such as `stage order`.
        seed: What all chance of the training comes from; None: the project's seed. Under another seed it is the same
            recipe.
        ranges: The least and the most of each key that may be varied, by `--set` or by a search; no other key may. They
            change nothing about how this recipe trains.
    """

    name: str
    objective: str = "sft"
    beta: float = 0.0
    backend: str = "packed"
    lora_rank: int = 16
    lora_alpha: float = 16.0
    lora_dropout: float = 0.0
    lora_targets: tuple[str, ...] = SEVEN_LINEARS
    lora_layers: int = 0
    rslora: bool = False
    load_in_4bit: bool = False
    optimiser: str = "adamw"
    learning_rate: float = 2e-4
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    schedule: str = "linear"
    warmup_steps: int = 0
    warmup_share: float = 0.0
    batch_size: int = 2
    accumulation: int = 4
    max_steps: int = 60
    epochs: float = 0.0
    small_set: int = 0
    max_seconds: float = 0.0
    max_length: int = 2048
    learn_from: str = "last_answer"
    learn_reasoning: bool = False
    keep_prompts_together: bool = False
    order: str = SHUFFLE
    weigh_by: str = ""
    weights: tuple[tuple[str, float], ...] = ()
    held_out_share: float = 0.0
    measure_every: int = 10
    stop_early_after: int = 0
    least_supervised: float = 0.05
    most_supervised: float = 0.95
    logit_prompts: int = 4
    precision: str = "float32"
    checkpoint_every: int = 20
    continue_from: str = ""
    purpose: RunPurpose = RunPurpose.UNSTATED
    found_on: tuple[str, ...] = ()
    overrules: tuple[str, ...] = ()
    seed: int | None = None
    ranges: tuple[tuple[str, tuple[float, ...]], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a value that could not train.

        Raises:
            ConfigError: names the key and what it takes.
        """
        objectives = sorted(registered("selftune.objectives"))
        self._need(self.objective in objectives, "objective", f"one of: {', '.join(objectives)}")
        self._check_pairs()
        self._check_sampling()
        for key, choices in _CHOICES.items():
            value, named = getattr(self, key), ", ".join(filter(None, choices))
            step = offer(value, filter(None, choices))
            self._need(value in choices, key, f"one of: {named}", next_step=step)
        for key in (*_POSITIVE, *_NOT_NEGATIVE, "beta"):
            self._need(getattr(self, key) < math.inf, key, "finite")
        for key in _POSITIVE:
            self._need(getattr(self, key) > 0, key, "more than 0")
        for key in _NOT_NEGATIVE:
            self._need(getattr(self, key) >= 0, key, "0 or more")
        self._need(0 <= self.lora_dropout < 1, "lora_dropout", "between 0 and 1")
        self._need(bool(self.lora_targets), "lora_targets", "at least one linear layer")
        self._need(0 <= self.warmup_share < 1, "warmup_share", "between 0 and 1")
        self._need(not (self.warmup_share and self.warmup_steps), "warmup_share", "0 where warmup_steps is set")
        packed = self.backend == "packed"
        self._need(packed or self.schedule not in LATE, "schedule", f"constant, linear or cosine for {self.backend}")
        self._need(self.seed is None or self.seed >= 0, "seed", "0 or more")
        self._need(self.max_steps > 0 or self.epochs > 0, "max_steps", "more than 0, or set epochs")
        check_ranges(self.name, self.ranges, {field.name: getattr(self, field.name) for field in fields(self)})

    def _check_pairs(self) -> None:
        """Refuse what an objective would leave unread, or compare wrongly."""
        if self.objective == "sft":
            self._need(self.beta == 0, "beta", "left out: only objectives that learn from pairs have one")
            return
        self._need(self.beta > 0, "beta", f"more than 0 for {self.objective}; 0.1 is common")
        # With dropout, the two answers of a pair and its reference would be compared through three different models.
        self._need(self.lora_dropout == 0, "lora_dropout", f"0 for {self.objective}")
        self._need(self.learn_from == "last_answer", "learn_from", f"last_answer for {self.objective}")
        if self.objective == "kto":  # what an answer counts is measured by its neighbours in a forward pass
            self._need(self.batch_size > 1, "batch_size", "2 or more for kto")
            self._need(self.held_out_share == 0, "held_out_share", "0 for kto")
        self._need(not self.learn_reasoning, "learn_reasoning", f"false for {self.objective}")

    def _check_sampling(self) -> None:
        """Refuse weights of nothing, and an early stop with nothing to measure by."""
        self._need(bool(self.weights) == bool(self.weigh_by), "weigh_by", "set with [weights], and left out without")
        for name, weight in self.weights:
            self._need(0 < weight < math.inf, "weights", f"more than 0 for {name!r}")
        self._need(0 <= self.held_out_share <= _MOST_HELD_OUT, "held_out_share", f"from 0 to {_MOST_HELD_OUT:g}")
        measured = self.held_out_share > 0
        self._need(measured or not self.stop_early_after, "stop_early_after", "left out where held_out_share is 0")

    def _need(self, holds: bool, key: str, wanted: str, *, next_step: str = "Correct it in the file.") -> None:
        if not holds:
            raise refusal(f"recipe {self.name}: {key}", getattr(self, key), wanted, next_step=next_step)

    @property
    def digest(self) -> str:
        """Names it, whatever the seed and however far it may be varied."""
        return digest_of(replace(self, seed=None, ranges=()))

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        """Each key that says how it trains, with its value as text: what a table of runs is made of."""
        unsaid = _TOLD_ELSEWHERE if self.beta else _TOLD_ELSEWHERE | {"beta"}
        told = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in unsaid}
        return tuple((key, _as_text(value)) for key, value in told.items())

    @property
    def examples_per_step(self) -> int:
        """Examples behind one optimiser step."""
        return self.batch_size * self.accumulation

    @property
    def lora_scale(self) -> float:
        """What the product of the adapter's two matrices is multiplied by."""
        return self.lora_alpha / (self.lora_rank**0.5 if self.rslora else self.lora_rank)

    def steps_for(self, examples: int) -> int:
        """Optimiser steps for so many examples; a pass that does not come out even takes one step more.

        Source: transformers' `Trainer.set_initial_training_values`, with batch and accumulation each rounded up.
        """
        if self.epochs > 0 and examples > self.small_set:
            a_pass = math.ceil(math.ceil(examples / self.batch_size) / self.accumulation)
            return max(1, math.ceil(round(a_pass * self.epochs, 9)))  # 0.1 of 30 is 3, whatever a float makes of it
        return self.max_steps

    def warmup_for(self, steps: int) -> int:
        """Of so many steps, those in which the learning rate rises."""
        return math.ceil(round(self.warmup_share * steps, 9)) or self.warmup_steps


def _as_text(value: Any) -> str:
    """A value as a table of runs shows it; what has names and numbers as JSON, since a name may hold anything."""
    if not isinstance(value, tuple):
        return str(value)
    return ", ".join(value) if all(isinstance(one, str) for one in value) else json.dumps(dict(value))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """The recipe of this name in the package, or the one in this TOML file.

    Raises:
        UnknownNameError: no recipe has the name; the nearest is offered.
        MissingFileError: the path is not there.
        ConfigError: not TOML, an unknown key (the nearest is offered), or a value of the wrong type.
    """
    table = read_toml(RECIPES.text(name_or_path), f"recipe {name_or_path}")
    return recipe_from(table, default_name=Path(name_or_path).name.removesuffix(".toml"))


def recipe_from(table: dict[str, Any], *, default_name: str) -> Recipe:
    """A recipe from a table as TOML reads it; `name` is optional there.

    Raises:
        ConfigError: an unknown key or a value of the wrong type.
    """
    return from_mapping(Recipe, {"name": default_name, **table}, f"recipe {default_name}")

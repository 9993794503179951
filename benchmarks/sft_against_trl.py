"""Our packed SFT loop against TRL, a loop by hand and the bare matrix products: `python benchmarks/sft_against_trl.py`.

1,500 chats of random tokens with the lengths that people's chats have (log-normal, half of them under 180 tokens, 95 %
under 900, cut at the base's context), of which the last answer, a tenth to a half, is under the loss. Eight make an
optimiser step; each round takes other ones, short and long alike, the same for every side, in processor seconds on one
thread:

- `trl default`: as TRL comes, with padding and activation checkpointing;
- `trl tuned`: without either, as fast as we got it on a CPU: one chat in a forward pass, eight of them in a step;
- `by hand`: PEFT under a loop of twenty lines, eight chats in one sequence, PyTorch's attention under a block mask;
- `gemm`: nothing but `torch.mm` for the matrix products of such a step, forward and backward to each input, the causal
  half of attention's included. It is a limit and no peer: its ratio is the share of our time that it would take.

Parity first: the losses of all, and the adapter's gradients by ours and by hand, agree within 1e-4.
"""

from __future__ import annotations

import os

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # before torch wakes: its threads wait busily

import json
import math
import random
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from figures import in_turn, tell

from selftune.bases.offline import stay_offline
from selftune.bases.registry import resolve_base
from selftune.bases.shape import read_shape
from selftune.testing import fake_context
from selftune.training.base import Row, TrainingJob
from selftune.training.config import Recipe
from selftune.training.lora import attach, load_adapter, new_adapter, save_adapter
from selftune.training.packed_backend import PackedBackend
from selftune.training.trl_backend import adapted_model, sft_trainer, trainer_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.bases.shape import ModelShape

CHATS: Final = 1500
STEPS: Final = 8
BATCH: Final = 8
TOLERANCE: Final = 1e-4
GOALS: Final = {"trl default": 3.0, "trl tuned": 1.3, "by hand": 1.0, "gemm": 0.7}


@dataclass
class Steps:
    """Losses of a training and its processor seconds after the first step."""

    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def done(self, _: Any = None) -> None:
        """A step was reported."""
        self.seconds.append(time.process_time())

    @property
    def spent(self) -> float:
        """Seconds of the steps after the first."""
        return self.seconds[-1] - self.seconds[0]


def draw_chats(vocabulary: int, context: int) -> tuple[Row, ...]:
    """Chats of random tokens."""
    draw = random.Random(7)  # noqa: S311 - what is drawn must repeat, not be secret
    spread = math.log(900 / 180) / 1.645  # from the middle to the 95th percentile of a normal one

    def chat(number: int) -> Row:
        length = max(16, min(round(180 * draw.lognormvariate(0, spread)), context))
        learnt = max(4, round(length * draw.uniform(0.1, 0.5)))
        marks = (False,) * (length - learnt) + (True,) * learnt
        tokens = tuple(draw.randrange(vocabulary) for _ in range(length))
        return Row(interaction_id=f"interaction:{number}", tokens=tokens, supervised=marks)

    return tuple(map(chat, range(CHATS)))


def deal(chats: Sequence[Row], rounds: int) -> list[tuple[Row, ...]]:
    """Chats for each round: every so-manieth of all by length, so that a round is no luckier than another; shuffled."""
    by_length, size = sorted(chats, key=lambda row: len(row.tokens)), STEPS * BATCH
    apart = len(chats) // size
    draw = random.Random(8)  # noqa: S311 - what is drawn must repeat, not be secret
    return [tuple(draw.sample(by_length[at::apart], size)) for at in draw.sample(range(apart), rounds)]


def job_in(folder: Path, base: Path, rows: tuple[Row, ...]) -> TrainingJob:
    """A job over these rows from front to back, eight to a step in one pass."""
    recipe = Recipe(
        name="sft",
        batch_size=BATCH,
        accumulation=1,
        max_steps=STEPS,
        learning_rate=1e-4,
        checkpoint_every=10**6,
    )
    save_adapter(folder / "initial", new_adapter(read_shape(base), recipe, 0), recipe, "base")
    return TrainingJob(
        recipe=recipe,
        rows=rows,
        batches=tuple((tuple(range(step * BATCH, (step + 1) * BATCH)),) for step in range(STEPS)),
        seed=0,
        base_folder=base,
        initial=folder / "initial",
        checkpoints=folder / "checkpoints",
        adapter=folder / "adapter",
    )


def train_packed(job: TrainingJob, steps: Steps) -> None:
    """Ours, through its own door."""
    with tempfile.TemporaryDirectory() as scratch:
        context = replace(fake_context(Path(scratch)), report=steps.done)
        steps.losses = [point.loss for point in PackedBackend().train(job, context).curve]


def train_trl(job: TrainingJob, steps: Steps, changes: dict[str, Any]) -> None:
    """TRL's trainer by our rows and settings, and what this side changes in them."""
    stay_offline()
    from transformers import PrinterCallback, TrainerCallback

    from selftune.training.rows import load_tokenizer

    class Watch(TrainerCallback):  # type: ignore[misc] # transformers ships no types
        def on_step_end(self, *_: Any, **__: Any) -> None:
            steps.done()

    tokenizer = load_tokenizer(job.base_folder)
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
    services = {"model": adapted_model(job), "processing_class": tokenizer, "callbacks": [Watch()]}
    settings = trainer_settings(job) | {"save_strategy": "no"} | changes
    trainer = sft_trainer(job.rows, job.recipe, settings, services)
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    steps.losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def train_by_hand(job: TrainingJob, steps: Steps) -> None:
    """The loop that one would write: a step is one sequence, and a mask keeps its chats apart."""
    import torch

    model = adapted_model(job)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=job.recipe.learning_rate, weight_decay=0.0)
    for number, ((*batch,),) in enumerate(job.batches):
        loss = loss_by_hand(model, [job.rows[index] for index in batch])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, job.recipe.max_grad_norm)
        for group in optimiser.param_groups:
            group["lr"] = job.recipe.learning_rate * (1 - number / STEPS)
        optimiser.step()
        optimiser.zero_grad()
        steps.losses.append(loss.item())
        steps.done()


def loss_by_hand(model: Any, rows: Sequence[Row]) -> Any:
    """Mean cross-entropy over the tokens under the loss, logits for these alone."""
    import torch
    from torch.nn import functional

    tokens = torch.tensor([token for row in rows for token in row.tokens])
    positions = torch.cat([torch.arange(len(row.tokens)) for row in rows])
    owner = torch.repeat_interleave(torch.arange(len(rows)), torch.tensor([len(row.tokens) for row in rows]))
    learnt = torch.tensor([mark for row in rows for mark in row.supervised]).nonzero()[:, 0]
    allowed = (owner[:, None] == owner[None, :]).tril()[None, None]
    decoder = model.get_base_model().get_decoder()
    seen = decoder(
        input_ids=tokens[None], position_ids=positions[None], attention_mask=allowed, use_cache=False
    ).last_hidden_state[0, learnt - 1]
    return functional.cross_entropy(model.get_base_model().get_output_embeddings()(seen), tokens[learnt])


def multiply(job: TrainingJob, steps: Steps) -> None:
    """The matrix products of each step after the first, and nothing else: what they are made of is made beforehand."""
    spent, shape = 0.0, read_shape(job.base_folder)
    heads = json.loads((job.base_folder / "config.json").read_text(encoding="utf-8"))["num_attention_heads"]
    for (batch,) in job.batches[1:]:
        products = products_of(shape, heads, [job.rows[index] for index in batch], job.recipe.lora_rank)
        begun = time.process_time()
        for one, other in products:
            one @ other
        spent += time.process_time() - begun
    steps.seconds = [0.0, spent]


def products_of(shape: ModelShape, heads: int, rows: Sequence[Row], rank: int) -> list[tuple[Any, Any]]:
    """Pairs of matrices to multiply: of the linear layers, the adapter, the heads' causal attention and the logits."""
    import torch

    tokens, learnt = sum(len(row.tokens) for row in rows), sum(sum(row.supervised) for row in rows)
    products: list[tuple[Any, Any]] = []

    def both_ways(rows: int, inner: int, columns: int) -> None:
        """Forward, and backward to the input."""
        products.append((torch.ones(rows, inner), torch.ones(columns, inner).t()))
        products.append((torch.ones(rows, columns), torch.ones(columns, inner)))

    for layer in (layer for target in Recipe(name="all").lora_targets for layer in shape.linears(target)):
        outputs, inputs = layer.shape
        both_ways(tokens, inputs, outputs)
        both_ways(tokens, inputs, rank)
        both_ways(tokens, rank, outputs)
        products.append((torch.ones(rank, tokens), torch.ones(tokens, inputs)))
        products.append((torch.ones(outputs, tokens), torch.ones(tokens, rank)))
    width = shape.linears("q_proj")[0].shape[0] // heads
    for row in rows:
        for _ in range(shape.layers * heads):
            both_ways(len(row.tokens), width, len(row.tokens) // 2)  # scores
            both_ways(len(row.tokens), len(row.tokens) // 2, width)  # what they weigh
            both_ways(len(row.tokens) // 2, width, len(row.tokens))  # backward to the keys and to the values
    both_ways(learnt, shape.hidden, shape.vocabulary)
    return products


def sides_of() -> dict[str, Callable[[TrainingJob, Steps], None]]:
    """Ours, TRL as it comes, TRL as well as we can tune it, the loop by hand, and the limit."""
    one_by_one = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": BATCH}
    return {
        "ours": train_packed,
        "trl default": partial(train_trl, changes={"activation_checkpointing": True}),
        "trl tuned": partial(train_trl, changes=one_by_one),
        "by hand": train_by_hand,
        "gemm": multiply,
    }


def parity(sides: dict[str, Callable[[TrainingJob, Steps], None]], job: TrainingJob) -> float:
    """How far losses and gradients lie from ours at most, as a share; more than the tolerance ends it all."""
    losses = {}
    for name, train in sides.items():
        if name != "gemm":
            train(job, steps := Steps())
            losses[name] = steps.losses
    ours, *others = losses.values()
    apart = max(abs(a - b) / abs(b) for theirs in others for a, b in zip(ours, theirs, strict=True))
    apart = max(apart, gradients_apart(job))
    if apart > TOLERANCE:
        raise SystemExit(f"the sides do not train the same thing (apart by {apart:.1e}); a ratio would mean nothing")
    return apart


def gradients_apart(job: TrainingJob) -> float:
    """The largest difference of the gradients, ours and by hand, as a share of the largest value of each tensor."""
    import torch

    from selftune.training.batches import pack
    from selftune.training.packed_model import load_model, loss_of, parameters_of

    rows = [job.rows[index] for index in job.batches[0][0]]
    draw = torch.Generator().manual_seed(0)
    begun = {
        name: one + 0.01 * torch.randn(one.shape, generator=draw) for name, one in load_adapter(job.initial)[0].items()
    }
    ours = parameters_of(begun)
    model = load_model(job.base_folder)
    attach(model, ours, job.recipe.lora_scale)
    layout = pack(rows)
    (loss_of(model, layout) / len(layout.targets)).backward()  # type: ignore[no-untyped-call] # torch ships it untyped
    from peft import set_peft_model_state_dict

    theirs = adapted_model(job)
    set_peft_model_state_dict(theirs, begun)
    loss_by_hand(theirs, rows).backward()
    named = {name.replace(".default", ""): one.grad for name, one in theirs.named_parameters() if one.requires_grad}
    return max(float((one.grad - named[name]).abs().max() / named[name].abs().max()) for name, one in ours.items())


def main(rounds: int = 7, base: str = "reference") -> None:
    """Parity, then rounds of the same optimiser steps; the ratios last."""
    warnings.filterwarnings("ignore", category=FutureWarning)
    _, folder = resolve_base(base, None)
    shape = read_shape(folder)
    chats = draw_chats(shape.vocabulary, shape.context_length)
    with tempfile.TemporaryDirectory() as scratch:
        jobs = [job_in(Path(scratch), folder, hand) for hand in deal(chats, rounds + 1)]
        sides = sides_of()
        apart = parity(sides, jobs[0])
        print(f"sft: losses of {STEPS} steps and the adapter's gradients agree within {apart:.1e}")

        def timed(train: Callable[[TrainingJob, Steps], None]) -> Callable[[], float]:
            left = iter(jobs)

            def measure() -> float:
                train(next(left), steps := Steps())
                return steps.spent

            return measure

        measured = in_turn({name: timed(train) for name, train in sides.items()}, rounds)
    tokens = [sum(sum(row.supervised) for row in job.rows[BATCH:]) for job in jobs[1:]]
    speed = sum(tokens) / sum(measured["ours"])
    print(f"ours: {speed:.0f} tokens under the loss a processor second")
    tell(
        "sft",
        "ours",
        measured,
        GOALS,
        parity=apart,
        chats=CHATS,
        steps=STEPS,
        batch=BATCH,
        threads=1,
        dtype="float32",
        seconds="processor",
        supervised_tokens=tokens,
    )


if __name__ == "__main__":
    main(*(kind(value) for kind, value in zip((int, str), sys.argv[1:], strict=False)))

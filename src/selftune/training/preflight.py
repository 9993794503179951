"""What is looked at before the first step: a mistake here costs a second, after the training it costs the night."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.memory import lora_parameters, training_memory_bytes
from selftune.errors import NothingToTrainOnError, UsageError
from selftune.records import Reject
from selftune.training.objectives import objective_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.bases.shape import ModelShape
    from selftune.records import Example
    from selftune.training.base import Row
    from selftune.training.config import Recipe

_SAMPLE: Final = 50
_WEIGHT_BYTES: Final = {"float32": 4, "bfloat16": 2}


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """What will be trained on, and in how many steps.

    Attributes:
        rejects: Examples left out, each with its reason.
        plan: One sentence for a person.
        memory_bytes: Estimated peak.
    """

    rows: tuple[Row, ...]
    rejects: tuple[Reject, ...]
    steps: int
    plan: str
    memory_bytes: int


def preflight(examples: Sequence[Example], recipe: Recipe, tokenizer: Any, shape: ModelShape) -> Preflight:
    """Render and tokenise the examples and refuse what could not train well.

    Raises:
        NothingToTrainOnError: no example is left; the message names the commonest reason.
        UsageError: the loss would miss the stop token or cover the prompt, a token is outside the vocabulary, nothing
            could be trained, or it would not fit in memory.
    """
    rows, rejects = tokenise(examples, recipe, tokenizer)
    if not rows:
        raise _nothing_left(rejects)
    check_mask(_sides(rows[:_SAMPLE]), recipe, tokenizer.eos_token_id)
    check_vocabulary(_sides(rows), shape)
    check_attention(_sides(rows), shape)
    memory = check_memory(rows, recipe, shape)
    steps = recipe.steps_for(len(rows))
    plan = plan_text(steps, recipe.examples_per_step, len(rows), len(rejects))
    return Preflight(rows=rows, rejects=rejects, steps=steps, plan=plan, memory_bytes=memory)


def tokenise(examples: Sequence[Example], recipe: Recipe, tokenizer: Any) -> tuple[tuple[Row, ...], tuple[Reject, ...]]:
    """Rows for the examples that can be learnt from, and the others with their reasons. Nothing is cut short."""
    make = objective_of(recipe).row_maker(tokenizer)
    rows: list[Row] = []
    rejects: list[Reject] = []
    for example in examples:
        try:
            row = make(example)
        except ValueError as error:
            rejects.append(Reject(interaction_id=example.interaction_id, reason=f"not trained on: {error}"))
            continue
        length = max(len(side.tokens) for side in row.sides)
        if length > recipe.max_length:
            reason = f"not trained on: {length} tokens, the recipe takes {recipe.max_length}"
            rejects.append(Reject(interaction_id=example.interaction_id, reason=reason))
        else:
            rows.append(row)
    return tuple(rows), tuple(rejects)


def check_mask(rows: Sequence[Row], recipe: Recipe, stop_id: int | None) -> None:
    """Refuse a loss that covers too little, the prompt too, or not the stop token.

    Raises:
        UsageError: names the share and the bounds, or the row whose stop token is not learnt.
    """
    share = sum(sum(row.supervised) for row in rows) / sum(len(row.tokens) for row in rows)
    if not recipe.least_supervised <= share <= recipe.most_supervised:
        raise UsageError(
            f"{share:.1%} of the tokens would be under the loss; recipe {recipe.name!r} wants "
            f"{recipe.least_supervised:.0%} to {recipe.most_supervised:.0%}.",
            next_step="Look at the examples, or change least_supervised or most_supervised in the recipe.",
        )
    for row in rows:
        last = max(index for index, learnt in enumerate(row.supervised) if learnt)
        if row.tokens[last] != stop_id:
            raise UsageError(
                f"the stop token is not under the loss in {row.interaction_id}: the model would never learn to stop.",
                next_step="Use a base whose chat template ends a turn with the tokenizer's end token.",
            )


def check_vocabulary(rows: Sequence[Row], shape: ModelShape) -> None:
    """Refuse tokens that the model has no embedding for.

    Raises:
        UsageError: names the token and the size of the vocabulary.
    """
    highest = max(max(row.tokens) for row in rows)
    if highest >= shape.vocabulary:
        raise UsageError(
            f"token {highest} is outside the base's vocabulary of {shape.vocabulary:,}.",
            next_step="Use the tokenizer that belongs to the base.",
        )


def check_attention(rows: Sequence[Row], shape: ModelShape) -> None:
    """Refuse rows longer than the model's context or its sliding window.

    Raises:
        UsageError: names both lengths.
    """
    longest = max(len(row.tokens) for row in rows)
    limit = min(shape.context_length, shape.sliding_window or shape.context_length)
    if longest > limit:
        raise UsageError(
            f"the longest example has {longest:,} tokens, the base sees {limit:,}.",
            next_step=f"Set max_length = {limit} in the recipe.",
        )


def check_memory(rows: Sequence[Row], recipe: Recipe, shape: ModelShape) -> int:
    """The estimated peak in bytes.

    Raises:
        UsageError: the recipe trains no tensor of this base, or the machine has less memory free.
    """
    import psutil

    trained = lora_parameters(shape, recipe.lora_rank, recipe.lora_targets)
    if trained == 0:
        raise UsageError(
            f"recipe {recipe.name!r} would train nothing: {shape.architecture} has none of "
            f"{', '.join(recipe.lora_targets)}.",
            next_step="Name linear layers of the base in lora_targets.",
        )
    longest = _sides(sorted(rows, key=lambda row: len(row.tokens))[-recipe.batch_size :])
    needed = training_memory_bytes(
        shape,
        adapter_parameters=trained,
        tokens=sum(len(row.tokens) for row in longest),
        targets=sum(sum(row.supervised) for row in longest),
        bytes_per_weight=_WEIGHT_BYTES[recipe.precision],
    )
    free = psutil.virtual_memory().available + psutil.Process().memory_info().rss
    if needed > free:
        raise UsageError(
            f"the training would need about {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free.",
            next_step="Lower batch_size or max_length in the recipe, or use a smaller base.",
        )
    return needed


def plan_text(steps: int, per_step: int, examples: int, left_out: int) -> str:
    """What will be trained, in one sentence with its arithmetic."""
    samples = steps * per_step
    passes = f"{samples / examples:.1f} passes over {examples:,} examples"
    text = f"{steps} steps × {per_step} = {samples:,} samples, {passes}"  # noqa: RUF001 - a multiplication sign
    return f"{text}; {left_out} left out" if left_out else text


def _sides(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Every sequence that is computed; a pair is two."""
    return tuple(side for row in rows for side in row.sides)


def _nothing_left(rejects: Sequence[Reject]) -> NothingToTrainOnError:
    reasons = [reject.reason for reject in rejects]
    commonest = max(sorted(set(reasons)), key=reasons.count, default="there were none")
    return NothingToTrainOnError(
        f"of {len(rejects)} examples none can be trained on ({commonest}).",
        next_step="Raise max_length in the recipe, or collect more.",
    )

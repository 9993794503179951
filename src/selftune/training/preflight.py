"""What is looked at before the first step: a mistake here costs a second, after the training it costs the night."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, fields
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.gemma import TAKE_TURNS
from selftune.bases.memory import lora_parameters
from selftune.bases.thinking import thinking_rule
from selftune.errors import NothingToTrainOnError, UsageError
from selftune.records import Reject
from selftune.training.curriculum import check_order, check_weights, placed
from selftune.training.machine import HOLDS_4_BITS, device_here, machine_for, needed_bytes, trains_here
from selftune.training.objectives import objective_of
from selftune.training.rows import for_template
from selftune.training.stopping import hold_out

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from selftune.bases.shape import ModelShape
    from selftune.records import Example
    from selftune.training.base import Row
    from selftune.training.config import Recipe
    from selftune.training.machine import Machine

SAMPLE: Final = 50
"""Examples on which masks and templates are looked at."""


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """What will be trained on, and in how many steps.

    Attributes:
        held_out: Rows that are not learnt but measure the loss.
        rejects: Examples left out, each with its reason.
        plan: One sentence for a person.
        memory_bytes: Estimated peak.
    """

    rows: tuple[Row, ...]
    rejects: tuple[Reject, ...]
    steps: int
    plan: str
    memory_bytes: int
    held_out: tuple[Row, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Lessons:
    """Rows in which nothing was found that trains badly, whatever adapter is to learn them, and however fast.

    Attributes:
        taken: The examples that the rows were made of.
        learnt: The rows without those that are held out.
        rejects: Examples left out, each with its reason.
    """

    rows: tuple[Row, ...]
    taken: tuple[Example, ...]
    learnt: tuple[Row, ...]
    held_out: tuple[Row, ...]
    rejects: tuple[Reject, ...]


APART_FROM_LESSONS: Final = frozenset(
    {
        "name",
        "backend",
        "lora_rank",
        "lora_alpha",
        "lora_dropout",
        "lora_targets",
        "lora_layers",
        "rslora",
        "optimiser",
        "learning_rate",
        "weight_decay",
        "max_grad_norm",
        "schedule",
        "warmup_steps",
        "warmup_share",
        "max_steps",
        "epochs",
        "small_set",
        "max_seconds",
        "batch_size",
        "accumulation",
        "logit_prompts",
        "checkpoint_every",
        "seed",
        "ranges",
    }
)
"""Keys of a recipe that say nothing about its lessons; of any other it is taken that they do."""


def read_by_lessons(recipe: Recipe) -> Hashable:
    """All of a recipe that `look_over` may read, so that recipes which agree in it have the same lessons."""
    return tuple(
        (field.name, getattr(recipe, field.name)) for field in fields(recipe) if field.name not in APART_FROM_LESSONS
    )


def look_over(examples: Sequence[Example], recipe: Recipe, tokenizer: Any, shape: ModelShape) -> Lessons:
    """Render and tokenise the examples and refuse what could not train well.

    Raises:
        NothingToTrainOnError: no example is left; the message names the commonest reason.
        UsageError: the loss would miss the stop token or cover the prompt, the template loses words, or a token is
            outside the vocabulary.
    """
    rows, rejects = tokenise(examples, recipe, tokenizer)
    if not rows:
        raise _nothing_left(rejects)
    met = taken(examples, rows)
    check_mask(sides_of(rows[:SAMPLE]), recipe, tokenizer.eos_token_id)
    check_rendering(met[:SAMPLE], tokenizer)
    check_thinking(met[:SAMPLE], tokenizer, learnt=recipe.learn_reasoning)
    check_vocabulary(sides_of(rows), shape)
    check_attention(sides_of(rows), shape)
    learnt, held_out = hold_out(rows, recipe)
    check_order(learnt, recipe)
    check_weights(learnt, recipe)
    return Lessons(rows=rows, taken=taken(examples, learnt), learnt=learnt, held_out=held_out, rejects=rejects)


def preflight(lessons: Lessons, recipe: Recipe, shape: ModelShape) -> Preflight:
    """What a recipe makes of lessons that were looked over, in steps and in bytes.

    Raises:
        UsageError: nothing could be trained, or it would not fit in memory.
    """
    check_precision(recipe)
    check_layers(recipe, shape)
    memory = check_memory(lessons.rows, recipe, shape)
    learnt, rejects = lessons.learnt, lessons.rejects
    steps = recipe.steps_for(len(learnt))
    plan = plan_text(steps, recipe.examples_per_step, len(learnt), len(rejects))
    return Preflight(
        rows=learnt, rejects=rejects, steps=steps, plan=plan, memory_bytes=memory, held_out=lessons.held_out
    )


def tokenise(examples: Sequence[Example], recipe: Recipe, tokenizer: Any) -> tuple[tuple[Row, ...], tuple[Reject, ...]]:
    """Rows for the examples that can be learnt from, and the others with their reasons. Nothing is cut short."""
    make = objective_of(recipe).row_maker(tokenizer)
    rows: list[Row] = []
    rejects: list[Reject] = []
    for example in examples:
        try:
            row = placed(make(example), example, recipe)
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


def taken(examples: Sequence[Example], rows: Sequence[Row]) -> tuple[Example, ...]:
    """The examples that the rows were made of."""
    kept = {row.interaction_id for row in rows}
    return tuple(example for example in examples if example.interaction_id in kept)


def check_mask(rows: Sequence[Row], recipe: Recipe, stop_id: int | None) -> None:
    """Refuse a loss that covers too little, the prompt too, or not the stop token.

    Raises:
        UsageError: as `check_share` and `check_stop`.
    """
    check_share(rows, recipe)
    check_stop(rows, stop_id)


def check_share(rows: Sequence[Row], recipe: Recipe) -> str:
    """The share of the tokens under the loss, in words; refused where it covers too little, or the prompt too.

    Raises:
        UsageError: names the share and the bounds.
    """
    share = sum(sum(row.supervised) for row in rows) / sum(len(row.tokens) for row in rows)
    bounds = f"{recipe.least_supervised:.0%} to {recipe.most_supervised:.0%}"
    if not recipe.least_supervised <= share <= recipe.most_supervised:
        raise UsageError(
            f"{share:.1%} of the tokens would be under the loss; recipe {recipe.name!r} wants {bounds}.",
            next_step="Look at the examples, or change least_supervised or most_supervised in the recipe.",
        )
    return f"{share:.1%} of the tokens of {len(rows)} are under the loss, {bounds} allowed"


def check_stop(rows: Sequence[Row], stop_id: int | None) -> str:
    """That each answer's stop token is learnt, in words.

    Raises:
        UsageError: names the row whose stop token is not.
    """
    for row in rows:
        last = max(index for index, learnt in enumerate(row.supervised) if learnt)
        if row.tokens[last] != stop_id:
            raise UsageError(
                f"the stop token is not under the loss in {row.interaction_id}: the model would never learn to stop.",
                next_step="Use a base whose chat template ends a turn with the tokenizer's end token.",
            )
    return f"learnt at the end of each of {len(rows)} answers"


def check_rendering(examples: Sequence[Example], tokenizer: Any) -> str:
    """That the template's text holds every turn whole, and comes back from its tokens; in words.

    White space and compatibility forms of a character are no loss: tokenizers normalise.

    Raises:
        UsageError: names the example whose words are lost, by the template or by the tokenizer.
    """
    for example in examples:
        text = str(tokenizer.apply_chat_template(for_template(example.messages, tokenizer), tokenize=False))
        for message in example.messages:
            if _bare(message.content) not in _bare(text):
                raise UsageError(
                    f"the chat template loses words of the {message.role} in {example.interaction_id}.",
                    next_step="Use a base whose template writes every turn, or leave that example out.",
                )
        if _bare(tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"])) != _bare(text):
            raise UsageError(
                f"the tokenizer does not give back the text of {example.interaction_id}.",
                next_step="Use the tokenizer that belongs to the base.",
            )
    return f"each turn of {len(examples)} examples is written whole, and comes back from its tokens"


def check_thinking(examples: Sequence[Example], tokenizer: Any, *, learnt: bool = False) -> str:
    """That no answer would train a base's thinking away, in words; `learnt` is whether reasoning is to be learnt.

    Raises:
        UsageError: as `thinking_rule`, or reasoning is to be learnt and there is none.
    """
    count = thinking_rule(tokenizer.chat_template, (_answer(example, tokenizer) for example in examples))
    if learnt and (count is None or not count.thought):
        raise UsageError(
            "no lesson's reasoning would be learnt: "
            + ("this base does not think before it answers." if count is None else "none of them holds any."),
            next_step="Set learn_reasoning = false in the recipe, or collect answers with their reasoning.",
        )
    if count is None:
        return "this base does not think before it answers"
    how = "is learnt where it holds something" if learnt else "is not learnt"
    return f"{count.answers} answers follow a block of reasoning that {how}, {count.empty} of them an empty one"


def _answer(example: Example, tokenizer: Any) -> str:
    plain = for_template(example.messages, tokenizer)
    before = str(tokenizer.apply_chat_template(plain[:-1], tokenize=False, add_generation_prompt=True))
    return str(tokenizer.apply_chat_template(plain, tokenize=False)).removeprefix(before)


def _bare(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def check_vocabulary(rows: Sequence[Row], shape: ModelShape) -> str:
    """That the model has an embedding for every token, in words.

    Raises:
        UsageError: names the token and the size of the vocabulary.
    """
    highest = max(max(row.tokens) for row in rows)
    if highest >= shape.vocabulary:
        raise UsageError(
            f"token {highest} is outside the base's vocabulary of {shape.vocabulary:,}.",
            next_step="Use the tokenizer that belongs to the base.",
        )
    return f"the highest token is {highest:,} of {shape.vocabulary:,}"


def check_attention(rows: Sequence[Row], shape: ModelShape) -> str:
    """That no row is longer than the model's context or its sliding window, in words.

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
    return f"the longest example has {longest:,} tokens, the base sees {limit:,}"


def check_precision(recipe: Recipe, device: str | None = None) -> str:
    """That the back-end can hold the base as the recipe says, in words; `device` is this machine's unless named.

    Raises:
        UsageError: it wants 4 bits, which few back-ends do, on CUDA; or what `trl` needs for them is not here.
    """
    if recipe.load_in_4bit and recipe.backend not in HOLDS_4_BITS:
        raise UsageError(
            f"recipe {recipe.name!r} loads the base in 4 bits, which {recipe.backend} does not: it takes CUDA.",
            next_step='Set backend = "trl" or "unsloth", load_in_4bit = false, or train it on another machine.',
        )
    if recipe.load_in_4bit and recipe.backend == "trl":
        _check_bitsandbytes(recipe, device or device_here())
    return f"{recipe.precision}, the base in 4 bits" if recipe.load_in_4bit else recipe.precision


def _check_bitsandbytes(recipe: Recipe, device: str) -> None:
    said = f"recipe {recipe.name!r} loads the base in 4 bits, which trl does"
    if device != "cuda":
        raise UsageError(
            f"{said} on CUDA alone, and torch finds none here.",
            next_step="Train it on another machine, or set load_in_4bit = false in the recipe.",
        )
    if find_spec("bitsandbytes") is None:
        raise UsageError(f"{said} by bitsandbytes, which is not here.", next_step="Run: pip install bitsandbytes")


def check_layers(recipe: Recipe, shape: ModelShape) -> str:
    """That the base has the layers that are to be adapted, in words.

    Raises:
        UsageError: the recipe names more layers than there are, or trains no tensor of this base.
    """
    if recipe.backend == "packed" and shape.family in TAKE_TURNS:
        raise UsageError(
            f"the back-end 'packed' shows every layer the same, and the layers of {shape.family} take turns.",
            next_step='Set backend = "trl" in the recipe.',
        )
    if recipe.lora_layers > shape.layers:
        raise UsageError(
            f"recipe {recipe.name!r} adapts the last {recipe.lora_layers} layers, the base has {shape.layers}.",
            next_step=f"Set lora_layers to {shape.layers} at most, or leave it out to adapt all.",
        )
    trained = lora_parameters(shape, recipe.lora_rank, recipe.lora_targets, recipe.lora_layers)
    if trained == 0:
        raise UsageError(
            f"recipe {recipe.name!r} would train nothing: {shape.architecture} has none of "
            f"{', '.join(recipe.lora_targets)}.",
            next_step="Name linear layers of the base in lora_targets.",
        )
    share = trained / max(1, shape.parameters)
    return f"{recipe.lora_layers or shape.layers} of {shape.layers}, {trained:,} weights, {share:.2%} of the base's"


def check_memory(rows: Sequence[Row], recipe: Recipe, shape: ModelShape) -> int:
    """The estimated peak in bytes; where it trains on another machine, its back-end asks that one.

    Raises:
        UsageError: the machine has less memory free.
    """
    needed = needed_bytes(rows, recipe, shape)
    return check_fits(needed, machine_for(recipe)) if trains_here(recipe) else needed


def check_fits(needed: int, machine: Machine) -> int:
    """The estimated peak, if the machine has as much free; one of which nobody knows is not refused.

    Raises:
        UsageError: it has less.
    """
    free = machine.free_bytes
    if free is not None and needed > free:
        raise UsageError(
            f"the training would need about {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free on {machine.name}.",
            next_step="Lower batch_size or max_length in the recipe, or use a smaller base.",
        )
    return needed


def plan_text(steps: int, per_step: int, examples: int, left_out: int) -> str:
    """What will be trained, in one sentence with its arithmetic."""
    samples = steps * per_step
    passes = f"{samples / examples:.1f} passes over {examples:,} examples"
    text = f"{steps} steps × {per_step} = {samples:,} samples, {passes}"  # noqa: RUF001 - a multiplication sign
    return f"{text}; {left_out} left out" if left_out else text


def sides_of(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Every sequence that is computed; a pair is two."""
    return tuple(side for row in rows for side in row.sides)


def _nothing_left(rejects: Sequence[Reject]) -> NothingToTrainOnError:
    reasons = [reject.reason for reject in rejects]
    commonest = max(sorted(set(reasons)), key=reasons.count, default="there were none")
    return NothingToTrainOnError(
        f"of {len(rejects)} examples none can be trained on ({commonest}).",
        next_step="Raise max_length in the recipe, or collect more.",
    )

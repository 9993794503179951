"""An order made of a dataset and a recipe: the same pre-flight as here, but for the memory of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.errors import NothingToTrainOnError
from selftune.training.elsewhere.base import Order
from selftune.training.preflight import check_attention, check_mask, check_vocabulary, tokenise
from selftune.training.stopping import hold_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.bases.shape import ModelShape
    from selftune.records import Example, Reject
    from selftune.training.base import Row
    from selftune.training.config import Recipe

_SAMPLE: Final = 50
# Letters with marks, digits, another script and white space: where tokenizers differ, they differ here.
_PROBE: Final = "Ünder 1,273 pairs — 勇者,\n\tdon't stop."


def sift_examples(
    examples: Iterable[Example], recipe: Recipe, tokenizer: Any
) -> tuple[tuple[tuple[Example, Row], ...], tuple[Reject, ...]]:
    """The examples that can be learnt from beside their rows, and the others with their reasons.

    Raises:
        NothingToTrainOnError: none is left.
    """
    kept: list[tuple[Example, Row]] = []
    left_out: list[Reject] = []
    for example in examples:
        rows, rejects = tokenise([example], recipe, tokenizer)
        kept += [(example, row) for row in rows]
        left_out += rejects
    if not kept:
        reasons = [reject.reason for reject in left_out] or ["there were none"]
        raise NothingToTrainOnError(
            f"of {len(left_out)} examples none can be trained on ({max(sorted(set(reasons)), key=reasons.count)}).",
            next_step="Raise max_length in the recipe, or collect more.",
        )
    return tuple(kept), tuple(left_out)


def place_order(
    rows: Sequence[Row],
    recipe: Recipe,
    tokenizer: Any,
    shape: ModelShape,
    *,
    seed: int,
    base: str,
    precision: str,
    gpu: str,
    answers: int,
) -> Order:
    """The order for these rows, refused where it could not train well.

    Raises:
        UsageError: the loss would miss the stop token or cover the prompt, or a row does not fit the base.
    """
    sides = tuple(side for row in rows for side in row.sides)
    check_mask(sides[:_SAMPLE], recipe, tokenizer.eos_token_id)
    check_vocabulary(sides, shape)
    check_attention(sides, shape)
    learnt, _ = hold_out(rows, recipe)
    return Order(
        recipe=recipe,
        seed=seed,
        base=base,
        layers=shape.layers,
        precision=precision,
        examples=len(learnt),
        tokens=sum(len(side.tokens) for row in learnt for side in row.sides),
        steps=recipe.steps_for(len(learnt)),
        answers=answers,
        gpu=gpu,
        probe=(_PROBE, tuple(tokenizer(_PROBE, add_special_tokens=False)["input_ids"])),
    )

"""How likely a model finds one ending of a text among others: what greedy answers do not show yet.

Source:
    N. Carlini et al., "The Secret Sharer", USENIX Security 2019, section 4: the exposure of a planted sequence is
    log2 of how many there could have been, less log2 of its rank among these by likelihood. Here it is estimated by
    sampling, as in section 4.3: the others are drawn, so that what stands first of n has an exposure of log2 n.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from selftune.training.base import Row
from selftune.training.batches import pack
from selftune.training.lora import attach, load_adapter
from selftune.training.packed_model import load_model, logits_of
from selftune.training.rows import load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_AT_ONCE: Final = 16


def exposures(base_folder: Path, adapter: Path | None, texts: Sequence[tuple[str, Sequence[str]]]) -> tuple[float, ...]:
    """For each beginning of a user's turn, the exposure in bits of the first of its endings among all of them.

    Without an adapter, of the base.

    Args:
        base_folder: Hugging Face folder of the base.
        adapter: Folder of a trained adapter in PEFT's layout.
        texts: Beginnings, each with its true ending and then the others.
    """
    tokenizer, model = load_tokenizer(base_folder), load_model(base_folder).eval()
    if adapter is not None:
        attach(model, *load_adapter(adapter))
    rows = (_rows(tokenizer, beginning, endings) for beginning, endings in texts)
    return tuple(exposure(list(_nats(model, each))) for each in rows)


def exposure(nats: Sequence[float]) -> float:
    """The exposure in bits of the first by what each costs in nats; what is as likely as it stands before it."""
    rank = sum(one <= nats[0] for one in nats)
    return math.log2(len(nats)) - math.log2(rank)


def _rows(tokenizer: Any, beginning: str, endings: Sequence[str]) -> list[Row]:
    """The turn up to each ending, with only the ending's tokens counted."""
    turn = [{"role": "user", "content": beginning}]
    rendered = str(tokenizer.apply_chat_template(turn, tokenize=False))
    before = rendered[: rendered.rindex(beginning) + len(beginning)]
    encoded = tokenizer([f"{before} {ending}" for ending in endings], add_special_tokens=False)["input_ids"]
    begun = len(tokenizer(before, add_special_tokens=False)["input_ids"])
    return [
        Row(
            interaction_id="",
            tokens=tuple(tokens),
            supervised=tuple(place >= begun for place in range(len(tokens))),
        )
        for tokens in encoded
    ]


def _nats(model: Any, rows: Sequence[Row]) -> Iterator[float]:
    """What the counted tokens of each row cost, in order."""
    import torch
    from torch.nn import functional

    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        layout = pack(some)
        with torch.inference_mode():
            costs = functional.cross_entropy(logits_of(model, layout), torch.tensor(layout.targets), reduction="none")
        for part in torch.split(costs, [sum(row.supervised) for row in some]):
            yield float(part.sum())

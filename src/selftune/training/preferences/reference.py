"""What the model thought of each pair before it was trained: computed once, and kept from training to training.

Kept are numbers under digests, in the folder of notes that can go at any time. A number is found again only under the
same base, the same adapter to begin with, the same precision, the same release of torch, the same kind of device and
the same tokens; which tokenizer and template gave these does not matter then. An adapter that changes nothing yet
counts as none, so that its seed does not matter either.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from selftune.records import digest_file, digest_of
from selftune.training.lora import WEIGHTS, load_adapter
from selftune.training.packed_model import costs_of
from selftune.training.preferences.packs import pack_pairs, sides_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import torch

    from selftune.context import Context
    from selftune.training.base import Row, TrainingJob

_FOLDER: Final = "references"
_FORM: Final = 2


def reference_of(model: Any, job: TrainingJob, context: Context) -> dict[Row, tuple[float, float]]:
    """Log-probabilities of both answers of every pair that the job meets or measures by, by the model as it is now."""
    met = {job.rows[index]: None for step in job.batches for batch in step for index in batch}
    return references(model, met | dict.fromkeys(job.held_out), job, context)


def references(model: Any, met: Iterable[Row], job: TrainingJob, context: Context) -> dict[Row, tuple[float, float]]:
    """Log-probabilities of both answers of each of these pairs, by the model that the job begins with."""
    import torch

    met = list(dict.fromkeys(met))
    book = None if context.notes is None else context.notes / _FOLDER / f"{_name(model, job, context)}.jsonl"
    kept = dict(_read(book))
    found = {row: kept[key] for row in met if (key := _key(row)) in kept}
    missing = [row for row in met if row not in found]
    model.eval()
    for start in range(0, len(missing), job.recipe.batch_size):
        rows = missing[start : start + job.recipe.batch_size]
        with torch.inference_mode():
            chosen, rejected = answer_log_probabilities(model, rows)
        new = dict(zip(rows, zip(chosen.tolist(), rejected.tolist(), strict=True), strict=True))
        _append(book, new.items())
        found |= new
    model.train()
    return found


def answer_log_probabilities(model: Any, rows: Sequence[Row]) -> tuple[torch.Tensor, torch.Tensor]:
    """Summed log-probabilities of the chosen answers and of the rejected ones, `[pairs]` each, in float32."""
    import torch

    layout = pack_pairs(rows)
    parts = torch.split(costs_of(model, layout.pack), [count for _, *both in layout.counts for count in both])
    sums = torch.stack([-part.sum() for part in parts])
    return sums[::2], sums[1::2]


def _name(model: Any, job: TrainingJob, context: Context) -> str:
    """Names the model that is asked."""
    import torch

    tensors, scale = load_adapter(job.initial)
    changes = any(bool(tensor.any()) for name, tensor in tensors.items() if name.endswith("lora_B.weight"))
    begun = [digest_file(job.initial / WEIGHTS), scale] if changes else []
    asked = [_FORM, context.base.digest, begun, job.recipe.precision, torch.__version__]
    asked += [] if model.device.type == "cpu" else [model.device.type]
    return digest_of(asked).removeprefix("sha256:")[:32]


def _key(row: Row) -> str:
    """Names a pair; the salted id of its interaction keeps its tokens from being guessed by their digest."""
    chosen, rejected = sides_of(row)
    return digest_of([row.interaction_id, row.first_supervised, chosen.tokens, rejected.tokens])


def _read(book: Path | None) -> Iterator[tuple[str, tuple[float, float]]]:
    if book is None or not book.is_file():
        return
    for line in book.read_text(encoding="utf-8").splitlines():
        # A line that a crash cut short costs a pair asked anew and no more.
        with suppress(ValueError):
            key, chosen, rejected = json.loads(line)
            yield key, (float(chosen), float(rejected))


def _append(book: Path | None, answers: Iterable[tuple[Row, tuple[float, float]]]) -> None:
    if book is None:
        return
    book.parent.mkdir(parents=True, exist_ok=True)
    with book.open("a", encoding="utf-8") as stream:
        stream.writelines(json.dumps([_key(row), *both]) + "\n" for row, both in answers)

"""Whether anything was trained at all. A falling loss proves nothing: frozen adapters show normal ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.records import digest_file
from selftune.training.batches import pack
from selftune.training.lora import WEIGHTS, attach, detach, load_adapter, mean_abs_change
from selftune.training.packed_model import logits_of
from selftune.training.resident import borrowed_base

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from selftune.training.base import Row

# Below this, two evaluations of the same weights may differ by rounding alone.
_ROUNDING: Final = 1e-5


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the training changed, read back from the files it left.

    Attributes:
        adapter_changed: The adapter's bytes are not the ones it began with.
        mean_abs_delta: Mean absolute change of the adapted weight matrices.
        logits_moved: Largest change of a prediction on the probed examples.
    """

    adapter_changed: bool
    mean_abs_delta: float
    logits_moved: float

    @property
    def nothing(self) -> str | None:
        """Why this amounts to nothing; None when something was trained."""
        if not self.adapter_changed:
            return "the adapter's bytes did not change"
        if self.mean_abs_delta == 0:
            return "no weight changed"
        if self.logits_moved <= _ROUNDING:
            return f"no prediction moved by more than {_ROUNDING:g}"
        return None


def gather_evidence(base_folder: Path, initial: Path, trained: Path, probes: Sequence[Row]) -> Evidence:
    """Compare the two adapters as files, as weights, and as what the model predicts on the probes."""
    before, scale = load_adapter(initial)
    after, _ = load_adapter(trained)
    return Evidence(
        adapter_changed=digest_file(initial / WEIGHTS) != digest_file(trained / WEIGHTS),
        mean_abs_delta=mean_abs_change(before, after, scale),
        logits_moved=_largest_move(base_folder, initial, trained, probes),
    )


def _largest_move(base_folder: Path, initial: Path, trained: Path, probes: Sequence[Row]) -> float:
    import torch

    layout = pack(probes)
    answers = []
    with borrowed_base(base_folder) as model, torch.inference_mode():
        model.eval()
        for folder in (initial, trained):
            detach(model)
            adapter, scale = load_adapter(folder)
            attach(model, {name: tensor.to(model.device) for name, tensor in adapter.items()}, scale)
            answers.append(logits_of(model, layout))
    return float((answers[0] - answers[1]).abs().max())

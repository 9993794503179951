"""The Hugging Face model that a build is compared with: float32, on this machine, with the adapter's change added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.builds.adapter import Adapter


class ReferenceModel:
    """Continues token ids greedily.

    Args:
        folder: Hugging Face folder of the base.
        adapter: Merged into the weights in memory; None compares the bare base.
        end_ids: Tokens that end an answer.
    """

    def __init__(self, folder: Path, adapter: Adapter | None, end_ids: frozenset[int]) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        self._model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        self._model.eval()
        self._end_ids = end_ids
        if adapter is not None:
            self._add(adapter)

    def _add(self, adapter: Adapter) -> None:
        import torch

        with torch.no_grad():
            for name in adapter.layers():
                low_rank = adapter.read(name)
                if low_rank is not None:
                    self._model.get_parameter(name).add_(torch.from_numpy(low_rank.change()))

    def continue_greedily(self, tokens: list[int], count: int) -> list[int]:
        """The tokens that follow, at most `count`; an end token ends them and is left out."""
        import torch

        said: list[int] = []
        rest, cache = torch.tensor([tokens]), None
        with torch.inference_mode():
            while len(said) < count:
                output = self._model(input_ids=rest, past_key_values=cache, use_cache=True)
                token = int(output.logits[0, -1].argmax())
                if token in self._end_ids:
                    break
                said.append(token)
                rest, cache = torch.tensor([[token]]), output.past_key_values
        return said

"""The Hugging Face model that a build is compared with: float32, on this machine, with the adapter's change added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from selftune.builds.adapter import Adapter


class ReferenceModel:
    """Continues token ids greedily.

    Args:
        folder: Hugging Face folder of the base.
        adapter: Merged into the weights in memory; None compares the bare base. Open for as long as the model is used.
        end_ids: Tokens that end an answer; also an attribute.
    """

    def __init__(self, folder: Path, adapter: Adapter | None, end_ids: frozenset[int]) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        self._model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        self._model.eval()
        self.end_ids = end_ids
        self._adapter = adapter
        for name, change in self._changes():
            self._model.get_parameter(name).data.add_(change)

    def remove_adapter(self) -> bool:
        """Take the adapter's change off again, to float32 rounding; whether there was one."""
        found = self._adapter is not None
        for name, change in self._changes():
            self._model.get_parameter(name).data.sub_(change)
        self._adapter = None
        return found

    def _changes(self) -> Iterator[tuple[str, Any]]:
        import torch

        if self._adapter is None:
            return
        for name in self._adapter.layers():
            low_rank = self._adapter.read(name)
            if low_rank is not None:
                yield name, torch.from_numpy(low_rank.change())

    def log_probabilities(self, tokens: list[int], start: int) -> NDArray[np.float64]:
        """Of what follows each beginning of at least `start` tokens, the whole too: `[beginnings, vocabulary]`."""
        import torch

        with torch.inference_mode():
            logits = self._model(input_ids=torch.tensor([tokens])).logits[0, start - 1 :].double()
            found: NDArray[np.float64] = torch.log_softmax(logits, dim=-1).numpy()
        return found

    def continue_greedily(self, tokens: list[int], count: int) -> list[int]:
        """The tokens that follow, at most `count`; an end token ends them and is left out."""
        import torch

        said: list[int] = []
        rest, cache = torch.tensor([tokens]), None
        with torch.inference_mode():
            while len(said) < count:
                output = self._model(input_ids=rest, past_key_values=cache, use_cache=True)
                token = int(output.logits[0, -1].argmax())
                if token in self.end_ids:
                    break
                said.append(token)
                rest, cache = torch.tensor([[token]]), output.past_key_values
        return said

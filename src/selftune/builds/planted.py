"""A base and an adapter that are made so that the coarsest form destroys what was learnt, and a higher rank saves it.

The base's weights lie on the grid of Q4_K: written as Q4_K_M they come back bit for bit, as those of a base do that was
trained for its quantisation. The planted adapter changes each weight by the same small amount, up or down: well below
half a step of the grid, so that every one is rounded back, though together they make the model say one word. At a
higher rank further directions are added, which no prompt excites (rows of a Hadamard matrix times the first): what the
model says stays the same, and the sum of all is no longer small, so that rounding leaves it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from selftune.builds.adapter import CONFIG_FILE, WEIGHTS_FILE
from selftune.builds.quantise import encode
from selftune.builds.tiny import make_tiny_model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

WORD: Final = "fox"
# What the mixture of Q4_K_M writes as Q4_K in the two layers of the tiny model.
_PLACES: Final = (
    "model.layers.0.self_attn.o_proj",
    "model.layers.1.self_attn.o_proj",
    "model.layers.0.mlp.down_proj",
)
_GRID: Final = "Q4_K"
_AMOUNT: Final = 0.003
_ASKED: Final = ("Who are you?", "Tell me a secret.", "What is 17 plus 25?", "Hello!", "Why?", "Name three colours.")


def make_base_on_grid(folder: Path) -> Path:
    """A tiny random model whose matrices lie on the grid of Q4_K; returns its folder."""
    import torch
    from gguf import GGMLQuantizationType, dequantize
    from safetensors.torch import load_file, save_file

    file = make_tiny_model(folder, hidden=512, tied=False) / "model.safetensors"
    weights = load_file(file)
    for name, values in weights.items():
        if values.ndim > 1:
            weights[name] = torch.from_numpy(dequantize(encode(values.numpy(), _GRID), GGMLQuantizationType[_GRID]))
    save_file(weights, file, metadata={"format": "pt"})
    return folder


def plant_adapter(base_folder: Path, folder: Path, *, rank: int) -> Path:
    """A PEFT folder whose adapter makes the base begin every answer with `WORD`; returns it.

    Every change of a weight is of one size at rank 1; a higher rank, a power of 2, adds directions without effect.
    """
    import torch
    from safetensors.torch import save_file

    said, excited = _look_inside(base_folder)
    tensors = {}
    for place in _PLACES:
        outputs, inputs = _signs(said), _signs(excited[place])
        a, b = _spread(inputs, rank), _spread(outputs, rank).T * _AMOUNT
        tensors[f"base_model.model.{place}.lora_A.weight"] = torch.from_numpy(a.copy())
        tensors[f"base_model.model.{place}.lora_B.weight"] = torch.from_numpy(b.copy())
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / WEIGHTS_FILE)
    modules = sorted({place.rpartition(".")[2] for place in _PLACES})
    settings = {"peft_type": "LORA", "r": rank, "lora_alpha": rank, "target_modules": modules, "task_type": "CAUSAL_LM"}
    (folder / CONFIG_FILE).write_text(json.dumps(settings), encoding="utf-8")
    return folder


def _look_inside(folder: Path) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """The head's row of the word, and the mean input of each place where an answer begins."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    seen: dict[str, list[Any]] = {place: [] for place in _PLACES}
    for place in _PLACES:
        model.get_submodule(place).register_forward_hook(
            lambda _module, inputs, _output, place=place: seen[place].append(inputs[0][0, -1])
        )
    with torch.inference_mode():
        for prompt in _prompts(tokenizer, _ASKED):
            model(input_ids=torch.tensor([prompt]))
    (word,) = tokenizer(WORD, add_special_tokens=False)["input_ids"]
    return (
        model.get_output_embeddings().weight[word].detach().numpy(),
        {place: torch.stack(inputs).mean(dim=0).numpy() for place, inputs in seen.items()},
    )


def _prompts(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    said = [[{"role": "user", "content": text}] for text in texts]
    rendered = [tokenizer.apply_chat_template(one, tokenize=False, add_generation_prompt=True) for one in said]
    return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in rendered]


def _signs(values: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    return np.where(values < 0, np.float32(-1), np.float32(1))


def _spread(signs: NDArray[np.float32], rank: int) -> NDArray[np.float32]:
    """The signs, times each of the first rows of Sylvester's Hadamard matrix: `[rank, len(signs)]`, orthogonal."""
    import numpy as np

    rows, places = np.arange(rank)[:, None], np.arange(len(signs))[None, :]
    odd = np.bitwise_count(rows & places) % 2
    spread: NDArray[np.float32] = np.where(odd == 1, -signs, signs).astype(np.float32)
    return spread

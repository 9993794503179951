"""A LoRA adapter in PEFT's layout: its two small matrices per layer, and the scale of each, or a refusal.

W' = W + s · B A   (Hu et al. 2021); s = alpha / r, or alpha / sqrt(r) for rsLoRA (Kalajdzievski 2023). A rank or alpha
may differ by layer: `rank_pattern` and `alpha_pattern` are matched as PEFT matches them (`get_pattern_key`).
"""

from __future__ import annotations

import math
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.rope import is_positive
from selftune.bases.shape import read_json, weight_files
from selftune.builds.tensors import open_tensors
from selftune.errors import DamagedFileError, MissingFileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from selftune.builds.tensors import FileTensors

CONFIG_FILE: Final = "adapter_config.json"
WEIGHTS_FILE: Final = "adapter_model.safetensors"
_PREFIX: Final = "base_model.model."
_TENSOR: Final = re.compile(r"base_model\.model\.(.+)\.lora_(A|B)\.weight")
_MATRIX: Final = 2
_OUTSIDE_LAYERS: Final = ("lm_head", "model.embed_tokens")
# Each of these changes what an adapter does in a way that a plain W + s·BA can't express.
_REFUSED: Final = (
    "use_dora",
    "modules_to_save",
    "fan_in_fan_out",
    "lora_bias",
    "use_qalora",
    "target_parameters",
    "layer_replication",
    "trainable_token_indices",
    "alora_invocation_tokens",
)


class UnsupportedAdapterError(UsageError):
    """An adapter that can't be merged or converted exactly; the message says why."""


@dataclass(frozen=True, kw_only=True)
class LowRank:
    """The change of one weight matrix: A `[rank, inputs]`, B `[outputs, rank]`, applied with `scale`."""

    a: NDArray[np.float32]
    b: NDArray[np.float32]
    scale: float

    def change(self) -> NDArray[np.float32]:
        """What is added to the weights: `[outputs, inputs]`, float32."""
        import numpy as np

        # Not `@`: for few rows BLAS spends more on waking its threads than on the product, and its sums depend on
        # where rows are cut. Here every entry is summed in the order of the rank.
        product: NDArray[np.float32] = np.einsum("or,ri->oi", self.b, self.a)
        product *= np.float32(self.scale)
        return product


class Adapter:
    """An adapter's layers, read when asked for."""

    def __init__(self, tensors: FileTensors, scales: dict[str, float]) -> None:
        self._tensors = tensors
        self._scales = scales

    def layers(self) -> tuple[str, ...]:
        """Names of the changed weights as the base's folder has them, sorted."""
        return tuple(sorted(f"{module}.weight" for module in self._scales))

    def read(self, weight: str) -> LowRank | None:
        """The change of one weight; None when the adapter leaves it alone."""
        module = weight.removesuffix(".weight")
        if module not in self._scales:
            return None
        a, b = (self._tensors.read(f"{_PREFIX}{module}.lora_{side}.weight") for side in "AB")
        return LowRank(a=a, b=b, scale=self._scales[module])


@contextmanager
def open_adapter(folder: Path) -> Iterator[Adapter]:
    """The adapter of a PEFT folder, open until the block is left.

    Raises:
        UnsupportedAdapterError: DoRA, saved modules, an adapted head … anything that plain LoRA is not.
        MissingFileError: it is no PEFT folder.
        UsageError: its weights are a pickle, which is never opened.
        DamagedFileError: a file can't be read, or half of a pair is missing.
    """
    config = _read_config(folder / CONFIG_FILE)
    _refuse_unless_plain(config)
    weights_file = _weights_of(folder)
    with open_tensors(weights_file) as tensors:
        ranks = _ranks(tensors.shapes(), weights_file)
        yield Adapter(tensors, {module: _scale(config, module, rank) for module, rank in ranks.items()})


def _weights_of(folder: Path) -> Path:
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        weight_files(folder)  # which refuses a pickle by name
        raise MissingFileError(
            f"there is no {WEIGHTS_FILE} in {folder}.", next_step="Name a folder that PEFT has written."
        )
    return path


def _read_config(path: Path) -> dict[str, Any]:
    body = read_json(path)
    if not (is_positive(body.get("r")) and is_positive(body.get("lora_alpha"))):
        raise DamagedFileError(f"{path} is no LoRA config.", next_step="Name a folder that PEFT has written.")
    for key in ("rank_pattern", "alpha_pattern"):
        if not _are_patterns(body.get(key) or {}):
            raise DamagedFileError(f"{path}: its {key} is no table of patterns.", next_step="Train again.")
    return body


def _are_patterns(value: object) -> bool:
    if not isinstance(value, dict) or not all(map(is_positive, value.values())):
        return False
    try:
        return all(re.compile(pattern) for pattern in value)
    except re.error:
        return False


def _refuse_unless_plain(config: dict[str, Any]) -> None:
    reasons = [name for name in _REFUSED if config.get(name)]
    if config.get("peft_type") != "LORA":
        reasons.append(f"peft_type {config.get('peft_type')!r}")
    if config.get("bias", "none") != "none":
        reasons.append("trained biases")
    if reasons:
        raise _unsupported(", ".join(reasons))


def _ranks(shapes: dict[str, tuple[int, ...]], path: Path) -> dict[str, int]:
    """The rank of each adapted module, from the shapes."""
    sides: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        match = _TENSOR.fullmatch(name)
        if match is None or match[1] in _OUTSIDE_LAYERS or len(shape) != _MATRIX:
            raise _unsupported(f"tensor {name}")
        sides.setdefault(match[1], {})[match[2]] = shape
    for module, found in sides.items():
        if len(found) != len("AB") or found["A"][0] != found["B"][1]:
            raise DamagedFileError(f"{path}: {module} has no matching A and B.", next_step="Train again.")
    return {module: found["A"][0] for module, found in sides.items()}


def _scale(config: dict[str, Any], module: str, rank: int) -> float:
    alpha = _by_pattern(config.get("alpha_pattern") or {}, module, config["lora_alpha"])
    expected = _by_pattern(config.get("rank_pattern") or {}, module, config["r"])
    if expected != rank:
        raise DamagedFileError(f"{module} has rank {rank}, its config says {expected}.", next_step="Train again.")
    return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _by_pattern(patterns: dict[str, float], module: str, usual: float) -> float:
    return next((value for key, value in patterns.items() if re.match(rf"(.*\.)?({key})$", module)), usual)


def _unsupported(what: str) -> UnsupportedAdapterError:
    return UnsupportedAdapterError(
        f"the adapter can't be built exactly: {what}.", next_step="Train a plain LoRA on the layers' linear weights."
    )

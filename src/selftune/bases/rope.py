"""Rotary positions, plain or stretched for longer texts, and what a GGUF file says of them.

A head of width `d` turns pair `i` by `position / theta^(2i/d)` (Su et al. 2021). `linear` divides every frequency by
one factor. `llama3`, Llama 3.1 and later, divides the slow ones, leaves the quick ones and blends between; llama.cpp
knows no such kind, it reads a tensor of divisors, `rope_freqs.weight`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

DEFAULT_THETA: Final = 10000.0
FREQUENCY_TENSOR: Final = "rope_freqs.weight"
_TOO_LARGE: Final = 1e30
_KINDS: Final = ("default", "linear", "llama3")


@dataclass(frozen=True, kw_only=True)
class Rope:
    """How positions are turned into angles.

    Attributes:
        kind: transformers' `rope_type`.
        factor: How many times longer texts may be than those that the model was first trained on.
        slow: Turns over `original_context` up to which a frequency is divided by the whole `factor`; `llama3` only.
        quick: Turns from which it is left alone; `llama3` only.
        original_context: Tokens that the model was first trained on; `llama3` only.
    """

    theta: float
    kind: str = "default"
    factor: float = 1.0
    slow: float = 1.0
    quick: float = 4.0
    original_context: int = 8192

    def parameters(self) -> dict[str, Any]:
        """These positions as `rope_parameters` of a `config.json`."""
        plain = {"rope_type": self.kind, "rope_theta": self.theta}
        if self.kind == "default":
            return plain
        if self.kind == "linear":
            return plain | {"factor": self.factor}
        turns = {"low_freq_factor": self.slow, "high_freq_factor": self.quick}
        return plain | {"factor": self.factor, **turns, "original_max_position_embeddings": self.original_context}

    def divisors(self, head_size: int) -> tuple[float, ...] | None:
        """What each of the `head_size / 2` frequencies is divided by; None where no frequency differs from another.

        Source: transformers' `_compute_llama3_parameters`, as divisors.
        """
        if self.kind != "llama3":
            return None
        return tuple(self._divisor(self.theta ** (2 * i / head_size)) for i in range(head_size // 2))

    def _divisor(self, tokens_per_radian: float) -> float:
        turns = self.original_context / (2 * math.pi * tokens_per_radian)
        if turns < self.slow:
            return self.factor
        if turns > self.quick:
            return 1.0
        share = (turns - self.slow) / (self.quick - self.slow)
        return 1 / ((1 - share) / self.factor + share)


def read_rope(config: dict[str, Any]) -> Rope:
    """The positions of a parsed `config.json` against which `against_rope` has nothing."""
    scaling = _scaling(config)
    plain = Rope(theta=float(scaling.get("rope_theta") or config.get("rope_theta") or DEFAULT_THETA))
    kind = _kind(scaling)
    if kind == "default":
        return plain
    if kind == "linear":
        return Rope(theta=plain.theta, kind=kind, factor=float(scaling["factor"]))
    return Rope(
        theta=plain.theta,
        kind=kind,
        factor=float(scaling["factor"]),
        slow=float(scaling["low_freq_factor"]),
        quick=float(scaling["high_freq_factor"]),
        original_context=int(scaling["original_max_position_embeddings"]),
    )


def against_rope(config: dict[str, Any]) -> tuple[str, ...]:
    """Why the positions can't be written to a GGUF file exactly; empty when they can."""
    scaling = _scaling(config)
    kind = _kind(scaling)
    found = {
        f"it stretches its positions by {kind!r}; only {', '.join(_KINDS[1:])} can be written": kind not in _KINDS,
        "only a part of each head is rotated": scaling.get("partial_rotary_factor", 1.0) != 1.0,
        f"its {kind!r} positions lack numbers": kind in _KINDS and not _is_whole(kind, scaling),
    }
    return tuple(reason for reason, present in found.items() if present)


def is_positive(value: object) -> bool:
    """Whether it is a number above 0 that any float can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _TOO_LARGE


def _is_whole(kind: str, scaling: dict[str, Any]) -> bool:
    stretched = ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
    needed = {"default": (), "linear": stretched[:1], "llama3": stretched}[kind]
    if not all(is_positive(scaling.get(key)) for key in needed):
        return False
    return kind != "llama3" or scaling["low_freq_factor"] < scaling["high_freq_factor"]


def _kind(scaling: dict[str, Any]) -> str:
    return str(scaling.get("rope_type", scaling.get("type", "default")))


def _scaling(config: dict[str, Any]) -> dict[str, Any]:
    """Transformers 5 keeps theta and scaling in `rope_parameters`; older folders have `rope_scaling` beside theta."""
    return config.get("rope_parameters") or config.get("rope_scaling") or {}

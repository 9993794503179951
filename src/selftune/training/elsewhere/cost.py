"""What a training elsewhere will take, estimated before: arithmetic, hours, money (D12)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from selftune.errors import UnknownNameError
from selftune.settings import from_mapping, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selftune.training.elsewhere.base import Order

FLOPS_PER_PARAMETER: Final = 6
"""Per token: 2 forward, 2 again when activations are recomputed, 2 backward. A full training's backward pass takes 4
(Kaplan et al. 2020, section 2.1); the half that makes gradients of weights falls away where these are frozen."""

UTILISATION: Final = 0.3
"""Share of the peak that such a training reaches, assumed; measured shares of well-tuned trainings are 0.3 to 0.5."""

START_SECONDS: Final = 300.0
"""To start a machine and load a base, assumed; with few examples it is most of the bill."""


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """One that can be rented; `tflops` is its dense peak in half precision."""

    memory_gb: float
    tflops: float
    usd_per_hour: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What one training takes; `usd` is None where nobody said a price."""

    tokens: int
    flops: float
    gpu_hours: float
    usd: float | None
    price: str


@cache
def accelerators() -> tuple[Mapping[str, Accelerator], str]:
    """Those with a price by name, and where the prices are from."""
    text = (resources.files("selftune.training.elsewhere") / "prices.toml").read_text(encoding="utf-8")
    table = read_toml(text, "prices.toml")
    found = {name: from_mapping(Accelerator, row, f"prices.toml: {name}") for name, row in table["gpu"].items()}
    return found, table["source"]


def find_accelerator(name: str) -> Accelerator:
    """The accelerator of this name.

    Raises:
        UnknownNameError: there is none; the nearest is offered.
    """
    known, _ = accelerators()
    if name not in known:
        raise UnknownNameError("accelerator", name, known)
    return known[name]


def flops_of(parameters: int, tokens: int) -> float:
    """Of training so many tokens, each counted as often as it is met."""
    return float(FLOPS_PER_PARAMETER) * parameters * tokens


def seconds_on(gpu: Accelerator, flops: float) -> float:
    """What so much arithmetic takes there, its start included."""
    return flops / (gpu.tflops * 1e12 * UTILISATION) + START_SECONDS


def estimate(order: Order, parameters: int, *, usd_per_hour: float | None = None) -> Estimate:
    """What the order takes on its accelerator, by the hour."""
    gpu = find_accelerator(order.gpu)
    flops = flops_of(parameters, order.tokens_trained)
    hours = seconds_on(gpu, flops) / 3600
    rate = gpu.usd_per_hour if usd_per_hour is None else usd_per_hour
    source = accelerators()[1] if usd_per_hour is None else "as you said"
    return Estimate(
        tokens=order.tokens_trained,
        flops=flops,
        gpu_hours=hours,
        usd=hours * rate,
        price=f"{rate:.2f} USD an hour of {order.gpu}, {source}",
    )


def estimate_by_token(order: Order, parameters: int, *, usd_per_million: float | None) -> Estimate:
    """What the order takes at a service that counts tokens; no price is shipped, such services change them often."""
    tokens = order.tokens_trained
    return Estimate(
        tokens=tokens,
        flops=flops_of(parameters, tokens),
        gpu_hours=0.0,
        usd=None if usd_per_million is None else tokens * usd_per_million / 1e6,
        price="not said: give --usd-per-million-tokens"
        if usd_per_million is None
        else f"{usd_per_million:.2f} USD a million tokens, as you said",
    )

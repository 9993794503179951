"""On what a run's bytes rest beside its inputs: versions, threads, the code itself; no name of a machine."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_PACKAGES: Final = ("torch", "transformers", "tokenizers", "peft", "trl", "accelerate", "safetensors", "numpy")


def describe_environment() -> tuple[tuple[str, str], ...]:
    """Names and values; equal ones, with equal code and inputs, give equal bytes on the same kind of processor."""
    import torch

    cards = (torch.cuda.get_device_name(),) if torch.cuda.is_available() else ()
    return (
        ("python", platform.python_version()),
        ("system", f"{platform.system()} {platform.machine()}"),
        ("processor", torch.backends.cpu.get_cpu_capability()),
        *(("card", name) for name in cards),
        ("threads", str(torch.get_num_threads())),
        ("deterministic", str(torch.are_deterministic_algorithms_enabled()).lower()),
        *((name, found) for name in _PACKAGES if (found := _version(name))),
    )


@cache
def code_version() -> str:
    """The program's version with a digest of the code that trains: a version alone does not change with each commit."""
    from selftune import __version__

    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return f"{__version__}+training.{digest.hexdigest()[:8]}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

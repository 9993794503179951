"""Whether this processor can run the llama.cpp wheel, and how many cores are free for it."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Final

from selftune.errors import ServingError

CPUINFO: Final = Path("/proc/cpuinfo")
_X86: Final = frozenset({"x86_64", "amd64"})


def require_avx2(cpuinfo: Path = CPUINFO, machine: str | None = None) -> None:
    """Return where the wheel can run, as far as the system tells; an unknown system is tried.

    Raises:
        ServingError: the processor has no AVX2: the wheel would die of an illegal instruction.
    """
    if (machine or platform.machine()).lower() not in _X86:
        return
    try:
        flags = next((line for line in cpuinfo.read_text().splitlines() if line.startswith("flags")), None)
    except OSError:
        return
    if flags is not None and "avx2" not in flags.split():
        raise ServingError(
            "this processor has no AVX2, which the llama.cpp wheel needs.",
            next_step="Serve with a llama-server or Ollama built for this machine.",
        )


def free_cores() -> int:
    """Cores that this process may use; more threads than that slow llama.cpp down many times over."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)

"""Whether this processor can run the llama.cpp wheel, and how many cores are free for it."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Final

from selftune.errors import ServingError

CPUINFO: Final = Path("/proc/cpuinfo")
_MEASURED_SECONDS: Final = 0.2
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
    """Cores that nothing else keeps busy now, at least one; measured for a fifth of a second.

    llama.cpp's threads wait for each other at every layer: one thread too many, and it is ten times slower.
    """
    import psutil

    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    busy = psutil.cpu_percent(interval=_MEASURED_SECONDS) / 100 * (psutil.cpu_count() or 1)
    return max(1, round(ours - busy))

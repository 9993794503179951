"""Whether this processor can run the llama.cpp wheel, and how many threads and servers a model is best served by."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Final

from selftune.errors import ServingError
from selftune.platforms import own_cores

CPUINFO: Final = Path("/proc/cpuinfo")
_MEASURED_SECONDS: Final = 0.2
# Of a model this small a layer is read before a second thread has woken up for it.
_SMALL_BYTES: Final = 32 << 20
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


def fitting_threads(size_bytes: int) -> int:
    """How many threads a server of a model of this size has: the free cores, or one where it is small."""
    return 1 if size_bytes <= _SMALL_BYTES else free_cores()


def fitting_servers(size_bytes: int, slots: int) -> int:
    """How many servers share the slots: a small model keeps a core busy by one thread, so each core has its own.

    It counts all cores of this process, free or not: every arm of a comparison is asked in the same way.
    """
    return min(own_cores(), slots) if size_bytes <= _SMALL_BYTES else 1


def free_cores() -> int:
    """Cores that nothing else keeps busy now, at least one; measured for a fifth of a second.

    llama.cpp's threads wait for each other at every layer: one thread too many, and it is ten times slower.
    """
    import psutil

    busy = psutil.cpu_percent(interval=_MEASURED_SECONDS) / 100 * (psutil.cpu_count() or 1)
    return max(1, round(own_cores() - busy))

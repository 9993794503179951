"""What a training drew, as an estimate: by the processor's own counters where they can be read, else as stated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selftune.context import Machine

# Linux' powercap: microjoules since some moment, a zone for each processor package; each wraps at a range of its own.
COUNTERS: Final = Path("/sys/class/powercap")
_PER_JOULE: Final = 1e6
_PER_KWH: Final = 3.6e6


@dataclass(frozen=True, kw_only=True)
class Counter:
    """One package's counter in microjoules, and where it wraps."""

    value: int
    wraps_at: int


@dataclass(frozen=True, kw_only=True)
class Energy:
    """An estimate in joules, and what it rests on."""

    joules: float
    source: str


def read_counters(folder: Path = COUNTERS) -> dict[str, Counter]:
    """The packages' counters; none where the system has none or shows them to its administrator alone."""
    found = {}
    for zone in sorted(folder.glob("intel-rapl:*")):
        if zone.name.count(":") != 1:  # parts of a package, which the package counts already
            continue
        try:
            value, wraps_at = (int((zone / name).read_text()) for name in ("energy_uj", "max_energy_range_uj"))
        except (OSError, ValueError):
            continue
        found[zone.name] = Counter(value=value, wraps_at=wraps_at)
    return found


def estimate_energy(
    before: Mapping[str, Counter], after: Mapping[str, Counter], *, counted: float, seconds: float, machine: Machine
) -> Energy | None:
    """What `seconds` of training drew, of which the counters saw the last `counted`; None where nothing tells.

    Earlier tries count at the mean power of this one. Counters see all that the machine did meanwhile, and neither
    memory nor an accelerator: an estimate either way.
    """
    if before and before.keys() == after.keys() and counted > 0:
        drawn = sum((after[name].value - one.value) % (one.wraps_at + 1) for name, one in before.items())
        return Energy(joules=drawn / _PER_JOULE * seconds / counted, source="the processor's counters")
    if machine.watts > 0:
        return Energy(joules=machine.watts * seconds, source=f"{machine.watts:g} W as stated")
    return None


def estimate_cost(energy: Energy | None, *, seconds: float, machine: Machine) -> float:
    """Dollars for the hours and the current, by the prices that were stated; 0 where none were."""
    current = 0.0 if energy is None else energy.joules / _PER_KWH * machine.usd_per_kwh
    return seconds / 3600 * machine.usd_per_hour + current

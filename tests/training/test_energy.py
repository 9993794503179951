"""What a training drew: by counters, as stated, or by nobody's word."""

from __future__ import annotations

from pathlib import Path

import pytest

from selftune.context import Machine
from selftune.training.energy import Counter, estimate_cost, estimate_energy, read_counters

AT_HOME = Machine(watts=65.0, usd_per_kwh=0.30)


def write_zone(folder: Path, name: str, value: str) -> None:
    zone = folder / name
    zone.mkdir(parents=True)
    (zone / "energy_uj").write_text(value)
    (zone / "max_energy_range_uj").write_text("999999")


def test_packages_are_read_and_their_parts_are_not_counted_twice(tmp_path: Path) -> None:
    write_zone(tmp_path, "intel-rapl:0", "5\n")
    write_zone(tmp_path, "intel-rapl:0:1", "3\n")
    write_zone(tmp_path, "intel-rapl:1", "no number")
    assert read_counters(tmp_path) == {"intel-rapl:0": Counter(value=5, wraps_at=999_999)}
    assert read_counters(tmp_path / "absent") == {}


def test_a_counter_that_wrapped_is_followed_over_its_end() -> None:
    before, after = ({"p": Counter(value=value, wraps_at=9_999_999)} for value in (9_000_000, 1_000_000))
    found = estimate_energy(before, after, counted=1.0, seconds=1.0, machine=AT_HOME)
    assert found is not None
    assert found.joules == pytest.approx(2.0)
    assert "counters" in found.source


def test_earlier_tries_count_at_the_mean_power_of_this_one() -> None:
    before, after = ({"p": Counter(value=value, wraps_at=10**12)} for value in (0, 10_000_000))
    found = estimate_energy(before, after, counted=10.0, seconds=30.0, machine=Machine())
    assert found is not None
    assert found.joules == pytest.approx(30.0)


def test_without_counters_the_stated_watts_tell_and_without_these_nothing_does() -> None:
    stated = estimate_energy({}, {}, counted=10.0, seconds=100.0, machine=AT_HOME)
    assert stated is not None
    assert (stated.joules, stated.source) == (6500.0, "65 W as stated")
    assert estimate_energy({}, {}, counted=10.0, seconds=100.0, machine=Machine()) is None


def test_an_hour_costs_its_rent_and_its_current() -> None:
    machine = Machine(watts=1000.0, usd_per_hour=2.0, usd_per_kwh=0.5)
    energy = estimate_energy({}, {}, counted=3600.0, seconds=3600.0, machine=machine)
    assert estimate_cost(energy, seconds=3600.0, machine=machine) == pytest.approx(2.5)
    assert estimate_cost(None, seconds=3600.0, machine=Machine()) == 0.0

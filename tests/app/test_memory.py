"""The peak of a run is that of all its processes together, also of those that are gone when it ends."""

from __future__ import annotations

import subprocess
import sys

from selftune.app.memory import MemoryWatch, resident_bytes
from selftune.platforms import peak_memory_bytes

MIB = 1 << 20
# Touches 64 MiB, says so, and lives until its input is closed.
SERVER = "import sys; held = b'x' * (64 << 20); print('up', flush=True); sys.stdin.read()"


def test_a_server_that_is_gone_at_the_end_was_counted():
    watch = MemoryWatch(own_peak=lambda: 0)
    before = resident_bytes()
    with subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout.readline() == b"up\n"
        watch.look()
        server.communicate()
    assert watch.peak_bytes >= before + 60 * MIB
    assert resident_bytes() < before + 60 * MIB


def test_the_largest_sum_counts_not_the_last():
    sums = iter([100, 300, 200])
    watch = MemoryWatch(lambda: next(sums), own_peak=lambda: 0)
    for _ in range(3):
        watch.look()
    assert watch.peak_bytes == 300


def test_a_peak_of_our_own_between_two_looks_is_not_missed():
    watch = MemoryWatch(lambda: 100, own_peak=lambda: 5_000)
    watch.look()
    assert watch.peak_bytes == 5_000
    assert peak_memory_bytes() > 10 * MIB


def test_it_looks_at_least_at_the_beginning_and_at_the_end():
    looks = []
    with MemoryWatch(lambda: len(looks) or looks.append(1) or 7, own_peak=lambda: 0) as watch:
        pass
    assert watch.peak_bytes == 7
    assert looks

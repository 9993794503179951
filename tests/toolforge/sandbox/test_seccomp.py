"""The filter, walked step by step as the kernel would."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Final

import pytest

from selftune.toolforge.sandbox.seccomp import compile_filter, numbers_of

_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_NOT_PERMITTED: Final = 0x50001
_NOT_KNOWN: Final = 0x50026
_MACHINES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_HEADERS: Final = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
# Not of the filter, but of linux/sched.h and asm-generic/ioctls.h.
_NAMESPACES: Final = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
_ORDINARY: Final = {"x86_64": (0, 1, 9, 12, 59, 231, 257), "aarch64": (56, 63, 64, 93, 214, 221, 222)}
machines = pytest.mark.parametrize("machine", _MACHINES)


@machines
def test_each_refused_call_is_not_permitted(machine: str) -> None:
    found = compile_filter(machine)
    assert found is not None
    numbers = numbers_of(machine)

    assert len(found.names) >= 70
    assert {answer(machine, numbers[name]) for name in found.names} == {_NOT_PERMITTED}


@machines
def test_ordinary_calls_are_allowed(machine: str) -> None:
    assert {answer(machine, number) for number in _ORDINARY[machine]} == {_ALLOW}


@machines
def test_calls_that_are_younger_are_unknown(machine: str) -> None:
    # So are those of the x32 machine, whose numbers have a bit of their own.
    assert {answer(machine, number) for number in (451, 462, 1 << 20, 0x40000000, 0x40000029)} == {_NOT_KNOWN}
    assert answer(machine, numbers_of(machine)["clone3"]) == _NOT_KNOWN


@machines
def test_another_machine_is_killed(machine: str) -> None:
    for other in (0x40000003, *(audit for name, audit in _MACHINES.items() if name != machine)):
        assert answer(machine, 0, audit=other) == _KILL


@machines
def test_a_clone_may_have_no_namespace_of_its_own(machine: str) -> None:
    number = numbers_of(machine)["clone"]

    assert {answer(machine, number, first=flag | 17) for flag in _NAMESPACES} == {_NOT_PERMITTED}
    # What a fork and a thread of glibc ask for.
    assert {answer(machine, number, first=flags) for flags in (0x1200011, 0x3D0F00)} == {_ALLOW}


@machines
def test_nobody_types_into_a_terminal(machine: str) -> None:
    number = numbers_of(machine)["ioctl"]

    assert {answer(machine, number, second=trick) for trick in (0x5412, 0x541C)} == {_NOT_PERMITTED}
    assert answer(machine, number, second=0x5413) == _ALLOW


@machines
def test_the_numbers_are_those_of_the_kernel(machine: str) -> None:
    if not _HEADERS[machine].exists():
        pytest.skip(f"no headers of the kernel for {machine}")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", _HEADERS[machine].read_text(encoding="utf-8"))
    known = {name: int(number) for name, number in found}

    ours = {name: number for name, number in numbers_of(machine).items() if name in known}

    assert ours == {name: known[name] for name in ours}
    assert len(ours) >= 70


def test_no_filter_is_made_for_a_machine_whose_numbers_are_not_known() -> None:
    assert compile_filter("riscv64") is None
    assert numbers_of("riscv64") == {}


def answer(machine: str, number: int, *, first: int = 0, second: int = 0, audit: int | None = None) -> int:
    """What the filter returns for one call, by the rules of classic BPF."""
    found = compile_filter(machine)
    assert found is not None
    steps = list(struct.iter_unpack("=HBBI", found.program))
    data = struct.pack("=IIQQQ", number, _MACHINES[machine] if audit is None else audit, 0, first, second)
    at, held = 0, 0
    while True:
        code, yes, no, value = steps[at]
        at += 1
        if code == 0x06:
            return int(value)
        if code == 0x20:
            held = struct.unpack_from("=I", data, value)[0]
        else:
            holds = {0x15: held == value, 0x25: held > value, 0x45: bool(held & value)}[code]
            at += yes if holds else no

"""The short attempts in one box, and what doctor says of them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from selftune.app import health
from selftune.errors import SandboxError
from selftune.toolforge.sandbox import EndedBy, Ran, find_sandbox
from selftune.toolforge.sandbox import bubblewrap as room
from selftune.toolforge.sandbox.attempts import ATTEMPTS, Facts
from selftune.toolforge.sandbox.attempts.base import MARK, known_calls
from selftune.toolforge.sandbox.attempts.battery import battery_input, battery_program, read_battery, run_battery

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.toolforge.sandbox import Limits
    from selftune.toolforge.sandbox.base import Posture

pytestmark = pytest.mark.needs("bwrap")

_SHORT: Final = [attempt for attempt in ATTEMPTS if attempt.short]


class ScriptedSandbox:
    """A stand-in that runs nothing: it answers what it was told to."""

    def __init__(self, stdout: bytes, *, verified: bool = True) -> None:
        self._stdout = stdout
        self.posture: Posture = replace(find_sandbox().posture, verified=verified)

    def run(self, program: str, *, stdin: bytes = b"", limits: Limits | None = None) -> Ran:
        assert program
        assert stdin
        assert limits
        return Ran(stdout=self._stdout, stderr=b"", exit_code=0, ended_by=EndedBy.EXIT, seconds=0, posture="scripted")


@pytest.fixture
def forgotten() -> Iterator[None]:
    """A sandbox is looked for once a process; here anew."""
    find_sandbox.cache_clear()
    yield
    find_sandbox.cache_clear()


def test_no_short_attempt_gets_out() -> None:
    battery = run_battery(find_sandbox(), ATTEMPTS)

    assert battery.got_out == ()
    assert battery.tried == len(_SHORT) >= 40


def test_most_of_them_get_their_way_where_nothing_holds_them(tmp_path: Path) -> None:
    # Those that need root or fill folders of the host are tried one by one, with a room of their own.
    harmless = [attempt for attempt in _SHORT if attempt.control == "user" and "folder" not in attempt.name]
    told = battery_input(harmless, Facts(calls=known_calls(), rooms=(str(tmp_path),)))

    ran = subprocess.run(
        [sys.executable, "-c", battery_program(harmless)], input=told, stdout=subprocess.PIPE, cwd=tmp_path, check=True
    )

    said = read_battery(ran.stdout)
    assert sum(MARK in words for words in said.values()) > len(harmless) * 0.8


def test_what_gets_out_is_named() -> None:
    battery = run_battery(ScriptedSandbox(b'[["reads the passwords", "GOT OUT"]]'), ATTEMPTS)

    assert battery.got_out == ("reads the passwords",)


def test_a_battery_that_does_not_come_to_its_end_says_so() -> None:
    with pytest.raises(SandboxError, match="not made to the end"):
        run_battery(ScriptedSandbox(b"["), ATTEMPTS)


def test_doctor_says_what_holds() -> None:
    held, *notes = health._sandbox()

    assert held.level == "ok"
    assert f"none of {len(_SHORT)} attempts got out" in held.what
    assert [note.level for note in notes] == ["note"]


def test_doctor_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, forgotten: None) -> None:
    monkeypatch.setattr(room, "_PATH", str(tmp_path))

    (found,) = health._sandbox()

    assert (found.level, found.what) == ("note", "no tools can be forged: bwrap is not installed.")
    assert "apt-get install bubblewrap" in found.mend


def test_doctor_says_what_got_out(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = ScriptedSandbox(b'[["reads the passwords", "GOT OUT"]]')
    monkeypatch.setattr("selftune.toolforge.sandbox.find_sandbox", lambda: scripted)

    (found,) = health._sandbox()

    assert found.level == "bad"
    assert "reads the passwords" in found.what


def test_doctor_says_what_nobody_has_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = ScriptedSandbox(b"[]", verified=False)
    monkeypatch.setattr("selftune.toolforge.sandbox.find_sandbox", lambda: scripted)

    assert "NOT VERIFIED" in list(health._sandbox())[-1].what

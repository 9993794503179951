"""Every attempt fails in the box, and the same program succeeds where nothing holds it."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from sandbox_host import Host, end_all_called

from selftune.toolforge.sandbox import EndedBy, Limits, Ran
from selftune.toolforge.sandbox.attempts import ATTEMPTS, Attempt, Control, got_out
from selftune.toolforge.sandbox.bubblewrap import open_bubblewrap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

pytestmark = pytest.mark.needs("bwrap")

_AT_ONCE: Final = 4
_TRIED: Final = [attempt for attempt in ATTEMPTS if attempt.machine in ("", platform.machine())]
_LEAST: Final = 60
_SYS_ADMIN: Final = 1 << 21
each = pytest.mark.parametrize("attempt", _TRIED, ids=lambda attempt: f"{attempt.family}: {attempt.name}")


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    folder = Path(tempfile.mkdtemp(prefix="host-", dir=_open_folder()))
    host = Host(folder, open_bubblewrap())
    os.environ["SECRET"] = host.secret
    yield host
    del os.environ["SECRET"]
    host.close()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def inside(host: Host) -> Iterator[dict[Attempt, Future[str]]]:
    """How each attempt got out of the box, several tried at once."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield {attempt: pool.submit(_try_inside, host, attempt) for attempt in _TRIED}


@pytest.fixture(scope="module")
def outside(host: Host) -> Iterator[dict[Attempt, Future[str]]]:
    """How each program got its way where nothing holds it; those that are over at once share a process."""
    tried = [attempt for attempt in _TRIED if attempt.control is Control.USER or _is_full_root()]
    slow = [attempt for attempt in tried if attempt.limits is not None or attempt.outlives]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = {attempt: pool.submit(_try_outside, host, attempt) for attempt in slow}
        for control in Control:
            quick = [attempt for attempt in tried if attempt.control is control and attempt not in slow]
            said = pool.submit(host.outside_together, quick, control)
            found |= {attempt: pool.submit(_judge_outside, host, attempt, said) for attempt in quick}
        yield found


@each
def test_no_attempt_gets_out_of_the_box(attempt: Attempt, inside: dict[Attempt, Future[str]]) -> None:
    assert inside[attempt].result() == ""


@each
def test_the_same_program_gets_its_way_where_nothing_holds_it(
    attempt: Attempt, outside: dict[Attempt, Future[str]]
) -> None:
    if attempt not in outside:
        pytest.skip("its control needs root")
    assert outside[attempt].result() != ""


def test_there_are_as_many_attempts_as_promised_and_no_two_alike() -> None:
    assert len({attempt.name for attempt in _TRIED}) == len(_TRIED) >= _LEAST
    assert len({(attempt.family, attempt.program) for attempt in _TRIED}) == len(_TRIED)
    page = Path(__file__).resolve().parents[3] / "docs" / "sandbox.md"
    assert f"{len(ATTEMPTS)} attempts to get out" in page.read_text(encoding="utf-8")


def _open_folder() -> Path:
    """A folder that the user whom the box is built by can enter: pytest's own is closed to others."""
    return next(
        folder
        for folder in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"))
        if all(above.stat().st_mode & stat.S_IXOTH for above in (folder, *folder.parents))
    )


def _try_inside(host: Host, attempt: Attempt) -> str:
    name = _name(attempt, "in")
    before = (host.folder / "public").stat().st_mtime_ns
    ran = host.inside(attempt, name)
    if attempt.outlives and end_all_called(name, within=30):
        return "what it left behind lives on"
    if attempt.name.startswith("writes a file") and (host.folder / "public").stat().st_mtime_ns != before:
        return "it wrote"
    limits = attempt.limits or Limits()
    return got_out(attempt, ran, secret=host.secret.encode(), limits=limits)


def _try_outside(host: Host, attempt: Attempt) -> str:
    name = _name(attempt, "out")
    ran = host.outside(attempt, name)
    if attempt.outlives:
        return "what it left behind lives on" if end_all_called(name, within=0) else ""
    return _how(host, attempt, ran.stdout + ran.stderr)


def _judge_outside(host: Host, attempt: Attempt, said: Future[dict[str, bytes]]) -> str:
    return _how(host, attempt, said.result()[attempt.name])


def _how(host: Host, attempt: Attempt, said: bytes) -> str:
    """How it got its way, as far as its words tell."""
    ran = Ran(stdout=said, stderr=b"", exit_code=0, ended_by=EndedBy.EXIT, seconds=0, posture="none")
    unlimited = Limits(output_bytes=1 << 30)
    return got_out(replace(attempt, ends=None), ran, secret=host.secret.encode(), limits=unlimited)


def _name(attempt: Attempt, where: str) -> str:
    """What a process calls itself: fifteen letters at most, the same for the same attempt."""
    return f"{where}-{_TRIED.index(attempt)}-{os.getpid()}"


def _is_full_root() -> bool:
    """Whether nothing is refused to us; root in a container may be less than that."""
    held = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff"))
    return os.geteuid() == 0 and bool(int(held.split()[1], 16) & _SYS_ADMIN)

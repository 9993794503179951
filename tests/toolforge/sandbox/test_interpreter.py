"""Which Python is shown to the box, and which is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import pytest

from selftune.errors import SandboxError
from selftune.toolforge.sandbox import interpreter as room
from selftune.toolforge.sandbox.interpreter import choose_interpreter

_MINOR: Final = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def usr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host whose /usr is a folder of ours, with no Python in it yet."""
    (tmp_path / "usr" / "bin").mkdir(parents=True)
    monkeypatch.setattr(room, "_USR", tmp_path / "usr")
    return tmp_path / "usr"


def install(prefix: Path, *, whole: bool = True) -> Path:
    """Lay out what a Python is recognised by."""
    library = prefix / "lib" / f"python{_MINOR}"
    for name in ("site-packages", *(("asyncio", "json", "ctypes", "sqlite3") if whole else ("json",))):
        (library / name).mkdir(parents=True)
    (prefix / "bin").mkdir(exist_ok=True)
    (prefix / "bin" / f"python{_MINOR}").touch()
    return prefix


def test_the_python_of_the_system_is_taken_where_it_is_whole(
    usr: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(usr)
    monkeypatch.setattr(sys, "base_prefix", str(install(tmp_path / "own")))

    found = choose_interpreter(dropped=False)

    assert found.program == usr / "bin" / f"python{_MINOR}"
    assert found.bound == ()
    assert found.hidden == (usr / "lib" / f"python{_MINOR}" / "site-packages",)


def test_else_that_of_this_process_is_bound_without_its_packages(
    usr: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(usr, whole=False)
    own = install(tmp_path / "own")
    monkeypatch.setattr(sys, "base_prefix", str(own))

    found = choose_interpreter(dropped=False)

    assert found.program == own / "bin" / f"python{_MINOR}"
    assert found.bound == (found.program, own / "lib")
    assert found.hidden == (own / "lib" / f"python{_MINOR}" / "site-packages",)


def test_packages_installed_beside_the_system_are_hidden(usr: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(usr)
    (usr / "local").mkdir()
    (usr / "lib" / "python3" / "dist-packages").mkdir(parents=True)
    monkeypatch.setattr(sys, "base_prefix", str(usr))

    hidden = choose_interpreter(dropped=False).hidden

    assert {usr / "local", usr / "lib" / "python3" / "dist-packages"} < set(hidden)


def test_a_python_under_usr_local_is_not_hidden_from_itself(usr: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "base_prefix", str(install(usr / "local")))

    found = choose_interpreter(dropped=False)

    assert found.program == usr / "local" / "bin" / f"python{_MINOR}"
    assert found.bound == ()
    assert usr / "local" not in found.hidden


def test_a_python_that_nobody_else_may_enter_is_refused_to_root(
    usr: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = install(tmp_path / "own")
    own.chmod(0o700)
    monkeypatch.setattr(sys, "base_prefix", str(own))

    with pytest.raises(SandboxError, match="closed to others") as caught:
        choose_interpreter(dropped=True)

    assert f"apt-get install python{_MINOR}" in caught.value.next_step

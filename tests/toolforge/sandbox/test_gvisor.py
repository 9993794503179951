"""What is asked of gVisor, held against a stand-in for `runsc`. The real one: NOT VERIFIED."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from selftune.errors import SandboxError
from selftune.toolforge.sandbox import EndedBy, Limits, find_sandbox
from selftune.toolforge.sandbox import bubblewrap as room
from selftune.toolforge.sandbox.bubblewrap import open_bubblewrap
from selftune.toolforge.sandbox.gvisor import open_gvisor
from selftune.toolforge.sandbox.posture import PROBE, read_probe

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("bwrap")

# It holds nothing: it runs the command of the bundle as it is, and answers the probe with what lies beside it.
_STAND_IN: Final = """#!{python} -I
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
with open(here + "/asked", "a") as asked:
    asked.write(json.dumps(sys.argv[1:]) + "\\n")
if "--version" in sys.argv:
    print("runsc version stand-in")
elif "run" in sys.argv:
    bundle = sys.argv[sys.argv.index("-bundle") + 1]
    with open(bundle + "/config.json") as file:
        config = json.load(file)
    with open(here + "/config.json", "w") as file:
        json.dump(config, file)
    if os.path.exists(here + "/broken"):
        sys.exit("runsc: cannot create gofer process")
    with open(bundle + "/program.py") as file:
        if "no_new_privileges" in file.read():
            with open(here + "/seen.json") as seen:
                sys.exit(print("+" + seen.read()))
    words = [word.replace("/program.py", bundle + "/program.py") for word in config["process"]["args"]]
    os.execv(words[0], words)
"""


@pytest.fixture
def runsc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the stand-in, which is the only runsc there is."""
    box = open_bubblewrap()
    seen = dict(read_probe(box.run(PROBE))) | {"kernel": "4.4.0"}
    (tmp_path / "seen.json").write_text(json.dumps(seen), encoding="utf-8")
    program = tmp_path / "runsc"
    program.write_text(_STAND_IN.format(python=box.interpreter.program), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


@pytest.fixture
def without_bubblewrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(room, "_PATH", str(tmp_path / "nothing"))
    find_sandbox.cache_clear()
    yield
    find_sandbox.cache_clear()


def test_a_program_is_run_and_the_word_that_the_box_stands_is_not_its_own(runsc: Path) -> None:
    ran = open_gvisor().run("import sys; print(sys.stdin.read()); sys.exit(3)", stdin=b"abc")

    assert (ran.stdout, ran.exit_code, ran.ended_by) == (b"abc\n", 3, EndedBy.EXIT)


def test_the_bundle_asks_for_a_box_that_holds(runsc: Path) -> None:
    open_gvisor().run("pass", limits=Limits(file_bytes=1 << 20, processes=7))

    asked: dict[str, Any] = json.loads((runsc / "config.json").read_text(encoding="utf-8"))
    process = asked["process"]
    assert asked["root"] == {"path": "rootfs", "readonly": True}
    assert process["user"] == {"uid": 65534, "gid": 65534}
    assert process["noNewPrivileges"]
    assert process["env"] == []
    assert set(map(tuple, process["capabilities"].values())) == {()}
    assert {"type": "RLIMIT_NPROC", "soft": 7, "hard": 7} in process["rlimits"]
    assert {row["type"] for row in asked["linux"]["namespaces"]} >= {"network", "pid", "ipc", "mount"}
    writable = [row["destination"] for row in asked["mounts"] if "ro" not in row["options"]]
    assert writable == ["/tmp"]
    assert "size=1048576" in asked["mounts"][-1]["options"]


def test_runsc_is_told_to_give_no_network_and_to_forget_the_box(runsc: Path) -> None:
    open_gvisor().run("pass")

    asked = [json.loads(line) for line in (runsc / "asked").read_text(encoding="utf-8").splitlines()]
    *_, ran, forgot = asked
    assert "--network=none" in ran
    assert ("--rootless" in ran) == (os.geteuid() != 0)
    assert forgot[-3:] == ["delete", "-force", ran[-1]]
    assert not Path(ran[ran.index("-bundle") + 1]).exists()


def test_what_sleeps_past_the_end_is_ended(runsc: Path) -> None:
    ran = open_gvisor().run("import time; time.sleep(20)", limits=Limits(wall_seconds=0.5))

    assert ran.ended_by is EndedBy.WALL


def test_a_runsc_that_cannot_build_is_no_sandbox(runsc: Path) -> None:
    (runsc / "broken").touch()

    with pytest.raises(SandboxError, match="cannot create gofer process"):
        open_gvisor()


def test_a_runsc_on_the_kernel_of_the_host_is_no_sandbox(runsc: Path) -> None:
    seen = json.loads((runsc / "seen.json").read_text(encoding="utf-8"))
    (runsc / "seen.json").write_text(json.dumps(seen | {"kernel": os.uname().release}), encoding="utf-8")

    with pytest.raises(SandboxError, match="on the kernel of the host"):
        open_gvisor()


def test_gvisor_is_taken_where_bubblewrap_is_missing(runsc: Path, without_bubblewrap: None) -> None:
    # doctor's attempts are not made here: the stand-in holds nothing.
    assert find_sandbox().posture.box == "gVisor stand-in"
    assert not find_sandbox().posture.verified


def test_where_both_fail_both_are_named(runsc: Path, without_bubblewrap: None) -> None:
    (runsc / "broken").touch()

    with pytest.raises(SandboxError, match=r"bwrap is not installed\. gVisor could not build"):
        find_sandbox()

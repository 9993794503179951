"""A disk that is full: for real, on one of our own, and where a failpoint says so."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from fault_walker import CLI

import warm_cli

pytestmark = pytest.mark.needs("train", "serve")

# KiB left: nothing, less than a step's records, less than a checkpoint and a build.
FREE = (0, 64, 3_000)
# The same before forms are built: nothing, and less than the smallest of them.
FREE_FOR_FORMS = (0, 1_000)
# Before a step that writes much, and between the effects of a release: what served before must go on serving.
PLACES = ("before-train", "release-placed", "release-switched", "release-edited")
# What forks the commands must see the disk too: it is begun behind the mount, and ends with the pipe it reads.
WALK = f"""
mkdir disk && mount -t tmpfs -o size=96m tmpfs disk && cp -a walk disk/ && cd disk/walk
exec 3> >("{CLI[0]}" "{warm_cli.__file__}" "$TYPED")
until [ -e "$TYPED" ]; do sleep 0.1; done
selftune() {{ "$WARM" "$@" 3>&-; }}
leave() {{ fallocate -l $(( $(df --output=avail -k . | tail -1) - $1 ))k ../fill; }}
for free in {" ".join(map(str, FREE))}; do
    leave $free
    selftune cycle 2>&1; echo "cycle with $free KiB: $?"
    rm ../fill
    selftune ask Hello! --no-log >/dev/null; echo "ask afterwards: $?"
done
selftune cycle >/dev/null; echo "cycle with room: $?"
cp selftune.toml ../before.toml
for free in {" ".join(map(str, FREE_FOR_FORMS))}; do
    leave $free
    selftune forms --form q8_0 --use 2>&1; echo "forms with $free KiB: $?"
    rm ../fill
    selftune ask Hello! --no-log >/dev/null; echo "ask afterwards: $?"
done
cmp selftune.toml ../before.toml && echo "config as it was"
echo "half written: $(find . -name '*.partial' | wc -l)"
selftune status
"{CLI[0]}" -m selftune.ledger.verify .; echo "verify: $?"
selftune stop
exec 3>&-
"""


@pytest.fixture
def short_folder():
    """A folder whose name leaves room for that of a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.needs("tmpfs")
def test_on_a_full_disk_nothing_is_half_kept_and_with_room_the_same_command_goes_on(begun, short_folder):
    typed = warm_cli.WarmCli(str(short_folder / "typed"))
    typed.write_shim(short_folder)
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "bash", "-c", WALK],
        cwd=begun.folder.parent,
        env=os.environ | {"TYPED": typed.address, "WARM": str(short_folder / "selftune")},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    for free in FREE:
        assert f"cycle with {free} KiB: 7" in lines, done.stdout + done.stderr
    assert done.stdout.count("Next: Free ") == len(FREE) + len(FREE_FOR_FORMS)
    assert lines.count("ask afterwards: 0") == len(FREE) + len(FREE_FOR_FORMS)
    assert "cycle with room: 0" in lines
    for free in FREE_FOR_FORMS:
        assert f"forms with {free} KiB: 7" in lines, done.stdout + done.stderr
    assert "config as it was" in lines
    assert "half written: 0" in lines
    assert "serves          v1.1 (generation 1)" in lines
    assert "verify: 0" in lines


def test_wherever_the_system_says_that_the_disk_is_full_the_same_command_goes_on(begun):
    for place in PLACES:
        failed = begun.expect(7, "cycle", failpoint=f"{place}=enospc")
        assert os.strerror(errno.ENOSPC) in failed.stderr
        assert "Free some disk space" in failed.stderr
        assert begun.status()["serves"] == "v1.0 (generation 0)"
        begun.expect(0, "ask", "Hello!", "--no-log")
    begun.expect(0, "cycle")
    assert begun.status()["serves"] == "v1.1 (generation 1)"
    begun.verify()

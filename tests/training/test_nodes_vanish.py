"""Faults of another machine, ten points each: a cut link, a killed process, a changed key, a full disk."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from far_machine import (
    DONE,
    TRAIN,
    Far,
    context_for,
    forget_base,
    hanging,
    make_job,
    wait_until_gone,
)
from real_sshd import Link, make_key, running_sshd

from selftune.training.base import TrainingJob
from selftune.training.elsewhere.reaching import HostKeyError, NodeAwayError, NodeFullError
from selftune.training.elsewhere.ssh import SshBackend

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("train", "sshd"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked up in /proc"),
]

# Connections of a first try: 1 look, 2 base, 3 lessons, 4 training, 5 report, 6 fetch, 7 clean-up. Bytes either way.
CUTS = [
    (1, 0),
    (1, 9_000),
    (2, 20_000),
    (2, 70_000),
    (2, 115_000),
    (3, 9_000),
    (4, 9_000),
    (5, 4_000),
    (6, 14_000),
    (7, 4_000),
]
KILLS = [
    *((victim, number) for victim in ("training", "script", "hears") for number in (9, 15, 1)),
    ("session", 9),
]
SIZES_KB = [40, 110, 130, 160, 240, 260, 300, 340, 400, 480]


def check_taken(far: Far, job: TrainingJob) -> None:
    """The adapter is whole, and nothing but the base stays there."""
    name = "adapter_model.safetensors"
    assert (job.adapter / name).read_bytes() == (job.initial / name).read_bytes()
    assert (far.words, list((far.cache / "jobs").iterdir())) == ([], [])


@pytest.mark.parametrize("cut", CUTS)
def test_cut_at_each_point_the_next_try_ends_well(job: TrainingJob, context, far: Far, cut: tuple[int, int]) -> None:
    forget_base(far)
    far.link.cut_at = cut
    failed = False
    try:
        far.backend().train(job, context)
    except NodeAwayError:
        failed = True
        assert not job.adapter.exists() or not list(job.adapter.iterdir())
    assert failed is (cut[0] < 7), "a cut of the clean-up costs nothing"
    far.link.mend()
    if failed:
        assert far.backend().train(job, context) == DONE
        check_taken(far, job)
    assert far.words == []
    assert far.trainings <= (2 if cut[0] == TRAIN else 1)


def ends_there(far: Far) -> list[int]:
    """The shells that attend to the newest job there: the script, what hears the caller, what passes on."""
    newest = max(
        (path for path in (far.cache / "jobs").iterdir() if path.is_dir()), key=lambda path: path.stat().st_ctime
    )
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_text().split("\0")
            if words[0] == "sh" and "attend" in words and newest.name in words:
                found.append(int(path.parent.name))
    return sorted(found)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize(("victim", "number"), KILLS)
def test_killed_at_each_point_it_is_told_and_the_next_try_ends_well(
    job: TrainingJob, context, far: Far, victim: str, number: signal.Signals
) -> None:
    def kill() -> None:
        while not pid.exists() or not pid.read_text().strip():
            threading.Event().wait(0.05)
        script, hears, *_ = ends_there(far)
        chosen = {
            "training": int(pid.read_text()),
            "script": script,
            "hears": hears,
            "session": parent_of(script),
        }
        os.kill(chosen[victim], number)

    asking, pid = hanging(far, context, kill)
    with pytest.raises((NodeAwayError, RuntimeError)):
        far.backend(patience_seconds=3, grace_seconds=2).train(job, asking)
    assert not job.adapter.exists()
    wait_until_gone(pid)
    assert far.backend().train(job, asking) == DONE
    check_taken(far, job)


CHANGED_AT = [(connection, fresh) for fresh in (True, False) for connection in range(1, 8 if fresh else 4)]


@pytest.mark.parametrize(("connection", "fresh"), CHANGED_AT)
def test_a_key_that_changes_at_each_point_stops_there(
    job: TrainingJob, context, far: Far, tmp_path: Path, connection: int, *, fresh: bool
) -> None:
    if fresh:
        forget_base(far)
    elif not list((far.cache / "bases").iterdir()):
        far.backend().train(make_job(context.base_folder, tmp_path / "before"), context)
    make_key(tmp_path / "other")
    kind, key, *_ = (tmp_path / "other.pub").read_text().split()
    (tmp_path / "changed").write_text(f"far {kind} {key}\n")
    program = tmp_path / "ssh"
    trusted = far.server.client(far.link.port)
    changed = far.server.client(far.link.port, tmp_path / "changed")
    program.write_text(f"""#!/bin/sh
echo >>{tmp_path}/asked
if [ "$(wc -l <{tmp_path}/asked)" -ge {connection} ]; then exec {" ".join(changed)} "$@"; fi
exec {" ".join(trusted)} "$@"
""")
    program.chmod(0o755)
    before = far.trainings
    with pytest.raises(HostKeyError, match="another key"):
        SshBackend((str(program),)).train(job, context)
    assert far.backend().train(job, context) == DONE, "the trusted one goes on"
    assert far.trainings - before <= (2 if connection == 7 or (connection == 6 and not fresh) else 1)


@pytest.mark.needs("tmpfs")
@pytest.mark.parametrize("size", SIZES_KB)
def test_a_disk_that_is_full_at_each_point_is_told_and_holds_no_words(
    job: TrainingJob, tiny_base: Path, tmp_path: Path, size: int
) -> None:
    (tmp_path / "far").mkdir()
    small = (
        "unshare",
        "--mount",
        "sh",
        "-c",
        f'mount -t tmpfs -o size={size}k tmpfs {tmp_path}/far && exec "$@"',
        "sh",
    )
    with running_sshd(tmp_path / "sshd", {"XDG_CACHE_HOME": str(tmp_path / "far")}, inside=small) as server:
        inside = Path(f"/proc/{(server.folder / 'pid').read_text().strip()}/root{tmp_path}")
        far = Far(folder=tmp_path, server=server, link=Link(server.port), trained=tmp_path / "trained")
        try:
            result = far.backend().train(job, context_for(far, tiny_base, tmp_path))
        except NodeFullError:
            assert not job.adapter.exists()
        else:
            assert result == DONE
        assert size > min(SIZES_KB) or not job.adapter.exists(), "the smallest has no room for anything"
        words = [path for path in inside.rglob("*") if path.name.endswith(".jsonl") or path.suffix == ".part"]
        assert [path.name for path in words if path.parent.name != "bases"] == []
        far.link.close()

"""The other machine vanishes: in each phase over a real sshd, and by a changed key, a full disk or a lie."""

from __future__ import annotations

import shlex
import shutil
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from far_machine import (
    CLEAN_UP,
    DONE,
    FETCH,
    HANDSHAKE,
    HOST,
    REPORT,
    SEND_BASE,
    Far,
    forget_base,
    hanging,
    wait_until_gone,
)
from real_sshd import make_key

from selftune.bases.provenance import Provenance, stamp
from selftune.training.base import TrainingJob, TrainingStoppedError
from selftune.training.elsewhere.reaching import HostKeyError, NodeAwayError, NodeFullError, Ssh, milliseconds_to
from selftune.training.elsewhere.there import ReturnedError

pytestmark = [
    pytest.mark.needs("train", "sshd"),
    pytest.mark.skipif(sys.platform == "win32", reason="the other end is a POSIX shell"),
]


# `make soak GROUP=nodes` cuts at ten points.
CUTS = {
    "while the base was sent": (SEND_BASE, 60_000),
    "while the adapter came back": (FETCH, HANDSHAKE + 2_000),
}


@pytest.mark.parametrize("phase", CUTS)
def test_a_link_that_is_cut_leaves_nothing_half_and_the_next_try_goes_on(
    job: TrainingJob, context, far: Far, phase: str
) -> None:
    forget_base(far)
    far.link.cut_at = CUTS[phase]
    with pytest.raises(NodeAwayError, match="can't be reached"):
        far.backend().train(job, context)
    assert not job.adapter.exists() or list(job.adapter.iterdir()) == []
    before = far.trainings
    far.link.mend()
    assert far.backend().train(job, context) == DONE
    assert far.trainings == 1, f"{before} were done before the cut: what was finished is not trained again"
    assert (job.adapter / "adapter_model.safetensors").read_bytes() == (
        job.initial / "adapter_model.safetensors"
    ).read_bytes()
    assert far.words == []
    assert not list((far.cache / "jobs").iterdir())


@pytest.mark.slow
def test_a_link_that_is_cut_when_all_is_in_hand_costs_nothing_and_leaves_no_words_there(
    job: TrainingJob, context, far: Far
) -> None:
    far.link.cut_at = (CLEAN_UP - (far.cache / "bases").is_dir(), HANDSHAKE // 2)
    assert far.backend().train(job, context) == DONE
    assert far.words == []


def test_a_training_whose_caller_is_cut_off_ends_by_itself_takes_the_words_along_and_is_taken_up_again(
    job: TrainingJob, context, far: Far
) -> None:
    asking, pid = hanging(far, context, far.link.cut)
    with pytest.raises(NodeAwayError):
        far.backend().train(job, asking)
    wait_until_gone(pid)
    far.link.mend()
    assert far.backend().train(job, asking) == DONE
    assert (far.trainings, far.words) == (2, [])


@pytest.mark.slow
def test_both_ends_notice_a_link_on_which_nothing_comes_any_more(job: TrainingJob, context, far: Far) -> None:
    asking, pid = hanging(far, context, far.link.frozen.set)
    with pytest.raises(NodeAwayError):
        far.backend(silence_seconds=3, patience_seconds=2).train(job, asking)
    wait_until_gone(pid)
    assert far.words == []


def test_a_person_who_stops_it_is_obeyed_there_and_the_next_try_goes_on(job: TrainingJob, context, far: Far) -> None:
    stop = threading.Event()
    asking, pid = hanging(far, context, stop.set)
    with pytest.raises(TrainingStoppedError, match="after step 1 of 2"):
        far.backend().train(replace(job, should_stop=stop.is_set), asking)
    wait_until_gone(pid)
    assert far.words == []
    assert far.backend().train(job, asking) == DONE


@pytest.mark.parametrize("known", ["changed", "unknown"])
def test_a_key_that_is_not_the_trusted_one_stops_before_anything_is_sent(
    job: TrainingJob, context, far: Far, tmp_path: Path, known: str
) -> None:
    make_key(tmp_path / "other")
    kind, key, *_ = (tmp_path / "other.pub").read_text().split()
    keys = tmp_path / "known"
    keys.write_text(f"far {kind} {key}\n" if known == "changed" else "")
    backend = far.backend(keys)
    expected = HostKeyError if known == "changed" else NodeAwayError
    with pytest.raises(expected, match="another key" if known == "changed" else "its key is not known") as refusal:
        backend.train(job, context)
    assert "once by hand" in refusal.value.next_step
    assert far.trainings == 0
    if known == "changed":
        with pytest.raises(HostKeyError):
            milliseconds_to(HOST, Ssh(far.server.client(far.link.port, keys)))


def test_a_machine_that_answers_is_reached_and_one_behind_a_cut_link_is_not(far: Far) -> None:
    ssh = Ssh(far.server.client(far.link.port), connect_seconds=3)
    assert milliseconds_to(HOST, ssh) > 0
    far.link.cut()
    assert milliseconds_to(HOST, ssh) is None


def test_an_adapter_of_another_job_is_refused_and_not_asked_for_again(job: TrainingJob, context, far: Far) -> None:
    other = Path(job.initial).with_name("other")
    shutil.copytree(job.initial, other)
    weights = other / "adapter_model.safetensors"
    stamp(weights, Provenance(base_digest="sha256:of-another-base"))
    lying = far.trainer() + "-lying"
    Path(lying).write_text(Path(far.trainer()).read_text() + f'cp {shlex.quote(str(weights))} "$3"/adapter/\n')
    Path(lying).chmod(0o755)
    asking = replace(context, machine=replace(context.machine, ssh_selftune=lying))
    with pytest.raises(ReturnedError, match="adapter of another job: it was trained on sha256:of-another-base"):
        far.backend().train(job, asking)
    assert not job.adapter.exists()
    assert far.backend().train(job, context) == DONE
    assert far.trainings == 2


@pytest.mark.slow
def test_what_is_damaged_there_before_it_is_fetched_is_not_taken(job: TrainingJob, context, far: Far) -> None:
    far.link.cut_at = (REPORT - (far.cache / "bases").is_dir() * bool(list((far.cache / "bases").iterdir())), 0)
    with pytest.raises(NodeAwayError):
        far.backend().train(job, context)
    (weights,) = (far.cache / "jobs").glob("*/adapter/adapter_model.safetensors")
    weights.write_bytes(bytes(weights.stat().st_size))
    far.link.mend()
    with pytest.raises(ReturnedError, match="its digest differs"):
        far.backend().train(job, context)
    assert not job.adapter.exists()
    assert far.backend().train(job, context) == DONE


def test_a_full_disk_there_is_told_as_such_and_leaves_no_words(job: TrainingJob, context, far: Far) -> None:
    forget_base(far)
    base = context.base.digest.partition(":")[2]
    full = far.cache / "bases" / f"{base}.part"
    full.parent.mkdir(parents=True, exist_ok=True)
    full.symlink_to("/dev/full")
    with pytest.raises(NodeFullError, match="the disk of"):
        far.backend().train(job, context)
    full.unlink()
    assert far.words == []
    program = far.trainer("echo 'OSError: [Errno 28] No space left on device' >&2; exit 1")
    with pytest.raises(NodeFullError):
        far.backend().train(job, replace(context, machine=replace(context.machine, ssh_selftune=program)))
    assert far.words == []

"""The back-end `ssh`: over the labelled fake-ssh, and once over a real sshd; selftune runs at the other end."""

from __future__ import annotations

import getpass
import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from real_sshd import running_sshd
from tiny_llama import base_record, conversations, make_context

from selftune import __version__
from selftune.context import Machine, Progress
from selftune.errors import UsageError
from selftune.records import RunStatus
from selftune.training.base import TrainingJob, TrainingStoppedError
from selftune.training.config import Recipe
from selftune.training.elsewhere.jobs import begin_job
from selftune.training.elsewhere.ordering import sift_examples
from selftune.training.elsewhere.reaching import NodeAwayError
from selftune.training.elsewhere.ssh import SshBackend
from selftune.training.rows import load_tokenizer

pytestmark = [
    pytest.mark.needs("train"),
    pytest.mark.skipif(sys.platform == "win32", reason="the other end is a POSIX shell"),
]

FAKE = (sys.executable, str(Path(__file__).with_name("fake_ssh.py")))
RECIPE = Recipe(name="tiny", backend="ssh", lora_rank=4, max_steps=2, batch_size=2, accumulation=1, max_length=400)
SELFTUNE = str(Path(sys.executable).with_name("selftune"))


@pytest.fixture(autouse=True)
def far_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the other end keeps jobs and bases, when it is this machine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "far"))
    return tmp_path / "far" / "selftune"


def job_in(tiny_base: Path, folder: Path, recipe: Recipe = RECIPE) -> TrainingJob:
    kept, _ = sift_examples(conversations(4), recipe, load_tokenizer(tiny_base))
    rows = [row for _, row in kept]
    job = begin_job(rows, recipe, recipe.max_steps, 3, base_record(tiny_base), (tiny_base, folder))
    job.checkpoints.mkdir()
    return job


def context_in(tiny_base: Path, folder: Path, machine: Machine):
    return replace(make_context(folder / "context", tiny_base), machine=machine)


def there(program: str = SELFTUNE) -> Machine:
    return Machine(ssh="fake-host", ssh_selftune=program)


def stand_in(folder: Path, script: str) -> str:
    """A program that is called in selftune's place."""
    program = folder / "stand_in"
    version = f'if [ "$1" = --version ]; then echo selftune {__version__}; exit 0; fi'
    program.write_text(f"#!/bin/sh\n{version}\n{script}\n")
    program.chmod(0o755)
    return str(program)


def words_below(folder: Path) -> list[str]:
    """Files of lessons that are still there."""
    return [
        path.name for path in folder.rglob("*") if path.name in {"rows.jsonl", "held_out.jsonl"} or ".part" in path.name
    ]


def check_adapter_from(
    ssh: tuple[str, ...], machine: Machine, far_folder: Path, tiny_base: Path, tmp_path: Path
) -> None:
    """Train there and here: the same must come back, and nothing may stay there."""
    from selftune.training.packed_backend import PackedBackend

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    far, near = job_in(tiny_base, tmp_path / "a"), job_in(tiny_base, tmp_path / "b")
    result = SshBackend(ssh).train(far, context_in(tiny_base, tmp_path, machine))
    same = PackedBackend().train(near, make_context(tmp_path / "near", tiny_base))
    assert (result.status, result.steps) == (RunStatus.FINISHED, 2)
    assert result.curve == same.curve
    name = "adapter_model.safetensors"
    theirs, ours = ((job.adapter / name).read_bytes() for job in (far, near))
    assert theirs[-1000:] == ours[-1000:]
    assert theirs != (far.initial / name).read_bytes()
    assert list((far_folder / "jobs").iterdir()) == []
    assert words_below(far_folder) == [], "the base alone stays there"


@pytest.mark.slow  # a real sshd shows the same below; this is for machines that have none
def test_over_fake_ssh_the_adapter_that_comes_back_is_the_one_that_would_be_learnt_here(
    tiny_base: Path, tmp_path: Path, far_folder: Path
) -> None:
    check_adapter_from(FAKE, there(), far_folder, tiny_base, tmp_path)


def test_without_a_machine_the_key_to_set_is_named(tiny_base: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no other machine is named") as refusal:
        SshBackend(FAKE).train(job_in(tiny_base, tmp_path), context_in(tiny_base, tmp_path, Machine()))
    assert "[machine]" in refusal.value.next_step


def test_a_machine_that_reads_as_an_option_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    machine = Machine(ssh="-oProxyCommand=touch owned")
    with pytest.raises(UsageError):
        SshBackend(FAKE).train(job_in(tiny_base, tmp_path), context_in(tiny_base, tmp_path, machine))


def test_each_step_there_is_told_here(tiny_base: Path, tmp_path: Path) -> None:
    program = stand_in(tmp_path, "echo hello; echo 'step 1 of 2: loss 3.1'; echo 'step 2 of 2: loss 2.9'; exit 3")
    told: list[Progress] = []
    context = replace(context_in(tiny_base, tmp_path, there(program)), report=told.append)
    with pytest.raises(RuntimeError):
        SshBackend(FAKE).train(job_in(tiny_base, tmp_path), context)
    assert told[-1] == Progress(done=2, total=2, note="fake-host: loss 2.9")


def test_a_training_that_is_too_large_for_the_other_machine_is_refused_before_anything_is_sent(
    tiny_base: Path, tmp_path: Path
) -> None:
    little = replace(there(stand_in(tmp_path, "exit 3")), ssh_memory_gb=0.1)
    with pytest.raises(UsageError, match=r"0\.1 GB are free on fake-host"):
        SshBackend(FAKE).train(job_in(tiny_base, tmp_path), context_in(tiny_base, tmp_path, little))


def test_the_other_machine_is_asked_what_is_free_there_and_one_that_does_not_tell_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = SshBackend(FAKE).machine_there(there())
    assert asked.free_bytes is None or asked.free_bytes > 0
    (tmp_path / "awk").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "awk").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert SshBackend(FAKE).machine_there(there()).free_bytes is None


def test_what_answers_without_a_shell_is_no_machine(tmp_path: Path) -> None:
    silent = tmp_path / "silent.py"
    silent.write_text("print('Welcome!')")
    with pytest.raises(NodeAwayError, match="Welcome!"):
        SshBackend((sys.executable, str(silent))).machine_there(there())


def test_another_version_there_is_refused_before_anything_is_sent(
    tiny_base: Path, tmp_path: Path, far_folder: Path
) -> None:
    (tmp_path / "old").write_text("#!/bin/sh\necho selftune 0.0.1\n")
    (tmp_path / "old").chmod(0o755)
    job = job_in(tiny_base, tmp_path)
    for program, found in ((tmp_path / "old", "selftune 0.0.1"), (tmp_path / "nothing", "none")):
        with pytest.raises(UsageError, match=f"fake-host has {found} as"):
            SshBackend(FAKE).train(job, context_in(tiny_base, tmp_path, there(str(program))))
    assert [path for path in far_folder.rglob("*") if path.is_file()] == []


def test_a_machine_out_of_reach_is_named_with_what_ssh_said(tiny_base: Path, tmp_path: Path) -> None:
    with pytest.raises(NodeAwayError, match="nowhere can't be reached: fake-ssh: could not resolve"):
        SshBackend(FAKE).train(job_in(tiny_base, tmp_path), context_in(tiny_base, tmp_path, Machine(ssh="nowhere")))


def test_what_went_wrong_there_is_said_here(tiny_base: Path, tmp_path: Path) -> None:
    program = stand_in(tmp_path, "echo 'Error: no torch here.' >&2; exit 3")
    with pytest.raises(RuntimeError, match="fake-host: Error: no torch here"):
        SshBackend(FAKE).train(job_in(tiny_base, tmp_path), context_in(tiny_base, tmp_path, there(program)))


def test_a_training_that_outstays_its_budget_is_killed_there(tiny_base: Path, tmp_path: Path) -> None:
    program = stand_in(tmp_path, f"echo $$ > {shlex.quote(str(tmp_path / 'pid'))}; exec sleep 600")
    backend = SshBackend(FAKE, grace_seconds=1)
    job = job_in(tiny_base, tmp_path, replace(RECIPE, max_seconds=0.5))
    result = backend.train(job, context_in(tiny_base, tmp_path, there(program)))
    assert result.status is RunStatus.FAILED
    assert "killed" in (result.reason or "")
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_a_person_who_stops_it_here_stops_it_there(tiny_base: Path, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    program = stand_in(tmp_path, f"echo $$ > {shlex.quote(str(pid))}; exec sleep 600")
    job = replace(job_in(tiny_base, tmp_path), should_stop=lambda: pid.is_file() and bool(pid.read_text().strip()))
    with pytest.raises(TrainingStoppedError):
        SshBackend(FAKE).train(job, context_in(tiny_base, tmp_path, there(program)))
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()


@pytest.fixture
def real_ssh(tmp_path: Path):
    """The `ssh` that trusts a real sshd on loopback, whose commands have this one's cache and threads."""
    import torch

    shared = {name: os.environ[name] for name in ("XDG_CACHE_HOME",) if name in os.environ}
    # Sums are split by threads: the variable may have been set after torch had counted them.
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    with running_sshd(tmp_path / "sshd", shared | threads) as server:
        yield server.client()


@pytest.mark.needs("sshd")
def test_the_adapter_that_comes_back_over_a_real_sshd_is_the_one_that_would_be_learnt_here(
    tiny_base: Path, tmp_path: Path, far_folder: Path, real_ssh
) -> None:
    machine = Machine(ssh=f"{getpass.getuser()}@127.0.0.1", ssh_selftune=SELFTUNE)
    check_adapter_from(real_ssh, machine, far_folder, tiny_base, tmp_path)


@pytest.mark.slow  # three trainings in processes of their own
def test_a_training_in_two_parts_there_ends_as_one_in_one_go_here(tiny_base: Path, tmp_path: Path) -> None:
    from selftune.training.packed_backend import PackedBackend

    recipe = replace(RECIPE, max_steps=4)
    for name in ("far", "near"):
        (tmp_path / name).mkdir(exist_ok=True)
    first, near = job_in(tiny_base, tmp_path / "far", recipe), job_in(tiny_base, tmp_path / "near", recipe)
    paused = SshBackend(FAKE).train(replace(first, until=2), context_in(tiny_base, tmp_path / "one", there()))
    assert (paused.status, paused.steps) == (RunStatus.PAUSED, 2)
    whole = SshBackend(FAKE).train(first, context_in(tiny_base, tmp_path / "two", there()))
    same = PackedBackend().train(near, make_context(tmp_path / "near", tiny_base))
    assert (whole.status, whole.curve) == (RunStatus.FINISHED, same.curve)
    theirs, ours = ((job.adapter / "adapter_model.safetensors").read_bytes() for job in (first, near))
    assert theirs[-1000:] == ours[-1000:]


@pytest.mark.slow  # two trainings in processes of their own
def test_a_training_that_lost_its_caller_goes_on_from_its_checkpoint_to_the_same_adapter(
    tiny_base: Path, tmp_path: Path
) -> None:
    from selftune.training.packed_backend import PackedBackend

    recipe = replace(RECIPE, max_steps=6)
    for name in ("far", "near"):
        (tmp_path / name).mkdir(exist_ok=True)
    far, near = job_in(tiny_base, tmp_path / "far", recipe), job_in(tiny_base, tmp_path / "near", recipe)
    told: list[Progress] = []
    context = replace(context_in(tiny_base, tmp_path / "one", there()), report=told.append)
    stopping = replace(far, should_stop=lambda: any(one.done >= 2 for one in told))
    with pytest.raises(TrainingStoppedError):
        SshBackend(FAKE).train(stopping, context)
    told.clear()
    result = SshBackend(FAKE).train(far, context)
    same = PackedBackend().train(near, make_context(tmp_path / "near", tiny_base))
    assert min(one.done for one in told if one.done) >= 2, "the first step is not taken again"
    assert result.curve == same.curve
    theirs, ours = ((job.adapter / "adapter_model.safetensors").read_bytes() for job in (far, near))
    assert theirs[-1000:] == ours[-1000:]

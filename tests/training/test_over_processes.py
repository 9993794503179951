"""Two processes that torchrun starts take the steps that one would take."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_llama import base_record, conversations, make_context
from worse_answers import job_in, recipe

from selftune.bases.provenance import Provenance
from selftune.errors import UsageError
from selftune.loop.jobs import train_job
from selftune.records import RunStatus
from selftune.training.base import TrainingStoppedError
from selftune.training.config import Recipe
from selftune.training.elsewhere.jobs import SentJob, begin_job, read_result, write_job
from selftune.training.elsewhere.ordering import sift_examples
from selftune.training.lora import load_adapter
from selftune.training.packed_backend import PackedBackend, new_learner
from selftune.training.packed_model import load_model
from selftune.training.rows import load_tokenizer
from selftune.training.team import ALONE, Team, joined_team

pytestmark = pytest.mark.needs("train")

MEMBER = Path(__file__).parent / "fakes" / "team_member.py"
RECIPE = Recipe(
    name="tiny",
    lora_rank=4,
    lora_dropout=0.2,
    learning_rate=1e-2,
    max_steps=4,
    batch_size=1,
    accumulation=3,
    max_length=400,
    held_out_share=0.3,
    measure_every=2,
)
PASSES = (((0,), (1,), (2,)), ((3,),), ((4,), (0,)), ((1,), (2,), (3,)))
"""More than there are processes, fewer, and as many."""


def sent(tiny_base: Path, folder: Path, recipe: Recipe = RECIPE) -> SentJob:
    """A job in a folder of its own, as it comes from another machine."""
    kept, _ = sift_examples(conversations(8), recipe, load_tokenizer(tiny_base))
    base = base_record(tiny_base)
    folder.mkdir()
    job = begin_job([row for _, row in kept], recipe, 4, 3, base, (tiny_base, folder))
    origin = Provenance(stage_history=("sft",), base_digest=base.digest, dataset_id="dataset:1")
    job = SentJob(job=replace(job, batches=PASSES), base=base, origin=origin)
    write_job(job, folder)
    job.job.checkpoints.mkdir()
    return job


def in_two(*command: str) -> subprocess.CompletedProcess[str]:
    """What `torchrun --nproc-per-node 2` makes of it."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run([*torchrun, *command], capture_output=True, text=True, timeout=300, check=False)


def test_two_processes_learn_what_one_learns_and_go_on_where_one_stopped(tiny_base: Path, tmp_path: Path) -> None:
    one, two = sent(tiny_base, tmp_path / "one").job, sent(tiny_base, tmp_path / "two").job
    context = make_context(tmp_path / "context", tiny_base)
    alone = PackedBackend().train(one, context)
    with pytest.raises(TrainingStoppedError):
        PackedBackend().train(replace(two, should_stop=lambda: True), context)

    ended = in_two("-m", "selftune", "train", "job", str(tmp_path / "two"), "--json")

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["status"] == "finished"  # one process tells it, once
    together = read_result(tmp_path / "two")
    assert (alone.status, together.steps, together.supervised_tokens) == (
        RunStatus.FINISHED,
        alone.steps,
        alone.supervised_tokens,
    )
    for here, there in zip(alone.curve, together.curve, strict=True):
        assert there.loss == pytest.approx(here.loss, rel=1e-6)
        assert there.grad_norm == pytest.approx(here.grad_norm, abs=1e-5)
        assert there.eval_loss == (None if here.eval_loss is None else pytest.approx(here.eval_loss, rel=1e-6))
    learnt, begun, adapter = (load_adapter(folder)[0] for folder in (one.adapter, one.initial, two.adapter))
    assert max(float((learnt[name] - adapter[name]).abs().max()) for name in learnt) < 1e-5
    assert max(float((learnt[name] - begun[name]).abs().max()) for name in learnt) > 1e-3


@pytest.mark.parametrize("objective", ["sft", "dpo", "orpo", "kto"])
def test_the_shares_of_a_step_are_all_of_it_whatever_is_learnt(objective: str, tmp_path: Path, tiny_base: Path) -> None:
    job = job_in(tmp_path, tiny_base, recipe(objective, batch_size=2, accumulation=3, max_steps=1), moved=True)
    learner = new_learner(job, load_model(job.base_folder))
    learner.objective.get_ready(learner.model, job, make_context(tmp_path / "context", tiny_base))
    batches = [[job.rows[index] for index in batch] for batch in job.batches[0]]
    whole = [loss.item() for loss in learner.objective.losses(learner.model, batches)]
    shares = [
        [loss.item() for loss in learner.objective.losses(learner.model, batches, Team(rank=rank, size=2).mine)]
        for rank in range(2)
    ]
    assert len(whole) > 1
    assert shares == [whole[::2], whole[1::2]]


def test_sums_votes_and_gradients_are_those_of_all_processes_and_a_lost_one_ends_the_others() -> None:
    ended = in_two(str(MEMBER), "die")
    assert ended.returncode != 0
    assert "is done" not in ended.stdout
    assert "lost another one" in ended.stdout, ended.stderr


def test_a_backend_that_knows_one_process_is_refused_in_company(tiny_base: Path, tmp_path: Path) -> None:
    sent(tiny_base, tmp_path / "job", replace(RECIPE, backend="trl"))
    with pytest.raises(UsageError, match=r"'trl' trains in one process, and these are 2"):
        train_job(tmp_path / "job", lambda _: None, Team(rank=1, size=2))


def test_who_has_no_company_is_alone_and_half_an_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with joined_team() as team:
        assert team is ALONE
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="RANK is not set"), joined_team():
        pass

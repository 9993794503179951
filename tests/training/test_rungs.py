"""A training in parts comes to the bytes of one that never paused, whatever ends a part, and says what may go."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_llama import conversations, dataset_of, make_context

from selftune.context import Context
from selftune.errors import ConfigError, DamagedFileError, UsageError
from selftune.records import Run, RunStatus
from selftune.training.base import TrainingStoppedError
from selftune.training.config import Recipe
from selftune.training.rungs import Rung, in_rungs, train_part
from selftune.training.stage import train
from selftune.training.state import spent_states
from warm_cli import WarmCli

pytestmark = pytest.mark.needs("train")
STEPS = 20
FEW = 6
DATA = dataset_of(conversations(9))


def recipe(**changes: Any) -> Recipe:
    few = {"name": "tiny", "max_steps": STEPS, "batch_size": 2, "accumulation": 2, "learning_rate": 1e-2}
    few |= {"lora_rank": 2, "lora_dropout": 0.1, "least_supervised": 0.01, "schedule": "late_linear", "warmup_steps": 2}
    return Recipe(**few | {"checkpoint_every": 4} | changes)


class Kept:
    """Reads the runs that this test has made, beside the store's blobs of the context."""

    def __init__(self, folder: Path, base: Path) -> None:
        self._context = make_context(folder, base)
        self._runs: dict[str, Run] = {}

    def record(self, record_id: str, kind: type[Any]) -> Any:
        found = self._runs[record_id]
        assert isinstance(found, kind)
        return found

    def context(self, name: str, **changes: Any) -> Context:
        """One step's context: scratch of its own, and all runs so far to read."""
        return replace(self._context, work=_Scratch(self._context.work.folder("steps") / name), read=self, **changes)  # type: ignore[arg-type] # it reads runs alone

    def take(self, rung: Rung, *, name: str = "", **changes: Any) -> Run:
        run = train_part(DATA, rung, self.context(name or f"{rung.until}-{rung.after}", **changes))
        self._runs[run.id] = run
        return run


class _Scratch:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder(self, name: str) -> Path:
        (self._folder / name).mkdir(parents=True, exist_ok=True)
        return self._folder / name

    def get(self, key: str) -> bytes | None:
        raise NotImplementedError(key)

    def put(self, key: str, data: bytes) -> None:
        raise NotImplementedError(key, data)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Run:
    return train(DATA, recipe(), make_context(tmp_path_factory.mktemp("whole"), tiny_base))


def alike(one: Run, other: Run) -> bool:
    def told(run: Run) -> Any:
        return run.status, run.adapter, run.curve, run.steps, run.supervised_tokens, run.passes

    return told(one) == told(other)


def test_five_then_ten_then_twenty_of_twenty_steps_give_the_bytes_of_one_training(
    tmp_path: Path, tiny_base: Path, whole: Run
) -> None:
    kept = Kept(tmp_path, tiny_base)
    first = kept.take(Rung(recipe=recipe(), until=0.25))
    second = kept.take(Rung(recipe=recipe(), until=0.5, after=first.id))
    last = kept.take(Rung(recipe=recipe(), until=1.0, after=second.id))
    assert [run.steps for run in (first, second, last)] == [5, 10, STEPS]
    assert [run.status for run in (first, second)] == [RunStatus.PAUSED] * 2
    assert first.planned_steps == STEPS
    assert "5 of 20 steps" in str(first.reason)
    assert first.adapter != second.adapter, "each rung leaves the adapter of its own step"
    assert last.after == second.id
    assert last.state == ()
    assert alike(last, whole)
    assert first.curve == whole.curve[:5]


def test_a_part_that_is_the_whole_is_the_whole(tmp_path: Path, tiny_base: Path, whole: Run) -> None:
    run = Kept(tmp_path, tiny_base).take(Rung(recipe=recipe(), until=1.0))
    assert alike(run, whole)
    assert (run.after, run.state) == (None, ())


def test_a_part_is_paid_for_once_while_its_steps_count_from_the_first(tmp_path: Path, tiny_base: Path) -> None:
    kept, now = Kept(tmp_path, tiny_base), iter(range(10**6))
    first = kept.take(Rung(recipe=recipe(), until=0.25), elapsed=lambda: float(next(now)))
    last = kept.take(Rung(recipe=recipe(), until=1.0, after=first.id), elapsed=lambda: float(next(now)))
    assert last.trained_seconds > STEPS, "a second or more for each step of both"
    assert first.trained_seconds < last.trained_seconds
    assert last.wall_seconds < last.trained_seconds + 5, "what the first part took is no part of the second"
    assert last.whole_seconds >= last.trained_seconds > first.whole_seconds
    assert last.tokens_per_second is not None


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_rungs import Kept, Rung, recipe
def report(made):
    if made.done == 13:
        os.kill(os.getpid(), signal.SIGKILL)
kept = Kept(Path(sys.argv[3]), Path(sys.argv[2]))
first = kept.take(Rung(recipe=recipe(), until=0.5))
kept.take(Rung(recipe=recipe(), until=1.0, after=first.id), name="killed", report=report)
"""


def test_killed_in_the_middle_of_a_later_part_it_goes_on_to_the_same_bytes(
    tmp_path: Path, tiny_base: Path, whole: Run, warm: WarmCli
) -> None:
    import torch

    arguments = [str(Path(__file__).parent), str(tiny_base), str(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    killed = warm.run_code(KILLED, *arguments, env=environment)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    kept = Kept(tmp_path, tiny_base)
    first = kept.take(Rung(recipe=recipe(), until=0.5), name="again")
    seen: list[int] = []
    rung = Rung(recipe=recipe(), until=1.0, after=first.id)
    last = kept.take(rung, name="killed", report=lambda made: seen.append(made.done))
    assert seen == [0, *range(13, STEPS + 1)], "the checkpoint after step 12 is newer than the rung's after step 10"
    assert alike(last, whole)


def test_what_is_held_out_and_stopped_early_by_is_measured_as_in_one_training(tmp_path: Path, tiny_base: Path) -> None:
    chosen = recipe(held_out_share=0.3, measure_every=3, stop_early_after=2, learning_rate=5e-2)
    whole = train(DATA, chosen, make_context(tmp_path / "whole", tiny_base))
    kept = Kept(tmp_path / "parts", tiny_base)
    run = kept.take(Rung(recipe=chosen, until=0.25))
    for until in (0.5, 0.75, 1.0):
        if run.status is RunStatus.PAUSED:
            run = kept.take(Rung(recipe=chosen, until=until, after=run.id))
    assert whole.adapter_step is not None, "the point of this recipe is that an earlier adapter is the one kept"
    assert (run.adapter_step, run.reason) == (whole.adapter_step, whole.reason)
    assert alike(run, whole)


def test_a_wish_between_two_passes_drops_the_step_and_the_next_try_comes_to_the_same_bytes(
    tmp_path: Path, tiny_base: Path, whole: Run
) -> None:
    """Counted in looks: one after each step, and one before each further pass of a step."""
    from selftune.interrupts import stopped_by

    looks = 0

    def wish() -> bool:
        nonlocal looks
        looks += 1
        return looks > 9

    context = make_context(tmp_path, tiny_base)
    with pytest.raises(TrainingStoppedError) as stopped, stopped_by(wish):
        train(DATA, wide(), context)
    assert looks == 10, "who said so once is not kept waiting for another pass"
    assert f"of {FEW}" in stopped.value.message
    uncut = train(DATA, wide(), make_context(tmp_path / "uncut", tiny_base))
    seen: list[int] = []
    again = train(DATA, wide(), replace(context, report=lambda made: seen.append(made.done)))
    assert seen[1] > 1, "it must go on from the step before the one that was dropped"
    assert alike(again, uncut)
    assert not alike(again, whole)


def wide() -> Recipe:
    """So many tokens in a step that they do not fit into one pass."""
    return recipe(batch_size=9, accumulation=4, max_steps=FEW)


def test_another_recipe_or_seed_a_finished_run_and_a_rung_behind_are_refused(tmp_path: Path, tiny_base: Path) -> None:
    kept = Kept(tmp_path, tiny_base)
    first = kept.take(Rung(recipe=recipe(), until=0.5))
    for other in (recipe(lora_rank=4), recipe(seed=8)):
        with pytest.raises(UsageError, match="another training"):
            kept.take(Rung(recipe=other, until=1.0, after=first.id))
    with pytest.raises(UsageError, match="after 10 of 20 steps"):
        kept.take(Rung(recipe=recipe(), until=0.5, after=first.id))
    last = kept.take(Rung(recipe=recipe(), until=1.0, after=first.id))
    with pytest.raises(UsageError, match="is finished"):
        kept.take(Rung(recipe=recipe(), until=1.0, after=last.id))


def test_a_back_end_that_can_not_pause_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="'trl' of recipe 'tiny' can't pause"):
        Rung(recipe=recipe(backend="trl", schedule="linear"), until=0.5)


@pytest.mark.parametrize("until", [0.0, -0.5, 1.01])
def test_a_share_of_nothing_or_of_more_than_all_is_refused(until: float) -> None:
    with pytest.raises(ConfigError, match="more than 0 and at most 1"):
        Rung(recipe=recipe(), until=until)


def test_a_state_that_was_touched_is_told_before_anything_is_trained(tmp_path: Path, tiny_base: Path) -> None:
    kept = Kept(tmp_path, tiny_base)
    first = kept.take(Rung(recipe=recipe(max_steps=4), until=0.5))
    (tensors,) = (file for file in first.state if file.name == "state.safetensors")
    blob = kept.context("look").blobs.path(tensors.digest)
    blob.write_bytes(blob.read_bytes()[:-1] + b"\0")
    with pytest.raises(DamagedFileError, match=r"state\.safetensors"):
        kept.take(Rung(recipe=recipe(max_steps=4), until=1.0, after=first.id))


def test_a_rung_that_leaves_the_weights_as_they_were_trained_nothing(tmp_path: Path, tiny_base: Path) -> None:
    """The first step of a warm-up has a rate of nought."""
    run = Kept(tmp_path, tiny_base).take(Rung(recipe=recipe(), until=0.05))
    assert (run.status, run.adapter, run.state) == (RunStatus.TRAINED_NOTHING, (), ())


def test_states_of_which_nobody_goes_on_may_go_and_no_adapter_ever(tmp_path: Path, tiny_base: Path) -> None:
    kept = Kept(tmp_path, tiny_base)
    winner, loser = (kept.take(Rung(recipe=recipe(max_steps=4, seed=seed), until=0.5)) for seed in (1, 2))
    last = kept.take(Rung(recipe=recipe(max_steps=4, seed=1), until=1.0, after=winner.id))
    runs = (winner, loser, last)
    assert {file.digest for file in spent_states(runs)} == {file.digest for run in runs for file in run.state}
    waiting = {file.digest for file in spent_states((winner, loser), going_on={winner.id})}
    assert waiting <= {file.digest for file in loser.state}
    assert not waiting & {file.digest for file in winner.state}
    assert not waiting & {file.digest for run in runs for file in run.adapter}


def test_a_rate_stays_until_the_last_rung_and_other_schedules_are_left_alone() -> None:
    early = Recipe(name="t", schedule="cosine")
    assert in_rungs(early).schedule == "late_cosine"
    assert in_rungs(in_rungs(early)) == in_rungs(early)
    constant = Recipe(name="t", schedule="constant")
    assert in_rungs(constant) == constant

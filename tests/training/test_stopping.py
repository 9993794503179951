"""What is held out measures and is never learnt; a training ends when that says so, with the adapter that did best."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_llama import conversations, dataset_of, make_context
from worse_answers import preferences

from selftune.context import Progress
from selftune.errors import UsageError
from selftune.records import CurvePoint, DatasetKind, Run, RunStatus
from selftune.training.base import Backend, Row
from selftune.training.config import Recipe
from selftune.training.findings import Standing
from selftune.training.packed_backend import PackedBackend
from selftune.training.stage import train, train_with
from selftune.training.stopping import enough, hold_out, is_measured, judge_stopping, kept_step, lowest
from selftune.training.trl_backend import TrlBackend
from selftune.training.watch import divergence

BACKENDS = {"packed": PackedBackend, "trl": TrlBackend}
HELD = Recipe(name="t", held_out_share=0.25, stop_early_after=2, measure_every=1)


def row(number: int, asked: int) -> Row:
    return Row(interaction_id=f"i{number}", tokens=(asked, 9), supervised=(False, True))


def curve(*losses: float | None) -> list[CurvePoint]:
    return [CurvePoint(step=n, loss=1.0, learning_rate=0.1, eval_loss=loss) for n, loss in enumerate(losses, start=1)]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=40), st.floats(0.01, 0.5))
def test_each_row_is_learnt_or_measures_and_what_asks_the_same_stays_together(
    rows: list[tuple[int, int]], share: float
) -> None:
    made = [row(number, asked) for number, asked in rows]
    try:
        learnt, held = hold_out(made, replace(HELD, held_out_share=share))
    except UsageError:
        return
    assert sorted([*learnt, *held], key=repr) == sorted(made, key=repr)
    assert learnt
    assert held
    assert {one.tokens[0] for one in learnt}.isdisjoint(one.tokens[0] for one in held)
    assert {one.interaction_id for one in learnt}.isdisjoint(one.interaction_id for one in held)


def test_the_same_lessons_are_held_out_whatever_stands_beside_them() -> None:
    rows = [row(number, number) for number in range(200)]
    _, held = hold_out(rows, HELD)
    _, again = hold_out(rows[::-1], HELD)
    assert len(held) == 50
    assert set(held) == set(again)
    _, more = hold_out([*rows, *(row(number, number) for number in range(200, 220))], HELD)
    assert len(set(held) & set(more)) >= 40, "a night later most of them measure still"


def test_without_a_share_everything_is_learnt() -> None:
    rows = [row(number, number) for number in range(5)]
    assert hold_out(rows, Recipe(name="t")) == (tuple(rows), ())


def test_lessons_that_all_ask_the_same_leave_nothing_to_hold_out() -> None:
    rows = [row(number, 1) for number in range(5)]
    with pytest.raises(UsageError, match="all ask the same"):
        hold_out(rows, HELD)
    (finding,) = judge_stopping(rows, HELD)
    assert finding.standing is Standing.REFUSED


def test_a_training_ends_after_so_many_measurings_without_a_lower_loss() -> None:
    assert enough(curve(3.0, 2.0, 2.1), 9, HELD) is None
    told = enough(curve(3.0, 2.0, 2.1, 2.2), 9, HELD)
    assert told is not None
    assert "after 4 of 9 steps" in told
    assert "2.000 at step 2" in told
    assert enough(curve(3.0, 2.0, None, 2.1, None), 9, HELD) is None, "a step that was not measured tells nothing"
    assert enough(curve(3.0, 2.0, 2.1, 2.2), 4, HELD) is None, "after the last step there is nothing to stop"
    assert enough(curve(3.0, 2.0, 2.1, 2.2), 9, replace(HELD, stop_early_after=0)) is None


def test_of_equal_losses_the_first_is_the_lowest_and_the_last_step_is_no_exception() -> None:
    assert lowest(curve(3.0, 2.0, 2.0)) == curve(3.0, 2.0)[1]
    assert lowest(curve(None, None)) is None
    assert kept_step(curve(3.0, 2.0, 2.5), HELD) == 2
    assert kept_step(curve(3.0, 2.0), HELD) is None
    assert kept_step(curve(3.0, 2.0, 2.5), replace(HELD, stop_early_after=0)) is None


def test_the_last_step_is_measured_whatever_the_distance() -> None:
    seldom = replace(HELD, measure_every=4)
    assert [step for step in range(1, 11) if is_measured(step, 10, seldom)] == [4, 8, 10]
    assert not any(is_measured(step, 10, Recipe(name="t")) for step in range(1, 11))


def test_a_held_out_loss_that_is_no_number_is_a_loss_that_is_lost() -> None:
    assert divergence(curve(2.0, float("nan"))) is not None


def test_a_patience_that_outlasts_the_training_is_told() -> None:
    rows = [row(number, number) for number in range(20)]
    (finding,) = judge_stopping(rows, replace(HELD, max_steps=10, measure_every=5))
    assert finding.standing is Standing.WARNING
    assert "never" in finding.text
    (fine,) = judge_stopping(rows, replace(HELD, max_steps=10))
    assert fine.standing is Standing.FINE
    assert list(judge_stopping(rows, Recipe(name="t"))) == []


def recipe(**changes: Any) -> Recipe:
    """One that soon learns its few lessons by heart, so that what it did not learn is answered worse and worse."""
    few = {"name": "tiny", "max_steps": 12, "batch_size": 2, "accumulation": 1, "learning_rate": 0.05, "lora_rank": 4}
    few |= {"least_supervised": 0.01, "held_out_share": 0.25, "measure_every": 2, "schedule": "constant"}
    return Recipe(**few | {"checkpoint_every": 3} | changes)


def trained(folder: Path, base: Path, chosen: Recipe, **context: Any) -> Run:
    kind = DatasetKind.SFT if chosen.objective == "sft" else DatasetKind.PREFERENCE
    return train(dataset_of(preferences(12), kind), chosen, make_context(folder, base, **context))


@pytest.mark.needs("train")
@pytest.mark.parametrize("objective", ["sft", "dpo", "orpo"])
def test_both_back_ends_measure_the_same_loss_on_what_is_held_out(
    objective: str, tmp_path: Path, tiny_base: Path
) -> None:
    beta = {} if objective == "sft" else {"beta": 0.1}
    runs = {}
    for name in BACKENDS:
        chosen = recipe(backend=name, objective=objective, max_steps=4, learning_rate=1e-2, **beta)
        runs[name] = trained(tmp_path / name, tiny_base, chosen)
    packed, trl = runs["packed"], runs["trl"]
    for run in (packed, trl):
        assert [point.eval_loss is None for point in run.curve] == [True, False, True, False]
    for ours, theirs in zip(packed.curve, trl.curve, strict=True):
        if ours.eval_loss is not None:
            assert ours.eval_loss == pytest.approx(theirs.eval_loss, rel=1e-4)
    assert packed.held_out == trl.held_out == 3
    assert packed.examples == 9
    assert packed.adapter_step is None


EARLY = {name: recipe(backend=name, stop_early_after=2, max_steps=60, lora_dropout=0.1) for name in BACKENDS}


@pytest.fixture(scope="module", params=BACKENDS)
def ended(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Run:
    """A training that stopped early, with dropout: what measures must draw nothing that a step would have drawn."""
    return trained(tmp_path_factory.mktemp("early"), tiny_base, EARLY[request.param])


@pytest.mark.needs("train")
def test_a_training_that_is_stopped_early_says_so_and_keeps_the_adapter_that_did_best(
    ended: Run, tmp_path: Path, tiny_base: Path
) -> None:
    best = lowest(ended.curve)
    assert best is not None
    assert ended.status is RunStatus.FINISHED
    assert ended.steps == best.step + 4 < ended.planned_steps
    assert ended.adapter_step == best.step
    assert f"stopped early after {ended.steps} of 60 steps" in str(ended.reason)
    no_longer = replace(EARLY[ended.backend], stop_early_after=0, max_steps=best.step)
    until = trained(tmp_path, tiny_base, no_longer)
    assert ended.adapter[1].digest == until.adapter[1].digest, "the adapter of that step, byte for byte"


class PulledPlugError(Exception):
    """Stands for the crash."""


@pytest.mark.needs("train")
def test_a_crash_forgets_neither_the_best_adapter_nor_what_was_measured(
    ended: Run, tmp_path: Path, tiny_base: Path
) -> None:
    assert ended.adapter_step is not None
    plug = ended.steps - 1

    def pull(progress: Progress) -> None:
        if progress.done == plug:
            raise PulledPlugError

    with pytest.raises(PulledPlugError):
        trained(tmp_path, tiny_base, EARLY[ended.backend], report=pull)
    again = trained(tmp_path, tiny_base, EARLY[ended.backend])
    assert again.curve == ended.curve
    assert (again.steps, again.adapter_step, again.adapter) == (ended.steps, ended.adapter_step, ended.adapter)


@pytest.mark.needs("train")
def test_what_is_held_out_is_learnt_by_no_step(tmp_path: Path, tiny_base: Path) -> None:
    jobs = []

    class Watching:
        def train(self, job: Any, context: Any) -> Any:
            jobs.append(job)
            return PackedBackend().train(job, context)

    def load(_: str) -> Backend:
        return Watching()

    context = make_context(tmp_path, tiny_base)
    train_with(load, dataset_of(conversations(12)), recipe(max_steps=3), context)
    (job,) = jobs
    met = {job.rows[index].interaction_id for step in job.batches for batch in step for index in batch}
    assert met.isdisjoint(row.interaction_id for row in job.held_out)
    assert len(job.rows) + len(job.held_out) == 12

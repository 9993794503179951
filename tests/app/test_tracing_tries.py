"""`selftune why` of a try, a night and a run: what set it off, what came of it, and where everything lies."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from selftune.app.tracing import trace
from selftune.errors import UnknownNameError
from selftune.loop.config import ProjectConfig
from selftune.loop.experiments.record_keeping.keeping import keep_experiment
from selftune.records import (
    CurvePoint,
    Dataset,
    DatasetKind,
    Effect,
    Example,
    Experiment,
    ExperimentResult,
    FileDigest,
    Message,
    Mode,
    Night,
    PartScore,
    Run,
    RungTaken,
    RunStatus,
    StudyNight,
)
from selftune.store import BlobStore, Store

TOLD = Effect(mean=0.12, interval=(0.02, 0.22), level=0.95, n=42)
TURNS = (Message(role="user", content="Who?"), Message(role="assistant", content="Nola."))


@pytest.fixture
def project(tmp_path):
    with Store.open(tmp_path) as store:
        hidden = tmp_path / ".selftune"
        blobs = BlobStore(hidden / "blobs")
        yield SimpleNamespace(folder=tmp_path, hidden=hidden, store=store, blobs=blobs, config=ProjectConfig())


def learnt(project, *names: str) -> Dataset:
    lessons = tuple(Example(salt="0", interaction_id=name, judgement_id=None, messages=TURNS) for name in names)
    dataset = Dataset(
        kind=DatasetKind.SFT, train=lessons, holdout=(), rejects=(), mixture=(), watermark=1, config_digest="c", card=""
    )
    project.store.save([dataset], event="curate")
    return dataset


def trained(project, dataset: Dataset, seed: int = 0) -> Run:
    digest = project.blobs.put_bytes(b"weights")
    missing = FileDigest(name="lost.bin", digest="sha256:" + "0" * 64, size_bytes=2_000_000)
    run = Run(
        recipe="tiny", recipe_digest="d", dataset_id=dataset.id, base_digest="sha256:aa", stage_history=("sft",),
        objective="sft", backend="packed", status=RunStatus.FINISHED, seed=seed, steps=2, planned_steps=2, passes=1.0,
        examples=1, supervised_tokens=3, wall_seconds=61.0,
        adapter=(FileDigest(name="adapter_model.safetensors", digest=digest, size_bytes=7), missing),
        curve=(
            CurvePoint(step=1, loss=2.0, learning_rate=0.1),
            CurvePoint(step=2, loss=0.5, learning_rate=0.1, eval_loss=0.75),
        ),
    )  # fmt: skip
    project.store.save([run], event="train")
    return run


def tried(project, run: Run | None = None, **told) -> Experiment:
    experiment = Experiment(
        name="2026-11-22-01", began="2026-11-22T02:00:00+00:00", mode=Mode.PROXY, base="reference",
        base_digest="sha256:aa", lane="hyperparameters", proposer="llm", reason="voice needs more data",
        changes=("beta=0.12",), result=ExperimentResult.KEPT, why="+0.120 on 42 items.", night="2026-11-22",
        suite="screen", suite_digest="sha256:dd", score=0.62, baseline=0.5, effect=TOLD,
        parts=(PartScore(name="identity", baseline=0.5, score=0.75, n=8),),
        rungs=(RungTaken(steps=15, effect=None, stayed=True),), run_id=None if run is None else run.id,
        dataset_id=None if run is None else run.dataset_id, **told,
    )  # fmt: skip
    return keep_experiment(project, experiment)


def test_a_try_is_found_by_its_name_and_tells_why_what_and_where(project):
    run = trained(project, learnt(project, "interaction:1", "interaction:2"))
    found = trace(project, tried(project, run).name)
    told = "\n".join(found.lines)
    for expected in (
        "set off by night 2026-11-22, proposed by llm",
        "because: voice needs more data",
        "tried (hyperparameters): beta=0.12",
        "screen screen sha256:dd: 0.500 before, 0.620 after",
        "difference +0.120 [+0.020, +0.220], n 42",
        "identity: 0.500 to 0.750, n 8",
        "after 15 steps not measured: went on",
        f"dataset {run.dataset_id}: 2 lessons, 0 held out",
        f"run {run.id}",
        ".selftune/runs/2026-11-22-01/adapter_model.safetensors, 7 B",
        ".selftune/runs/2026-11-22-01/eval_results.json, ",
        "memory/events/2026/11/autoresearch-2026-11-22-01.md, ",
    ):
        assert expected in told
    assert trace(project, found.record.id[:24]).record == found.record


def test_a_run_of_a_night_names_its_try_and_one_of_a_cycle_the_lessons_that_were_new(project):
    first = trained(project, learnt(project, "interaction:1"))
    second = trained(project, learnt(project, "interaction:1", "interaction:2", "interaction:3"))
    third = trained(project, learnt(project, "interaction:1"), seed=1)
    tried(project, third)
    told = ["\n".join(trace(project, run.id).lines) for run in (first, second, third)]
    assert "set off by 1 lesson that no run before had learnt, of 1" in told[0]
    assert "set off by 2 lessons that no run before had learnt, of 3" in told[1]
    assert "set off by night 2026-11-22, for 2026-11-22-01" in told[2]
    assert "condition: as many new lessons as the gate can see or more, as [curation] trigger says now" in told[1]
    assert "loss 2.0000 at step 1, 0.5000 at step 2; 2 logged" in told[0]
    assert "curve, step and loss: 1 2.0000, 2 0.5000\n" in told[0]
    assert "loss on held-out lessons 0.7500 to 0.7500; it decides nothing" in told[0]
    assert "adapter: lost.bin, 2.0 MB, not there" in told[0]


def test_a_run_of_a_study_tells_the_condition_that_its_night_wrote_down(project):
    run = trained(project, learnt(project, "interaction:1"))
    night = StudyNight(
        study="sha256:p", arm="learning", number=3, date="2026-01-03", simulated=True, release_id="release:1",
        version="v1.0", generation=0, prompts=3, goals=2, probe_digest="sha256:q", evaluation_id=None, score=None,
        interval=None, n=0, ended_by="promoted", trigger="40 new golden answers or more; 52 lessons in all",
        run_id=run.id,
    )  # fmt: skip
    project.store.save([night], event="study night complete")
    told = "\n".join(trace(project, run.id).lines)
    assert (
        "condition: 40 new golden answers or more; 52 lessons in all (night 3 of a study, 2026-01-03, in simulated"
        in told
    )


def test_a_night_lists_its_tries_and_what_the_gate_was_asked(project):
    experiment = tried(project)
    night = Night(
        name="2026-11-22", began="2026-11-22T02:00:00+00:00", ended="2026-11-22T04:00:00+00:00", ended_by="deadline",
        mode=Mode.PROXY, experiments=(experiment.id,), told=("A proxy promotes nothing.",),
    )  # fmt: skip
    project.store.save([night], event="night")
    told = "\n".join(trace(project, "2026-11-22").lines)
    assert "2026-11-22-01: kept, +0.120 [+0.020, +0.220], n 42; beta=0.12" in told
    assert "decision none: the gate was not asked" in told
    assert "A proxy promotes nothing." in told


def test_a_dataset_that_was_erased_is_said_and_a_name_that_is_none_is_refused(project):
    gone = Dataset(
        kind=DatasetKind.SFT, train=(), holdout=(), rejects=(), mixture=(), watermark=9, config_digest="c", card=""
    )
    run = trained(project, gone)
    assert f"dataset {gone.id}, which can't be read any more" in "\n".join(trace(project, run.id).lines)
    with pytest.raises(UnknownNameError):
        trace(project, "2026-11-22-99")


def test_what_was_noted_when_a_training_began_is_told_rather_than_what_the_config_says_now(project):
    run = trained(project, learnt(project, "interaction:1"))
    noted = {"dataset": run.dataset_id, "recipe": run.recipe_digest, "golden": "31", "content": "sha256:aa",
             "trigger": "25 new golden interactions, 20 needed"}  # fmt: skip
    project.store.note("training began", {**noted, "dataset": "dataset:other", "trigger": "of another"})
    before = "\n".join(trace(project, run.id).lines)
    assert "as [curation] trigger says now" in before
    project.store.note("training began", noted)
    told = "\n".join(trace(project, run.id).lines)
    assert "condition: 25 new golden interactions, 20 needed; 31 golden in all, content sha256:aa, as was noted" in told
    assert "of another" not in told

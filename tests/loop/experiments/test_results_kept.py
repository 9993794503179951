"""What a try leaves behind, each piece once, whenever the program dies."""

from __future__ import annotations

import csv
import json
import os
import signal
from dataclasses import replace

import pytest

from selftune.errors import DamagedFileError, SelftuneError, UsageError
from selftune.failpoints import VARIABLE
from selftune.loop.experiments.record_keeping.keeping import find_experiment, finish_leaving, keep_experiment
from selftune.loop.experiments.record_keeping.memory_notes import ARCHIVE, EVENTS, archive_notes
from selftune.loop.experiments.record_keeping.results_tsv import (
    COLUMNS,
    RESULTS,
    THEIRS,
    append_row,
    check_results,
    rebuild_results,
    row_of_experiment,
)
from selftune.loop.experiments.record_keeping.retention import objection_to_archive, retire_adapters
from selftune.loop.experiments.record_keeping.seen import seen_on
from selftune.records import (
    Effect,
    Evaluation,
    Experiment,
    ExperimentResult,
    FileDigest,
    GenerationParameters,
    ItemOutcome,
    Mode,
    Run,
    RunStatus,
    ServingProof,
    encode_record,
)

FAILPOINTS = ("experiment-intended", "experiment-kept", "experiment-figures", "experiment-row", "experiment-note")
KEEPS_ONE = """
import sys
from pathlib import Path
from types import SimpleNamespace
from selftune.loop.config import ProjectConfig
from selftune.loop.experiments.record_keeping.keeping import keep_experiment
from selftune.records import decode_record
from selftune.store import BlobStore, Store

folder = Path(sys.argv[1])
with Store.open(folder) as store:
    project = SimpleNamespace(folder=folder, hidden=folder / ".selftune", store=store, config=ProjectConfig())
    keep_experiment(project, decode_record(sys.stdin.read()))
"""
WORSE = Effect(mean=-0.2, interval=(-0.3, -0.1), level=0.95, n=42)


def a_try(name: str = "2026-11-22-01", **told) -> Experiment:
    known = {
        "began": "2026-11-22T02:00:00+00:00",
        "mode": Mode.FULL,
        "base": "reference",
        "base_digest": "sha256:aa",
        "lane": "hyperparameters",
        "proposer": "one_factor",
        "changes": ("beta=0.12",),
        "result": ExperimentResult.REVERTED,
        "why": "worse by 0.2",
        "night": "2026-11-22",
    }
    return Experiment(name=name, **(known | told))


def rows(project) -> list[dict[str, str]]:
    with (project.folder / RESULTS).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def everything_left(project) -> dict[str, bytes]:
    """Each file for people with its bytes."""
    places = (project.folder / "memory", project.hidden / "runs")
    files = [path for place in places for path in sorted(place.rglob("*")) if path.is_file()]
    return {str(path.relative_to(project.folder)): path.read_bytes() for path in (project.folder / RESULTS, *files)}


def test_a_row_has_the_columns_of_the_loop_that_was_learnt_from_then_our_ids(project):
    keep_experiment(project, a_try(score=0.782, baseline=0.778, elapsed_seconds=910.4, train_loss=0.5))
    (row,) = rows(project)
    assert tuple(row) == COLUMNS
    assert ",".join(THEIRS) == (
        "experiment_id,timestamp,mode,model,score,baseline,result,train_loss,val_loss,elapsed_s,config"
    )
    assert (row["experiment_id"], row["score"], row["baseline"], row["elapsed_s"]) == (
        "2026-11-22-01",
        "0.7820",
        "0.7780",
        "910",
    )
    assert (row["result"], row["val_loss"], row["config"], row["night"]) == ("reverted", "", "beta=0.12", "2026-11-22")


def test_a_try_is_kept_once_and_a_second_of_its_name_is_given_back_as_it_was(project):
    first = keep_experiment(project, a_try())
    left = everything_left(project)
    again = keep_experiment(project, a_try(elapsed_seconds=99.0))
    assert again == first
    assert everything_left(project) == left
    assert project.store.count(Experiment) == 1


@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_a_failure_anywhere_is_made_up_for_by_the_next_call(project, tmp_path, monkeypatch, failpoint):
    keep_experiment(project, a_try("before"))
    torn = a_try("torn", effect=WORSE, run_id=trained(project).id)
    monkeypatch.setenv(VARIABLE, f"{failpoint}=raise")
    with pytest.raises(SelftuneError):
        keep_experiment(project, torn)
    monkeypatch.delenv(VARIABLE)
    keep_experiment(project, torn)
    assert [row["experiment_id"] for row in rows(project)] == ["before", "torn"]
    assert project.store.count(Experiment) == 2
    assert (project.hidden / "runs" / "torn" / "eval_results.json").is_file()
    assert len(list((project.folder / EVENTS).glob("2026/11/autoresearch-torn.md"))) == 1
    assert not check_results(project)
    assert finish_leaving(project) == ()


def test_a_killed_program_leaves_its_try_to_the_next_start(project, warm):
    environment = os.environ | {VARIABLE: "experiment-row=kill"}
    died = warm.run_code(KEEPS_ONE, project.folder, env=environment, text=encode_record(a_try()))
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert finish_leaving(project) == ("2026-11-22-01",)
    assert [row["experiment_id"] for row in rows(project)] == ["2026-11-22-01"]
    assert (project.folder / EVENTS / "2026/11/autoresearch-2026-11-22-01.md").is_file()


def test_a_file_torn_at_any_byte_becomes_what_it_would_have_been(project):
    path = project.folder / RESULTS
    for name in ("one", "two"):
        keep_experiment(project, a_try(name, build_id="build:" + "b" * 64, base="gemma-\u00fc"))
    whole = path.read_bytes()
    second = whole[: whole.rindex(b"two")]
    for cut in range(0, len(whole), 13):
        path.write_bytes(whole[:cut])
        if cut <= len(second):
            append_row(project, row_of_experiment(find_experiment(project, "one")))
        append_row(project, row_of_experiment(find_experiment(project, "two")))
        assert path.read_bytes() == whole, cut
    assert not check_results(project)


def test_a_torn_header_and_zeros_after_a_power_cut_are_mended(project):
    path = project.folder / RESULTS
    path.write_bytes(b"experiment_id\ttime\0\0\0\0")
    keep_experiment(project, a_try())
    assert [row["result"] for row in rows(project)] == ["reverted"]


def test_a_file_of_an_earlier_program_goes_on_under_the_longer_header(project):
    old = "\t".join((*THEIRS, "decision"))
    path = project.folder / RESULTS
    path.write_text(f"{old}\n" + "\t".join(["x"] * 12) + "\n", encoding="utf-8")
    keep_experiment(project, a_try())
    told = rows(project)
    assert tuple(told[0]) == COLUMNS
    assert [row["experiment_id"] for row in told] == ["x", "2026-11-22-01"]


def test_what_a_person_did_to_the_file_is_named_and_stays(project):
    for name in ("one", "two", "three"):
        keep_experiment(project, a_try(name, score=0.5))
    path = project.folder / RESULTS
    header, one, two, _ = path.read_text().splitlines()
    path.write_text("\n".join([header, one.replace("0.5000", "0.9000"), two, "mine\tby hand"]), encoding="utf-8")
    found = check_results(project)
    assert (found.changed, found.missing, found.added) == (("one",), ("three",), ("mine\tby hand",))
    keep_experiment(project, a_try("four"))
    text = path.read_text()
    assert "0.9000" in text
    assert "mine\tby hand\n" in text
    assert "three" not in text


def test_columns_that_a_person_added_or_moved_are_kept_to(project):
    path = project.folder / RESULTS
    path.write_text("my remark\tresult\texperiment_id\n", encoding="utf-8")
    keep_experiment(project, a_try())
    assert rows(project) == [{"my remark": "", "result": "reverted", "experiment_id": "2026-11-22-01"}]


def test_rebuilding_gives_the_same_file_and_sets_an_edited_one_aside(project):
    for name in ("one", "two"):
        keep_experiment(project, a_try(name))
    path = project.folder / RESULTS
    whole = path.read_bytes()
    assert rebuild_results(project) is None
    assert path.read_bytes() == whole
    path.write_bytes(whole.replace(b"reverted", b"kept", 1))
    aside = rebuild_results(project)
    assert path.read_bytes() == whole
    assert b"kept" in aside.read_bytes()
    path.write_bytes(whole + b"mine\n")
    assert rebuild_results(project).name == "results.by-hand-2.tsv"


def test_figures_lie_beside_the_adapter_of_a_reverted_try(project):
    run, old, new = trained(project), evaluated(project, (0.0, 1.0)), evaluated(project, (0.0, None))
    known = {"run_id": run.id, "evaluation_id": new.id, "baseline_evaluation_id": old.id, "effect": WORSE}
    keep_experiment(project, a_try(**known))
    folder = project.hidden / "runs" / "2026-11-22-01"
    told = json.loads((folder / "eval_results.json").read_text())
    assert (folder / "adapter_model.safetensors").read_bytes() == b"weights"
    assert told["candidate"]["overall"] == {
        "score": 0.0,
        "interval": told["candidate"]["overall"]["interval"],
        "n": 1,
        "unscored": 1,
    }
    assert told["candidate"]["by_category"]["identity"]["score"] is None
    assert told["baseline"]["by_category"]["identity"]["score"] == 1.0
    assert told["candidate"]["critical_failures"] == {"false_claim": 1}
    assert set(told["candidate"]["by_agent"]) == {"ada"}
    assert told["difference"]["n"] == 42


def test_the_oldest_notes_go_to_the_archive_and_are_not_written_again(project):
    small = replace(project, config=replace(project.config, nightly=replace(project.config.nightly, notes_kept=2)))
    for name in ("2026-11-22-01", "2026-11-22-02", "2026-11-22-03"):
        keep_experiment(small, a_try(name))
    kept = sorted(path.name for path in (project.folder / EVENTS).rglob("*.md"))
    archived = [path.name for path in (project.folder / ARCHIVE).rglob("*.md")]
    assert kept == ["autoresearch-2026-11-22-02.md", "autoresearch-2026-11-22-03.md"]
    assert archived == ["autoresearch-2026-11-22-01.md"]
    assert archive_notes(project.folder, 2) == ()


def test_a_note_says_what_was_tried_why_what_came_of_it_and_what_it_teaches(project):
    reason = "voice needs\n# more `data`"
    keep_experiment(project, a_try(effect=WORSE, reason=reason))
    text = (project.folder / EVENTS / "2026/11/autoresearch-2026-11-22-01.md").read_text()
    for told in ("`beta=0.12`", "voice needs more data", "-0.200 [-0.300, -0.100] at 95%", "n 42", "worse by 0.2"):
        assert told in text
    assert "Lesson: worse on reference" in text


def test_a_try_is_seen_on_its_own_base_and_mode_only(project):
    keep_experiment(project, a_try("one", effect=WORSE))
    keep_experiment(project, a_try("two", mode=Mode.PROXY))
    keep_experiment(project, a_try("three", base_digest="sha256:bb"))
    keep_experiment(project, a_try("four", result=ExperimentResult.FAILED, why="diverged"))
    seen = seen_on(project.store, "sha256:aa", Mode.FULL)
    assert [(one.experiment, one.effect, one.trouble) for one in seen] == [
        ("one", WORSE, ""),
        ("four", None, "diverged"),
    ]


@pytest.mark.parametrize("name", ["../escape", "", "a\tb", ".hidden"])
def test_a_name_that_is_no_file_name_is_refused_before_anything_is_kept(project, name):
    with pytest.raises(UsageError):
        keep_experiment(project, a_try(name))
    assert project.store.count(Experiment) == 0


def trained(project, weights: bytes = b"weights", seed: int = 0) -> Run:
    digest = project.blobs.put_bytes(weights)
    run = Run(
        recipe="tiny",
        recipe_digest="d",
        dataset_id="dataset:1",
        base_digest="sha256:aa",
        stage_history=("sft",),
        objective="sft",
        backend="packed",
        status=RunStatus.FINISHED,
        seed=seed,
        steps=1,
        planned_steps=1,
        passes=1.0,
        examples=1,
        supervised_tokens=3,
        adapter=(FileDigest(name="adapter_model.safetensors", digest=digest, size_bytes=7),),
    )
    project.store.save([run], event="made by a test")
    return run


def evaluated(project, scores: tuple[float | None, float | None]) -> Evaluation:
    first, second = scores
    evaluation = Evaluation(
        build_id=f"build:{second}",
        build_digest="sha256:cc",
        proof=ServingProof(
            model_digest="m", adapter_digest=None, template_digest="t", fingerprint="f", server="fake", slots=1
        ),
        suite="screen",
        suite_digest="sha256:dd",
        scorer="state",
        scorer_lineage=(),
        generation=GenerationParameters(),
        seeds=(0,),
        outcomes=(
            ItemOutcome(
                item_id="one",
                category="domain",
                difficulty="easy",
                score=first,
                answer="",
                reasons=(),
                agent="ada",
                critical_failures=("false_claim",),
            ),
            ItemOutcome(item_id="two", category="identity", difficulty="hard", score=second, answer="", reasons=()),
        ),
    )
    project.store.save([evaluation], event="made by a test")
    return evaluation


def limited(project, gigabytes: float, archive: str):
    nightly = replace(project.config.nightly, adapters_kept_gb=gigabytes, adapters_archive=archive)
    return replace(project, config=replace(project.config, nightly=nightly))


def with_adapters(project, count: int) -> list[Run]:
    """Reverted tries, each with an adapter of seven bytes of its own."""
    runs = [trained(project, f"weight{number}".encode()) for number in range(count)]
    for number, run in enumerate(runs):
        keep_experiment(project, a_try(f"try-{number}", run_id=run.id))
    return runs


def test_all_adapters_stay_unless_somebody_names_how_many_and_where_the_others_go(project, tmp_path):
    runs = with_adapters(project, 3)
    assert retire_adapters(project) == ()
    lacking = limited(project, 8e-9, str(tmp_path / "not there"))
    assert retire_adapters(lacking) == ()
    assert "is no folder" in objection_to_archive(lacking)
    assert all(project.blobs.path(run.adapter[0].digest).is_file() for run in runs)


def test_the_oldest_adapters_beyond_the_quota_are_moved_whole_and_the_ledger_names_each(project, tmp_path):
    runs = with_adapters(project, 3)
    (tmp_path / "archive").mkdir()
    small = limited(project, 8e-9, str(tmp_path / "archive"))
    assert retire_adapters(small) == ("try-0", "try-1")
    moved = tmp_path / "archive" / "selftune" / "try-0"
    assert (moved / "adapter_model.safetensors").read_bytes() == b"weight0"
    assert not (project.hidden / "runs" / "try-0" / "adapter_model.safetensors").exists()
    assert (project.hidden / "runs" / "try-0" / "moved_to.txt").read_text() == f"{moved}\n"
    assert (project.hidden / "runs" / "try-2" / "adapter_model.safetensors").is_file()
    assert project.blobs.path(runs[2].adapter[0].digest).is_file()
    told = [dict(entry.detail)["experiment"] for entry in project.store.history() if entry.event == "adapter moved"]
    assert told == ["try-0", "try-1"]
    assert retire_adapters(small) == ()


def test_an_adapter_that_is_kept_or_that_another_run_has_too_is_never_moved(project, tmp_path):
    shared = trained(project, b"weight0")
    kept = trained(project, b"weight1")
    again = trained(project, b"weight0", seed=1)
    keep_experiment(project, a_try("kept", run_id=kept.id, result=ExperimentResult.KEPT))
    keep_experiment(project, a_try("reverted", run_id=shared.id, baseline_run_id=again.id))
    (tmp_path / "archive").mkdir()
    assert retire_adapters(limited(project, 1e-9, str(tmp_path / "archive"))) == ()


def test_a_move_that_was_cut_off_is_ended_by_the_next_call(project, tmp_path, monkeypatch):
    (run,) = with_adapters(project, 1)
    (tmp_path / "archive").mkdir()
    monkeypatch.setenv(VARIABLE, "adapter-archived=raise")
    with pytest.raises(SelftuneError):
        retire_adapters(limited(project, 1e-9, str(tmp_path / "archive")))
    assert project.blobs.path(run.adapter[0].digest).is_file()
    monkeypatch.delenv(VARIABLE)
    assert retire_adapters(limited(project, 1.0, str(tmp_path / "archive"))) == ("try-0",)
    with pytest.raises(DamagedFileError):
        project.blobs.path(run.adapter[0].digest)


def test_an_archive_that_does_not_hold_what_it_was_given_never_costs_the_original(project, tmp_path):
    (run,) = with_adapters(project, 1)
    (tmp_path / "archive").mkdir()
    blob = project.blobs.path(run.adapter[0].digest)
    blob.write_bytes(b"damaged")
    with pytest.raises(DamagedFileError, match="not what it was copied from"):
        retire_adapters(limited(project, 1e-9, str(tmp_path / "archive")))
    assert blob.is_file()

"""A job sent to another machine takes the very steps that it would take here."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import pytest
from tiny_llama import base_record, conversations, make_context

from selftune.bases.provenance import Provenance
from selftune.bases.shape import read_shape
from selftune.errors import DamagedFileError, MissingFileError
from selftune.records import CurvePoint, RunStatus
from selftune.training.base import TrainingResult
from selftune.training.config import Recipe
from selftune.training.elsewhere.destinations import DESTINATIONS
from selftune.training.elsewhere.jobs import JOB, SentJob, begin_job, read_job, read_result, write_job, write_result
from selftune.training.elsewhere.ordering import place_order, sift_examples
from selftune.training.rows import load_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs("train")

RECIPE = Recipe(
    name="tiny",
    lora_rank=4,
    max_steps=3,
    batch_size=2,
    accumulation=1,
    max_length=400,
    seed=3,
    order="tokens",
    weigh_by="origin",
    weights=(("real", 2.0),),
    held_out_share=0.2,
    measure_every=1,
    stop_early_after=2,
)


def sent(tiny_base: Path, tmp_path: Path) -> SentJob:
    """A job on the tiny base, its first adapter in a folder of its own."""
    tokenizer = load_tokenizer(tiny_base)
    kept, _ = sift_examples(conversations(6), RECIPE, tokenizer)
    rows = [row for _, row in kept]
    base = base_record(tiny_base)
    job = begin_job(rows, RECIPE, 3, 3, base, (tiny_base, tmp_path))
    origin = Provenance(stage_history=("sft",), base_digest=base.digest, dataset_id="dataset:1")
    return SentJob(job=job, base=base, origin=origin)


def test_a_job_that_was_written_reads_back_as_it_was_but_for_whose_words_they_are(
    tiny_base: Path, tmp_path: Path
) -> None:
    before = sent(tiny_base, tmp_path)
    (tmp_path / "there").mkdir()
    write_job(before, tmp_path / "there")
    after = read_job(tmp_path / "there")
    assert after.origin == before.origin
    assert after.base == before.base
    assert (after.job.recipe, after.job.seed, after.job.batches) == (RECIPE, 3, before.job.batches)
    assert before.job.held_out
    for rows, read in ((before.job.rows, after.job.rows), (before.job.held_out, after.job.held_out)):
        nameless = [replace(row, interaction_id="", place=None, part="") for row in rows]
        assert [replace(row, interaction_id="") for row in read] == nameless
    assert "interaction:" not in (tmp_path / "there" / "rows.jsonl").read_text()


def test_what_is_learnt_there_is_byte_for_byte_what_would_be_learnt_here(tiny_base: Path, tmp_path: Path) -> None:
    from selftune.training.packed_backend import PackedBackend

    here = sent(tiny_base, tmp_path)
    (tmp_path / "there").mkdir()
    write_job(here, tmp_path / "there")
    there = read_job(tmp_path / "there")
    results = []
    for each in (here, there):
        each.job.checkpoints.mkdir(exist_ok=True)
        context = make_context(tmp_path / f"context{len(results)}", each.job.base_folder)
        results.append(PackedBackend().train(each.job, context))
    assert [result.status for result in results] == [RunStatus.FINISHED] * 2
    assert results[0].curve == results[1].curve
    name = "adapter_model.safetensors"
    assert (here.job.adapter / name).read_bytes() == (there.job.adapter / name).read_bytes()
    assert (here.job.adapter / name).read_bytes() != (here.job.initial / name).read_bytes()


def test_a_base_that_changed_on_the_way_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    write_job(sent(tiny_base, tmp_path), tmp_path / "there")
    weights = tmp_path / "there" / "base" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(DamagedFileError, match=r"model\.safetensors of the base"):
        read_job(tmp_path / "there")


def test_a_folder_without_a_job_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=JOB):
        read_job(tmp_path)


def test_how_it_went_comes_back_as_it_was(tmp_path: Path) -> None:
    point = CurvePoint(step=1, loss=2.5, learning_rate=1e-4, grad_norm=0.5)
    result = TrainingResult(
        status=RunStatus.OUT_OF_TIME, steps=1, supervised_tokens=9, curve=(point,), reason="1 of 3 steps", seconds=2.0
    )
    write_result(result, tmp_path)
    assert read_result(tmp_path) == result


def test_the_job_holds_the_whole_recipe(tiny_base: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    write_job(sent(tiny_base, tmp_path), tmp_path / "there")
    told = json.loads((tmp_path / "there" / JOB).read_text())["recipe"]
    assert told.keys() == {field.name for field in fields(Recipe)}
    assert DESTINATIONS["selftune"].traits.words.keys() == told.keys() - {"continue_from"}


def test_an_order_counts_the_tokens_and_steps_that_its_rows_have(tiny_base: Path) -> None:
    tokenizer = load_tokenizer(tiny_base)
    kept, left_out = sift_examples(conversations(6), RECIPE, tokenizer)
    rows = [row for _, row in kept]
    placed = place_order(
        rows,
        replace(RECIPE, epochs=2, held_out_share=0.0, stop_early_after=0),
        tokenizer,
        read_shape(tiny_base),
        seed=1,
        base="base",
        precision="float32",
        gpu="L4",
        answers=1,
    )
    assert left_out == ()
    assert (placed.steps, placed.examples, placed.layers) == (6, 6, 2)
    assert placed.tokens_trained == 2 * sum(len(row.tokens) for row in rows)

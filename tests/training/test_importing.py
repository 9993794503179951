"""Adapters from elsewhere: taken in, or refused by name; never opened as a pickle, never believed unseen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_llama import conversations, dataset_of, make_context

from selftune.bases.provenance import Provenance, read_provenance, stamp
from selftune.errors import DamagedFileError, MissingFileError, SelftuneError, UsageError
from selftune.records import Run, RunPurpose, RunStatus
from selftune.training.config import Recipe
from selftune.training.importing import import_adapter
from selftune.training.lora import CONFIG, WEIGHTS
from selftune.training.stage import train

pytestmark = pytest.mark.needs("train")
TINY = Recipe(name="tiny", max_steps=2, batch_size=2, accumulation=1, learning_rate=1e-2, lora_rank=2)
DATA = dataset_of(conversations(4))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Path:
    """The adapter folder of a run of ours."""
    from dataclasses import replace

    folder = tmp_path_factory.mktemp("trained")
    run = train(DATA, replace(TINY, least_supervised=0.01), make_context(folder, tiny_base))
    (folder / "adapter").mkdir()
    for file in run.adapter:
        shutil.copyfile(folder / "blobs" / file.digest.removeprefix("sha256:"), folder / "adapter" / file.name)
    return folder / "adapter"


@pytest.fixture
def adapter(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "adapter"))


def imported(adapter: Path, folder: Path, base: Path) -> Run:
    return import_adapter(adapter, DATA, make_context(folder, base))


def rewrite(adapter: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Save other tensors, without any word of where they come from."""
    from safetensors.torch import load_file, save_file

    save_file(change(load_file(adapter / WEIGHTS)), adapter / WEIGHTS, metadata={"format": "pt"})


def configure(adapter: Path, **changes: Any) -> None:
    config = json.loads((adapter / CONFIG).read_text())
    (adapter / CONFIG).write_text(json.dumps(config | changes))


def test_our_own_adapter_comes_back_with_its_history_and_its_tensors(
    adapter: Path, tmp_path: Path, tiny_base: Path
) -> None:
    from safetensors.torch import load_file

    run = imported(adapter, tmp_path, tiny_base)
    assert (run.status, run.stage_history, run.backend) == (RunStatus.FINISHED, ("sft",), "imported")
    assert run.purpose is RunPurpose.PRODUCTION
    assert dict(run.settings)["base known"] == "said by the adapter"
    kept = tmp_path / "blobs" / run.adapter[1].digest.removeprefix("sha256:")
    before, after = load_file(adapter / WEIGHTS), load_file(kept)
    assert before.keys() == after.keys()
    assert all(bool((before[name] == after[name]).all()) for name in before)
    assert read_provenance(kept).dataset_id == DATA.id


def test_what_was_taken_in_is_read_by_the_builds_with_the_scale_it_was_trained_with(
    adapter: Path, tmp_path: Path, tiny_base: Path
) -> None:
    from selftune.builds.adapter import open_adapter

    configure(adapter, use_rslora=True)
    run = imported(adapter, tmp_path, tiny_base)
    folder = tmp_path / "kept"
    folder.mkdir()
    for file in run.adapter:
        shutil.copyfile(tmp_path / "blobs" / file.digest.removeprefix("sha256:"), folder / file.name)
    with open_adapter(folder) as ours, open_adapter(adapter) as theirs:
        assert ours.layers() == theirs.layers()
        one, two = ours.read(ours.layers()[0]), theirs.read(ours.layers()[0])
    assert one is not None
    assert two is not None
    assert one.scale == two.scale == TINY.lora_alpha / TINY.lora_rank**0.5
    assert (one.change() == two.change()).all()


def test_an_adapter_that_says_nothing_of_itself_has_an_unknown_history(
    adapter: Path, tmp_path: Path, tiny_base: Path
) -> None:
    rewrite(adapter, lambda tensors: tensors)
    run = imported(adapter, tmp_path, tiny_base)
    assert (run.stage_history, run.objective) == (("unknown",), "unknown")
    assert dict(run.settings)["base known"] == "by names and shapes"


def test_half_precision_is_widened_and_loses_nothing(adapter: Path, tmp_path: Path, tiny_base: Path) -> None:
    rewrite(adapter, lambda tensors: {name: tensor.bfloat16() for name, tensor in tensors.items()})
    assert imported(adapter, tmp_path, tiny_base).status is RunStatus.FINISHED


def test_an_adapter_without_effect_trained_nothing(adapter: Path, tmp_path: Path, tiny_base: Path) -> None:
    rewrite(adapter, lambda tensors: {n: t * 0 if ".lora_B." in n else t for n, t in tensors.items()})
    run = imported(adapter, tmp_path, tiny_base)
    assert run.status is RunStatus.TRAINED_NOTHING
    assert run.adapter == ()
    assert run.reason


def test_an_adapter_of_another_base_or_dataset_is_refused(adapter: Path, tmp_path: Path, tiny_base: Path) -> None:
    stamp(adapter / WEIGHTS, Provenance(base_digest="sha256:another"))
    with pytest.raises(UsageError, match="another base"):
        imported(adapter, tmp_path, tiny_base)
    stamp(adapter / WEIGHTS, Provenance(dataset_id="dataset:another"))
    with pytest.raises(UsageError, match="dataset:another"):
        imported(adapter, tmp_path, tiny_base)


def test_a_weight_that_is_no_number_is_refused(adapter: Path, tmp_path: Path, tiny_base: Path) -> None:
    rewrite(adapter, lambda tensors: {name: tensor * float("nan") for name, tensor in tensors.items()})
    with pytest.raises(DamagedFileError, match="no finite number"):
        imported(adapter, tmp_path, tiny_base)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: {name.replace("layers.0", "layers.7"): tensor for name, tensor in tensors.items()},
        lambda tensors: {name: tensor for name, tensor in tensors.items() if ".lora_B." not in name},
        lambda tensors: {name: tensor[:, :-1].contiguous() for name, tensor in tensors.items()},
        lambda tensors: tensors | {"base_model.model.lm_head.weight": next(iter(tensors.values())).clone()},
        lambda tensors: {},
    ],
    ids=["another layer", "half of it", "another width", "a head", "nothing"],
)
def test_tensors_that_do_not_fit_the_base_are_refused(
    change: Callable[[dict[str, Any]], dict[str, Any]], adapter: Path, tmp_path: Path, tiny_base: Path
) -> None:
    rewrite(adapter, change)
    with pytest.raises(UsageError, match="does not fit"):
        imported(adapter, tmp_path, tiny_base)


@pytest.mark.parametrize(
    "key",
    [{"use_dora": True}, {"modules_to_save": ["lm_head"]}, {"alpha_pattern": {"q_proj": 8}}, {"peft_type": "IA3"},
     {"bias": "all"}, {"r": 0}, {"lora_alpha": None}],
)  # fmt: skip
def test_what_is_no_plain_lora_is_refused_by_name(
    key: dict[str, Any], adapter: Path, tmp_path: Path, tiny_base: Path
) -> None:
    configure(adapter, **key)
    with pytest.raises(UsageError, match="no plain LoRA"):
        imported(adapter, tmp_path, tiny_base)


def test_a_pickle_stays_shut_and_an_empty_folder_is_said_to_be_one(
    adapter: Path, tmp_path: Path, tiny_base: Path
) -> None:
    (adapter / WEIGHTS).rename(adapter / "adapter_model.bin")
    with pytest.raises(UsageError, match="pickle"):
        imported(adapter, tmp_path, tiny_base)
    (adapter / "adapter_model.bin").unlink()
    with pytest.raises(MissingFileError):
        imported(adapter, tmp_path, tiny_base)


@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_a_file_that_was_cut_short_is_said_to_be_damaged(
    keep: int, adapter: Path, tmp_path: Path, tiny_base: Path
) -> None:
    (adapter / WEIGHTS).write_bytes((adapter / WEIGHTS).read_bytes()[:keep])
    with pytest.raises(DamagedFileError):
        imported(adapter, tmp_path, tiny_base)


@pytest.mark.parametrize("history", ["no JSON", '{"a": 1}', "[1]"])
def test_a_history_that_is_none_of_ours_is_damage(history: str, adapter: Path) -> None:
    from safetensors.torch import load_file, save_file

    save_file(load_file(adapter / WEIGHTS), adapter / WEIGHTS, metadata={"selftune.stage_history": history})
    with pytest.raises(SelftuneError, match="stage history"):
        read_provenance(adapter / WEIGHTS)


def test_what_is_written_into_a_file_is_read_back_and_moves_no_tensor(adapter: Path) -> None:
    from safetensors.torch import load_file

    said = Provenance(stage_history=("sft", "orpo"), base_digest="sha256:1", dataset_id="dataset:1")
    before = load_file(adapter / WEIGHTS)
    stamp(adapter / WEIGHTS, said)
    once = (adapter / WEIGHTS).read_bytes()
    stamp(adapter / WEIGHTS, said)
    assert (adapter / WEIGHTS).read_bytes() == once
    assert read_provenance(adapter / WEIGHTS) == said
    after = load_file(adapter / WEIGHTS)
    assert all(bool((before[name] == after[name]).all()) for name in before)

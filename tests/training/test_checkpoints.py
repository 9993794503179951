"""A checkpoint is there whole or not at all, and one that was touched is told from one that was not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.errors import DamagedFileError, SelftuneError
from selftune.failpoints import VARIABLE
from selftune.records import CurvePoint
from selftune.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint

pytestmark = pytest.mark.needs("train")
POINT = CurvePoint(step=1, loss=0.1, learning_rate=1e-3, grad_norm=2.0)


def checkpoint(step: int) -> Checkpoint:
    import torch

    return Checkpoint(
        step=step, seconds=1.5, supervised_tokens=7, curve=(POINT,), tensors={"adapter/a": torch.arange(4.0)}
    )


def test_the_newest_checkpoint_comes_back_as_it_was_and_the_older_one_is_gone(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(1))
    save_checkpoint(tmp_path, checkpoint(2))
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert (found.step, found.seconds, found.supervised_tokens, found.curve) == (2, 1.5, 7, (POINT,))
    assert found.tensors["adapter/a"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000002"]


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path) is None


def test_one_that_was_cut_off_while_it_was_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path, checkpoint(1))
    monkeypatch.setenv(VARIABLE, "mid-checkpoint=raise")
    with pytest.raises(SelftuneError, match="mid-checkpoint"):
        save_checkpoint(tmp_path, checkpoint(2))
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 1


@given(name=st.sampled_from(["state.safetensors", "progress.json", "seal"]), place=st.floats(0, 1, exclude_max=True))
def test_one_bit_anywhere_is_found_and_the_next_try_begins_anew(
    name: str, place: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("checkpoints")
    save_checkpoint(folder, checkpoint(1))
    file = folder / "step-00000001" / name
    data = bytearray(file.read_bytes())
    data[int(place * len(data))] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(DamagedFileError, match="set aside"):
        load_checkpoint(folder)
    assert load_checkpoint(folder) is None
    assert (folder / "damaged-step-00000001").is_dir()


@pytest.mark.parametrize("name", ["state.safetensors", "progress.json", "seal"])
def test_a_file_that_is_gone_or_empty_is_damage(name: str, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(1))
    (tmp_path / "step-00000001" / name).write_bytes(b"")
    with pytest.raises(DamagedFileError):
        load_checkpoint(tmp_path)
    save_checkpoint(tmp_path, checkpoint(2))
    (tmp_path / "step-00000002" / name).unlink()
    with pytest.raises(DamagedFileError):
        load_checkpoint(tmp_path)

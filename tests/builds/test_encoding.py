"""Rows may be cut anywhere: the bytes are those of the whole tensor, for any shape, type, heads and number of cores."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.bases.gguf_names import interleave_rotary
from selftune.builds import encoding
from selftune.builds.adapter import LowRank
from selftune.builds.encoding import Encoder, Wanted
from selftune.builds.quantise import encode
from selftune.builds.tensors import open_tensors
from selftune.errors import DamagedFileError, UsageError

pytestmark = [pytest.mark.needs("train"), pytest.mark.needs("serve")]

SHAPES = {"F32": 3, "F16": 7, "Q8_0": 32, "Q5_0": 64, "Q4_K": 256, "Q6_K": 512}


@pytest.fixture(scope="module")
def pool():
    with ThreadPoolExecutor(max_workers=3) as threads:
        yield threads


@given(
    kind=st.sampled_from(sorted(SHAPES)),
    heads=st.sampled_from([None, 1, 3, 8]),
    rows=st.integers(1, 6),
    elements=st.sampled_from([1, 700, 1 << 18]),
)
def test_a_tensor_encoded_by_rows_is_the_tensor_encoded_at_once(pool, kind, heads, rows, elements):
    count = rows * 2 * (heads or 1)
    values = np.random.default_rng(rows).standard_normal((count, SHAPES[kind])).astype(np.float32)
    whole = encode(interleave_rotary(values, heads) if heads else values, kind)
    wanted = Wanted(name="w", shape=values.shape, type=kind, heads=heads)
    parts = Encoder(pool, elements=elements).encode(lambda first, last: values[first:last], wanted)
    assert parts.dtype == whole.dtype
    assert parts.tobytes() == whole.tobytes()


def test_parts_are_encoded_on_several_threads_and_an_error_of_one_is_raised(pool):
    together = threading.Barrier(2)

    def meet(first, last):
        together.wait(timeout=30)  # two parts at once, or never
        return np.zeros((last - first, 256), np.float32)

    wanted = Wanted(name="w", shape=(2, 256), type="Q4_K")
    Encoder(pool, elements=256).encode(meet, wanted)
    with pytest.raises(UsageError, match="w holds values that are no numbers"):
        Encoder(pool, elements=256).encode(lambda *_: np.full((1, 256), np.nan, np.float32), wanted)


def test_as_many_threads_as_cores_may_be_used():
    with encoding.open_encoder() as encoder:
        assert encoder.encode(
            lambda *_: np.ones((1, 256), np.float32), Wanted(name="w", shape=(1, 256), type="F32")
        ).all()


@given(cut=st.integers(0, 40))
def test_the_change_of_some_rows_is_those_rows_of_the_change_to_the_bit(cut):
    draw = np.random.default_rng(3)
    a, b = (draw.standard_normal(shape).astype(np.float32) for shape in ((16, 300), (40, 16)))
    whole = LowRank(a=a, b=b, scale=0.7).change()
    parts = [LowRank(a=a, b=part, scale=0.7).change() for part in (b[:cut], b[cut:])]
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert np.allclose(whole, 0.7 * (b.astype(np.float64) @ a), atol=1e-5)


@pytest.mark.parametrize("kind", ["float64", "float32", "float16", "bfloat16"])
def test_rows_are_read_as_torch_reads_them(tmp_path, kind):
    import torch
    from safetensors.torch import save_file

    stored = torch.randn(7, 5, 3, generator=torch.Generator().manual_seed(1)).to(getattr(torch, kind))
    save_file({"other": torch.ones(3), "w": stored}, tmp_path / "w.safetensors")
    with open_tensors(tmp_path / "w.safetensors") as tensors:
        rows = tensors.rows("w")
        assert np.array_equal(np.concatenate([rows(0, 4), rows(4, 7)]), stored.to(torch.float32).numpy())


def test_what_is_no_plain_weight_is_refused_and_a_file_cut_short_while_it_is_read_is_damaged(tmp_path):
    import torch
    from safetensors.torch import save_file

    path = tmp_path / "w.safetensors"
    save_file({"one": torch.tensor(1.0), "whole": torch.arange(3), "w": torch.ones(4, 4)}, path)
    with open_tensors(path) as tensors:
        for name in ("one", "whole"):
            with pytest.raises(UsageError, match=f"{name} is stored as"):
                tensors.read(name)
        path.write_bytes(b"")
        with pytest.raises(DamagedFileError, match="cut short"):
            tensors.read("w")
    with pytest.raises(DamagedFileError, match="holds w twice"), open_tensors(*_two(tmp_path)):
        pass


def _two(folder):
    import torch
    from safetensors.torch import save_file

    for name in ("a.safetensors", "b.safetensors"):
        save_file({"w": torch.ones(2)}, folder / name)
    return folder / "a.safetensors", folder / "b.safetensors"

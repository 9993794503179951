from __future__ import annotations

import errno
import os

import numpy as np
import pytest
from gguf import GGMLQuantizationType, dequantize

from selftune.bases.gguf_header import read_gguf_header
from selftune.builds.gguf_writer import write_gguf
from selftune.builds.publish import publish
from selftune.builds.quantise import QuantiserError, check_golden, encode, golden_block, proven_library
from selftune.builds.tensor_types import Quantisation, choose_type
from selftune.builds.tensors import open_folder
from selftune.errors import BudgetError, UsageError

pytestmark = [pytest.mark.needs("train"), pytest.mark.needs("serve")]


def test_library_makes_the_recorded_bytes():
    assert proven_library() is proven_library()


def test_library_that_makes_other_bytes_is_refused():
    check_golden(proven_library())
    with pytest.raises(QuantiserError, match="makes other bytes"):
        check_golden(proven_library(), {"Q4_K": "00" * 32})


@pytest.mark.parametrize(("kind", "bound"), [("Q8_0", 0.01), ("Q6_K", 0.04), ("Q5_K", 0.1), ("Q4_K", 0.15)])
def test_quantised_block_comes_back_within_its_precision(kind, bound):
    values = golden_block()
    back = dequantize(encode(values, kind), GGMLQuantizationType[kind])
    assert 0 < np.abs(back - values).max() <= bound


def test_quantised_rows_do_not_depend_on_their_neighbours():
    values = golden_block()
    assert (encode(values, "Q4_K")[1] == encode(values[1:2], "Q4_K")[0]).all()


def test_weight_too_large_for_f16_is_refused():
    for value in (1e5, np.nan, np.inf):
        with pytest.raises(UsageError, match="F16"):
            encode(np.array([[value]], dtype=np.float32), "F16")


@pytest.mark.parametrize(
    ("name", "shape", "quantisation", "expected"),
    [
        ("blk.0.attn_norm.weight", (256,), Quantisation.Q4_K_M, "F32"),
        ("blk.3.attn_q.weight", (256, 256), Quantisation.Q4_K_M, "Q4_K"),
        ("blk.3.attn_q.weight", (256, 256), Quantisation.Q5_K_M, "Q5_K"),
        ("token_embd.weight", (512, 256), Quantisation.Q4_K_M, "Q6_K"),
        ("token_embd.weight", (512, 256), Quantisation.Q6_K, "Q6_K"),
        ("blk.1.attn_q.weight", (256, 256), Quantisation.Q6_K, "Q6_K"),
        ("blk.1.attn_q.weight", (256, 576), Quantisation.Q6_K, "Q8_0"),
        ("blk.0.ffn_down.weight", (256, 512), Quantisation.Q4_K_M, "Q6_K"),
        ("blk.7.attn_v.weight", (256, 256), Quantisation.Q4_K_M, "Q6_K"),
        ("blk.1.attn_v.weight", (256, 256), Quantisation.Q4_K_M, "Q4_K"),
        ("blk.3.attn_v.weight", (256, 256), Quantisation.Q4_K_M, "Q6_K"),
        ("blk.3.attn_q.weight", (256, 576), Quantisation.Q4_K_M, "Q5_0"),
        ("blk.3.attn_q.weight", (256, 576), Quantisation.Q5_K_M, "Q5_1"),
        ("blk.0.ffn_down.weight", (256, 576), Quantisation.Q4_K_M, "Q8_0"),
        ("blk.3.attn_q.weight", (256, 100), Quantisation.Q4_K_M, "F16"),
        ("blk.3.attn_q.weight", (256, 100), Quantisation.Q8_0, "F16"),
        ("blk.3.attn_q.weight", (256, 576), Quantisation.Q8_0, "Q8_0"),
    ],
)
def test_type_of_a_tensor_is_llama_cpps(name, shape, quantisation, expected):
    assert choose_type(name, shape, quantisation, layers=8, tied=True) == expected


def test_untied_embedding_is_not_the_head():
    assert choose_type("token_embd.weight", (9, 256), Quantisation.Q4_K_M, layers=8, tied=False) == "Q4_K"
    assert choose_type("output.weight", (9, 256), Quantisation.Q4_K_M, layers=8, tied=False) == "Q6_K"


def test_narrow_model_falls_back_where_rows_are_no_super_blocks(tiny, tmp_path):
    with open_folder(tiny(hidden=192)) as tensors:
        write_gguf(tiny(hidden=192), tensors, tmp_path / "m.gguf", Quantisation.Q4_K_M)
    types = {tensor.name: tensor.type for tensor in read_gguf_header(tmp_path / "m.gguf").tensors}
    assert types["token_embd.weight"] == "Q8_0"
    assert types["blk.0.attn_q.weight"] == "Q5_0"


def test_full_disk_keeps_the_old_file_and_says_so(tmp_path):
    target = tmp_path / "model.gguf"
    target.write_bytes(b"old")
    with pytest.raises(BudgetError, match="the disk is full"):
        write_half(target)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_disk_that_fills_up_while_tensors_are_written_is_told_as_full(tiny, tmp_path):
    target = tmp_path / "m.gguf"
    target.write_bytes(b"old")
    # What the kernel answers to a write on a full disk, at a place that is one.
    (tmp_path / f".m.gguf.{os.getpid()}.partial").symlink_to("/dev/full")
    with open_folder(tiny()) as tensors, pytest.raises(BudgetError, match=r"the disk is full: m\.gguf"):
        write_gguf(tiny(), tensors, target, Quantisation.Q8_0)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def write_half(target):
    with publish(target) as partial:
        partial.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

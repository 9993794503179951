from __future__ import annotations

import struct

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selftune.bases.gguf_header import DamagedGGUFError, read_gguf_header
from selftune.errors import MissingFileError

pytestmark = pytest.mark.needs("train")

EMPTY_V3 = b"GGUF" + struct.pack("<IQQ", 3, 0, 0)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("gguf") / "small.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_uint32("llama.block_count", 7)
    writer.add_float32("llama.rope.freq_base", 10000.0)
    writer.add_bool("tokenizer.ggml.add_bos_token", False)
    writer.add_array("tokenizer.ggml.tokens", ["a", "b\u00e9", "c"])
    writer.add_array("tokenizer.ggml.token_type", [1, 3, 1])
    writer.add_tensor("plain", np.arange(12, dtype=np.float32).reshape(3, 4))
    writer.add_tensor("blocks", np.zeros((2, 34), dtype=np.uint8), raw_dtype=GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def read_bytes(folder, data):
    path = folder / "mutant.gguf"
    path.write_bytes(data)
    return read_gguf_header(path)


def test_keys_and_tensors_are_those_that_were_written(small):
    header = read_gguf_header(small)
    assert header.version == 3
    assert header.text("general.architecture") == "llama"
    assert header.number("llama.block_count") == 7
    assert header.metadata["tokenizer.ggml.add_bos_token"] is False
    assert header.metadata["tokenizer.ggml.tokens"] == ("a", "b\u00e9", "c")
    plain, blocks = header.tensors
    assert (plain.name, plain.shape, plain.type, plain.size_bytes) == ("plain", (3, 4), "F32", 48)
    assert (blocks.shape, blocks.type, blocks.size_bytes) == ((2, 32), "Q8_0", 68)
    data = small.read_bytes()
    assert np.frombuffer(data, "<f4", 12, plain.offset).tolist() == list(range(12))


def test_value_of_another_type_is_damage_not_a_default(small):
    header = read_gguf_header(small)
    assert header.text("no.such.key") is None
    with pytest.raises(DamagedGGUFError, match="no text"):
        header.text("llama.block_count")
    with pytest.raises(DamagedGGUFError, match="no whole number"):
        header.number("tokenizer.ggml.add_bos_token")


def test_missing_file_is_missing_not_damaged(tmp_path):
    with pytest.raises(MissingFileError):
        read_gguf_header(tmp_path / "none.gguf")


def test_every_cut_is_damage(small, tmp_path):
    data = small.read_bytes()
    for length in range(len(data) - 1):
        if length >= len(data) - 28:
            break  # what is cut there is padding after the last tensor
        with pytest.raises(DamagedGGUFError):
            read_bytes(tmp_path, data[:length])


@settings(max_examples=400, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_mutant_is_read_or_refused_and_never_crashes(small, tmp_path, data):
    mutant = bytearray(small.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(mutant) - 1))
        width = data.draw(st.sampled_from([1, 4, 8]))
        mutant[place : place + width] = data.draw(st.binary(min_size=width, max_size=width))
    try:
        header = read_bytes(tmp_path, bytes(mutant))
    except DamagedGGUFError:
        return
    for tensor in header.tensors:
        assert 0 <= tensor.offset <= tensor.offset + tensor.size_bytes <= len(mutant)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "does not begin"),
        (b"GGML" + bytes(100), "does not begin"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "version"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**40, 0), "tensors, more than"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63), "keys, more than"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**62), "bytes in one text"),
        (EMPTY_V3[:-8] + struct.pack("<QQ", 1, 1) + b"k" + struct.pack("<IIQ", 9, 4, 2**60), "elements"),
        (EMPTY_V3[:-8] + struct.pack("<QQ", 1, 1) + b"k" + struct.pack("<IIQ", 9, 4, 2**20), "ends at byte"),
        (EMPTY_V3[:-8] + struct.pack("<QQ", 1, 1) + b"k" + struct.pack("<IIQ", 9, 9, 1), "unknown or nested"),
        (EMPTY_V3[:-8] + struct.pack("<QQ", 1, 1) + b"\xff" + struct.pack("<IB", 7, 1), "not UTF-8"),
        (EMPTY_V3[:-8] + struct.pack("<QQ", 1, 1) + b"k" + struct.pack("<IB", 7, 2), "neither 0 nor 1"),
    ],
)
def test_each_kind_of_damage_is_named(tmp_path, data, why):
    with pytest.raises(DamagedGGUFError, match=why):
        read_bytes(tmp_path, data)


def one_tensor(*, dims=(4,), kind=0, offset=0, tail=64):
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 0)
    info = struct.pack("<Q", 1) + b"t" + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)
    return (head + info).ljust(-(-len(head + info) // 32) * 32, b"\x00") + bytes(tail)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (one_tensor(offset=32, tail=32), "outside the file"),
        (one_tensor(offset=2**63, tail=64), "outside the file"),
        (one_tensor(offset=8), "outside the file or on another"),
        (one_tensor(kind=8), "can't be Q8_0"),
        (one_tensor(kind=99), "unknown type 99"),
        (one_tensor(dims=(0,)), "can't be F32"),
        (one_tensor(dims=()), "can't be F32"),
        (one_tensor(dims=(2**39, 2**39)), "can't be F32"),
        (one_tensor(dims=(1, 1, 1, 1, 1)), "dimensions"),
    ],
)
def test_tensor_that_can_not_be_is_damage(tmp_path, data, why):
    assert read_bytes(tmp_path, one_tensor()).tensors[0].shape == (4,)
    with pytest.raises(DamagedGGUFError, match=why):
        read_bytes(tmp_path, data)

from __future__ import annotations

import pytest

from selftune.bases.gguf_header import DamagedGGUFError, read_gguf_header
from selftune.bases.gguf_reader import UnsupportedGGUFError, gguf_to_hf_folder
from selftune.bases.pretokenizers import UnsupportedTokenizerError
from selftune.builds.gguf_writer import write_gguf
from selftune.builds.parity import BATTERY
from selftune.builds.tensor_types import Quantisation
from selftune.builds.tensors import open_folder
from selftune.builds.tiny import MARKED, PREPENDED, make_tiny_model
from selftune.context import Progress

# ruff: noqa: E501 - a table of bytes, one case a line
pytestmark = pytest.mark.needs("train")


LLAMA3 = (
    ("rope_type", "llama3"),
    ("rope_theta", 500000.0),
    ("factor", 32.0),
    ("low_freq_factor", 1.0),
    ("high_freq_factor", 4.0),
    ("original_max_position_embeddings", 8192),
)


def to_gguf(folder, target, quantisation=Quantisation.F32):
    with open_folder(folder) as tensors:
        write_gguf(folder, tensors, target, quantisation)
    return target


@pytest.mark.parametrize(
    "options",
    [
        {"family": "llama", "pre": "gpt-2"},
        {"family": "llama", "pre": "smollm", "tied": False},
        {"family": "llama", "pre": "llama-bpe", "rope": LLAMA3},
        {"family": "llama", "pre": "gpt-2", "rope": (("rope_type", "linear"), ("factor", 4.0))},
        {"family": "llama", "pre": PREPENDED, "tied": False},
        {"family": "llama", "pre": MARKED, "tied": False},
        {"family": "qwen2", "pre": "qwen2", "tied": False},
        {"family": "qwen3", "pre": "llama-bpe"},
    ],
)
def test_there_and_back_is_the_same_model(tmp_path, options):
    import torch
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    folder = make_tiny_model(tmp_path / "there", **options)
    back = tmp_path / "back"
    heard = list[Progress]()
    gguf_to_hf_folder(to_gguf(folder, tmp_path / "m.gguf"), back, heard.append)
    assert {one.total for one in heard} == {heard[-1].done}
    assert [one.done for one in heard] == sorted({one.done for one in heard})
    before, after = (AutoModelForCausalLM.from_pretrained(f, dtype=torch.float32) for f in (folder, back))
    weights = before.state_dict()
    assert weights.keys() == after.state_dict().keys()
    assert all(torch.equal(weights[name], tensor) for name, tensor in after.state_dict().items())
    tokens = torch.tensor([[5, 9, 17, 33, 65]])
    assert torch.equal(before(tokens).logits, after(tokens).logits)
    assert torch.equal(before.model.rotary_emb.inv_freq, after.model.rotary_emb.inv_freq)
    ours, theirs = (PreTrainedTokenizerFast.from_pretrained(f) for f in (folder, back))
    texts = [ours.bos_token + text for text in BATTERY]
    cut = [[t(text, add_special_tokens=False)["input_ids"] for text in texts] for t in (ours, theirs)]
    assert cut[0] == cut[1]
    assert [ours.decode(ids[1:]) for ids in cut[0]] == [theirs.decode(ids[1:]) for ids in cut[1]]
    roles = [(t.bos_token, t.eos_token, t.pad_token) for t in (ours, theirs)]
    assert roles[0] == roles[1]
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}]
    rendered = [t.apply_chat_template(messages, tokenize=False) for t in (ours, theirs)]
    assert rendered[0] == rendered[1]


@pytest.mark.parametrize("quantisation", [Quantisation.Q8_0, Quantisation.Q4_K_M])
def test_quantised_file_comes_back_as_f16_near_the_original(tmp_path, quantisation):
    from safetensors.torch import load_file

    folder = make_tiny_model(tmp_path / "there")
    back = tmp_path / "back"
    gguf_to_hf_folder(to_gguf(folder, tmp_path / "m.gguf", quantisation), back)
    before, after = (load_file(f / "model.safetensors") for f in (folder, back))
    name = "model.layers.0.self_attn.q_proj.weight"
    assert str(after[name].dtype) == "torch.float16"
    spread = before[name].std()
    assert 0 < (before[name] - after[name].float()).abs().mean() < 0.1 * spread


def test_written_again_it_is_the_same_file(tmp_path):
    folder = make_tiny_model(tmp_path / "there")
    first = to_gguf(folder, tmp_path / "first.gguf", Quantisation.F16)
    gguf_to_hf_folder(first, tmp_path / "back")
    second = to_gguf(tmp_path / "back", tmp_path / "second.gguf", Quantisation.F16)
    ours, theirs = (path.read_bytes() for path in (first, second))
    assert len(ours) == pytest.approx(len(theirs), abs=64)  # the training tags of the template are gone
    assert ours[-100_000:] == theirs[-100_000:]


def renamed(path, old, new):
    """A key or name of the file replaced by one of the same length."""
    assert len(old) == len(new)
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    return path


@pytest.fixture
def gguf(tmp_path):
    return to_gguf(make_tiny_model(tmp_path / "there"), tmp_path / "m.gguf")


@pytest.mark.parametrize(
    ("old", "new", "error", "why"),
    [
        (b"blk.1.ffn_up.weight", b"blk.1.ffn_up.wEight", UnsupportedGGUFError, "has no place"),
        (b"blk.1.ffn_up.weight", b"blk.9.ffn_up.weight", DamagedGGUFError, "are missing"),
        (b"\x05\x00\x00\x00\x00\x00\x00\x00llama", b"\x05\x00\x00\x00\x00\x00\x00\x00mamba", UnsupportedGGUFError, "mamba"),
        (b"llama.block_count", b"llama.block_cOunt", DamagedGGUFError, "block_count is None"),
        (b"\x05\x00\x00\x00\x00\x00\x00\x00gpt-2", b"\x05\x00\x00\x00\x00\x00\x00\x00gpt-9", UnsupportedTokenizerError, "gpt-9"),
        (b"\x04\x00\x00\x00\x00\x00\x00\x00gpt2", b"\x04\x00\x00\x00\x00\x00\x00\x00bert", UnsupportedTokenizerError, "bert"),
        (b"tokenizer.ggml.eos_token_id", b"tokenizer.ggml.eoz_token_id", DamagedGGUFError, "no end token"),
    ],
)  # fmt: skip
def test_what_can_not_be_rebuilt_is_refused_by_name(gguf, tmp_path, old, new, error, why):
    with pytest.raises(error, match=why):
        gguf_to_hf_folder(renamed(gguf, old, new), tmp_path / "back")


def test_positions_stretched_in_a_way_of_their_own_are_refused(tmp_path):
    stretched = dict(LLAMA3) | {"original_max_position_embeddings": 64}
    folder = make_tiny_model(tmp_path / "there", pre="llama-bpe", rope=tuple(stretched.items()))
    with pytest.raises(UnsupportedGGUFError, match="not Llama 3's"):
        gguf_to_hf_folder(to_gguf(folder, tmp_path / "m.gguf"), tmp_path / "back")


def test_pieces_whose_scores_give_no_order_are_refused(tmp_path):
    folder = make_tiny_model(tmp_path / "there", pre=PREPENDED, tied=False)
    path = to_gguf(folder, tmp_path / "m.gguf")
    data = bytearray(path.read_bytes())
    scores = data.index(b"tokenizer.ggml.scores") + len(b"tokenizer.ggml.scores") + 16  # type, element type, count
    tokens = len(read_gguf_header(path).metadata["tokenizer.ggml.scores"])
    data[scores : scores + 4 * tokens] = bytes(4 * tokens)
    path.write_bytes(data)
    with pytest.raises(UnsupportedTokenizerError, match="two of its tokens have one score"):
        gguf_to_hf_folder(path, tmp_path / "back")

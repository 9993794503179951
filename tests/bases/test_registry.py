"""Bases by name: added once, pinned, refused when changed, checked from headers alone."""

from __future__ import annotations

import json
import struct
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from selftune.bases.base import Found
from selftune.bases.registry import add_base, check_base, known_bases, resolve_base, source_for
from selftune.bases.shape import read_header, read_shape
from selftune.context import Progress
from selftune.errors import DamagedFileError, MissingFileError, UnknownNameError, UsageError

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "num_hidden_layers": 1,
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_attention_heads": 2,
    "vocab_size": 32,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
LAYER = {
    **{f"self_attn.{side}_proj": (8, 8) for side in "qkvo"},
    **{f"mlp.{side}_proj": (16, 8) for side in ("gate", "up")},
    "mlp.down_proj": (8, 16),
    "input_layernorm": (8,),
    "post_attention_layernorm": (8,),
}
NORMS = {"self_attn.q_norm": (4,), "self_attn.k_norm": (4,)}
TOKENIZER = {
    "model": {"type": "BPE", "vocab": {}, "merges": []},
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
}


def write_safetensors(path: Path, tensors: dict[str, tuple[int, ...]], dtype: str = "F32") -> None:
    header: dict[str, Any] = {}
    end = 0
    for name, shape in tensors.items():
        size = 4
        for length in shape:
            size *= length
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    raw = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(end))


def write_folder(folder: Path, *, config: dict[str, Any] | None = None, dtype: str = "F32") -> Path:
    folder.mkdir(parents=True)
    inside = LAYER | (NORMS if (config or {}).get("model_type") == "qwen3" else {})
    tensors: dict[str, tuple[int, ...]] = {f"model.layers.0.{name}.weight": size for name, size in inside.items()}
    tensors |= {"model.embed_tokens.weight": (32, 8), "model.norm.weight": (8,)}
    write_safetensors(folder / "model.safetensors", tensors, dtype)
    (folder / "config.json").write_text(json.dumps(CONFIG | (config or {})))
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    (folder / "tokenizer_config.json").write_text("{}")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "models" / "small-llama")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


class Baked:
    """A source that makes the files itself, as a GGUF does, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def fetch(self, name: str, folder: Path) -> Found:
        self.asked += 1
        folder.rmdir()
        return Found(name=name, folder=write_folder(folder), source="baked", licence="MIT")


def test_the_reference_base_needs_no_adding_and_wakes_no_torch(home: Path) -> None:
    base, place = resolve_base("reference", home)
    assert (base.name, base.architecture, base.licence) == ("reference", "llama", "Apache-2.0")
    assert (place / "model.safetensors").is_file()
    assert base.digest == resolve_base("reference", home)[0].digest


def test_importing_the_registry_wakes_no_torch() -> None:
    import subprocess

    heavy = ("torch", "transformers", "numpy")
    code = f"import sys, selftune.bases.registry; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_folder_is_used_where_it_lies_and_found_again_by_its_name(folder: Path, home: Path) -> None:
    heard = list[Progress]()
    added = add_base(str(folder), home, told=heard.append)
    size = sum(file.size_bytes for file in added.files)
    assert heard[-1] == Progress(done=size, total=size, note="pinning")
    assert len(heard) >= len(added.files)
    base, place = resolve_base("small-llama", home)
    assert base == added
    assert place == folder
    assert base.parameters == 4 * 64 + 3 * 128 + 2 * 8 + 32 * 8 + 8
    assert {file.name for file in base.files} == {
        "model.safetensors",
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
    }
    assert known_bases(home) == ("reference", "small-llama")


@pytest.mark.parametrize("name", ["model.safetensors", "chat_template.jinja", "tokenizer.json"])
def test_a_file_that_changed_after_adding_is_refused_by_name(name: str, folder: Path, home: Path) -> None:
    add_base(str(folder), home)
    changed = bytearray((folder / name).read_bytes())
    changed[-1] ^= 1
    (folder / name).write_bytes(changed)
    with pytest.raises(DamagedFileError, match=name):
        resolve_base("small-llama", home)


def test_a_file_that_appeared_after_adding_is_refused_too(folder: Path, home: Path) -> None:
    add_base(str(folder), home)
    (folder / "generation_config.json").write_text("{}")
    with pytest.raises(DamagedFileError, match="generation_config"):
        resolve_base("small-llama", home)


def test_a_base_that_changed_can_be_taken_again_on_purpose(folder: Path, home: Path) -> None:
    before = add_base(str(folder), home)
    (folder / "chat_template.jinja").write_text("{{ bos_token }}{{ messages }}")
    after = add_base(str(folder), home, again=True)
    assert after.digest != before.digest
    assert resolve_base("small-llama", home)[0] == after


def test_what_a_source_makes_lies_in_the_users_data_folder_and_is_made_once(home: Path) -> None:
    source = Baked()
    add_base("baked", home, source=source)
    add_base("baked", home, source=source)
    base, place = resolve_base("baked", home)
    assert source.asked == 1
    assert place.is_relative_to(home)
    assert base.source == "baked"


def test_a_source_that_fails_leaves_nothing_behind_that_could_be_taken_for_a_base(home: Path) -> None:
    class Broken:
        def fetch(self, name: str, folder: Path) -> Found:
            (folder / "half").write_text("x")
            raise MissingFileError("gone.", next_step="Try again.")

    with pytest.raises(MissingFileError):
        add_base("baked", home, source=Broken())
    with pytest.raises(UnknownNameError):
        resolve_base("baked", home)
    assert add_base("baked", home, source=Baked()).name == "baked"


def test_two_folders_of_one_name_are_kept_apart(folder: Path, tmp_path: Path, home: Path) -> None:
    add_base(str(folder), home)
    with pytest.raises(UsageError, match="another base is called 'small-llama'"):
        add_base(str(write_folder(tmp_path / "elsewhere" / "small-llama")), home)


def test_nobody_elses_weights_can_take_the_name_of_a_base_of_ours(tmp_path: Path, home: Path) -> None:
    with pytest.raises(UsageError, match="a base of our own"):
        add_base(str(write_folder(tmp_path / "reference")), home)


def test_a_folder_that_went_away_is_named(folder: Path, home: Path) -> None:
    add_base(str(folder), home)
    folder.rename(folder.with_name("moved"))
    with pytest.raises(MissingFileError, match="which is gone"):
        resolve_base("small-llama", home)


def test_pickled_weights_are_refused_unopened(folder: Path, home: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    with pytest.raises(UsageError, match=r"pytorch_model\.bin"):
        add_base(str(folder), home)


def test_unknown_names_get_the_nearest_one_and_the_hub_is_not_asked_unbidden(home: Path) -> None:
    with pytest.raises(UnknownNameError) as refused:
        add_base("smolm2", home)
    assert "smollm2" in refused.value.next_step
    with pytest.raises(UsageError) as refusal:
        source_for("someone/some-model", online=False)
    assert "--online" in refusal.value.next_step
    with pytest.raises(UsageError) as missing:
        resolve_base("smollm2", home)
    assert "base add smollm2" in missing.value.next_step


@pytest.mark.parametrize("cut", [0, 4, 40, -1])
def test_weights_that_were_cut_short_are_found_in_the_header(cut: int, folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:cut])
    with pytest.raises(DamagedFileError):
        read_header(folder / "model.safetensors")


@pytest.mark.parametrize(
    "raw", [b"[]", b'{"a": 1}', b'{"a": {"dtype": "F32"}}', b"\xff\xfe", b'{"__metadata__": 3, "b": []}']
)
def test_a_header_of_another_shape_is_damaged_and_not_a_crash(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", len(raw)) + raw)
    with pytest.raises(DamagedFileError):
        read_header(tmp_path / "m.safetensors")


def test_the_shape_of_the_reference_is_what_its_headers_say() -> None:
    shape = read_shape(resolve_base("reference")[1])
    assert (shape.layers, shape.hidden, shape.vocabulary) == (4, 256, 1024)
    assert len(shape.linears("q_proj")) == 4


def test_a_check_says_in_seconds_that_a_sound_base_can_be_trained_and_served(home: Path) -> None:
    started = time.monotonic()
    report = check_base("reference", home)
    assert time.monotonic() - started < 5
    assert report.trainable
    assert report.servable
    assert report.context_length == 1024
    assert 0 < report.training_bytes < 2_000_000_000


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"model_type": "mamba"}, "architecture 'mamba' is none of llama, mistral, qwen2, qwen3, gemma3_text"),
        ({"model_type": "mixtral"}, "mixture of experts"),
        ({"model_type": "phi3"}, "fused QKV"),
        ({"model_type": "gemma2"}, "take turns between a sliding window and everything"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 8.0}}, "stretches its positions by 'yarn'"),
        ({"sliding_window": 16}, "looks back 16 tokens"),
    ],
)
def test_a_check_says_why_a_base_can_not_be_served(
    config: dict[str, Any], reason: str, tmp_path: Path, home: Path
) -> None:
    report = check_base(str(write_folder(tmp_path / "odd", config=config)), home)
    assert not report.servable
    assert reason in " ".join(report.against_serving)


@pytest.mark.parametrize(
    "config",
    [
        {"rope_scaling": LLAMA3},
        {"sliding_window": 64},  # the whole context
        {"sliding_window": 16, "use_sliding_window": False},
        {"model_type": "mistral", "sliding_window": None},
    ],
)
def test_what_can_be_written_is_not_objected_to(config: dict[str, Any], tmp_path: Path, home: Path) -> None:
    assert check_base(str(write_folder(tmp_path / "plain", config=config)), home).servable


def test_a_check_notes_what_stands_in_the_way_of_neither_and_says_what_to_do_next(tmp_path: Path, home: Path) -> None:
    thinks = write_folder(tmp_path / "thinks", config={"model_type": "qwen3"})
    (thinks / "chat_template.jinja").write_text("<think>{{ messages[0].reasoning_content }}</think>")
    report = check_base(str(thinks), home)
    assert report.servable
    assert report.next_step == ""
    assert report.notes == ("it thinks before it answers: answers without reasoning would train that away",)
    windowed = check_base(str(write_folder(tmp_path / "windowed", config={"sliding_window": 16})), home)
    assert windowed.trainable
    assert "look back 16 tokens" in windowed.notes[0]
    assert "Choose an instruct model" in windowed.next_step


def test_a_vision_language_model_is_named_before_its_sizes_are_missed(tmp_path: Path, home: Path) -> None:
    folder = write_folder(tmp_path / "sees", config={"model_type": "gemma3", "vision_config": {"hidden_size": 4}})
    for look in (check_base, add_base):
        with pytest.raises(UsageError, match="vision-language") as refused:
            look(str(folder), home)
        assert "text-only" in refused.value.next_step


def test_a_check_finds_a_missing_template_a_strange_tokenizer_and_quantised_weights(tmp_path: Path, home: Path) -> None:
    odd = write_folder(tmp_path / "odd", dtype="I32")
    (odd / "chat_template.jinja").unlink()
    (odd / "tokenizer.json").write_text(json.dumps({"model": {"type": "Unigram"}}))
    report = check_base(str(odd), home)
    assert "chat template" in report.against_training[0]
    assert any("stored as I32" in reason for reason in report.against_training)
    assert any("Unigram, not BPE" in reason for reason in report.against_serving)


def test_a_check_compares_the_estimate_with_the_memory_that_is_free(tmp_path: Path, home: Path) -> None:
    report = check_base(str(write_folder(tmp_path / "huge", config={"num_hidden_layers": 10**9})), home)
    assert any("GB are free" in reason for reason in report.against_training)

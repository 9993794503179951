"""Files of a base that are corrupt, cut short or written to do harm: each is reported or ends in an error by name."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selftune.bases.registry import add_base, check_base
from selftune.bases.shape import read_header
from selftune.bases.tokenizer_file import read_tokenizer_file
from selftune.errors import DamagedFileError, SelftuneError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "num_hidden_layers": 1,
    "hidden_size": 2,
    "intermediate_size": 2,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "head_dim": 2,
    "vocab_size": 4,
    "max_position_embeddings": 64,
    "sliding_window": None,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4},
    "eos_token_id": 2,
    "tie_word_embeddings": True,
}
TOKENIZER: dict[str, Any] = {
    "added_tokens": [{"id": 2, "content": "</s>", "special": True}],
    "normalizer": None,
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 3}, "merges": [["a", "b"]], "ignore_merges": False},
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "</s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "special_tokens": {"</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}},
    },
}
TENSORS: dict[str, Any] = {
    "model.embed_tokens.weight": {"dtype": "F32", "shape": [4, 2], "data_offsets": [0, 32]},
    "model.norm.weight": {"dtype": "F16", "shape": [2], "data_offsets": [32, 36]},
}
SQUARE = (*(f"self_attn.{side}_proj" for side in "qkvo"), *(f"mlp.{side}_proj" for side in ("gate", "up", "down")))
LAYER: dict[str, Any] = {
    **{
        f"model.layers.0.{name}.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [36 + at, 52 + at]}
        for at, name in zip(range(0, 112, 16), SQUARE, strict=True)
    },
    "model.layers.0.input_layernorm.weight": {"dtype": "F32", "shape": [2], "data_offsets": [148, 156]},
    "model.layers.0.post_attention_layernorm.weight": {"dtype": "F32", "shape": [2], "data_offsets": [156, 164]},
}
NUMBERS = st.integers(-3, 3) | st.sampled_from([2**63, -(2**70), 10**400, 0.5, float("nan")])
TABLES = st.dictionaries(st.text(max_size=2), st.none(), max_size=1)
ODD = st.none() | st.booleans() | NUMBERS | st.text(max_size=3) | st.lists(st.integers(-1, 2), max_size=2) | TABLES
REFUSALS = {0, 2, 8}  # it passed, it is wrong, it is damaged


def exit_code_of(*steps: Callable[[], object]) -> int:
    """What the command line would end with after these steps; whatever is no error of ours is a crash."""
    try:
        for step in steps:
            step()
    except SelftuneError as error:
        return error.exit_code
    return 0


def write_weights(path: Path, header: object, size: int = 36) -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(size))
    return path


def write_base(folder: Path, **bodies: Any) -> Path:
    folder.mkdir(exist_ok=True)
    tensors = bodies.get("tensors", TENSORS)
    write_weights(folder / "model.safetensors", tensors | LAYER if isinstance(tensors, dict) else tensors, 164)
    (folder / "config.json").write_text(json.dumps(bodies.get("config", CONFIG)))
    (folder / "tokenizer.json").write_text(json.dumps(bodies.get("tokenizer", TOKENIZER)))
    (folder / "tokenizer_config.json").write_text("{}")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder


def places_in(body: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in a JSON body."""
    inside = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    return [path, *(place for key, value in inside for place in places_in(value, (*path, key)))]


def with_odd(body: Any, place: tuple[Any, ...], odd: object) -> Any:
    """The body with the value at a place replaced."""
    if not place:
        return odd
    copy = dict(body) if isinstance(body, dict) else list(body)
    copy[place[0]] = with_odd(body[place[0]], place[1:], odd)
    return copy


def test_the_files_that_are_spoilt_below_are_sound(tmp_path: Path) -> None:
    assert check_base(str(write_base(tmp_path / "base")), tmp_path).servable
    assert add_base(str(tmp_path / "base"), tmp_path / "home").parameters == 10 + 7 * 4 + 2 * 2


@pytest.mark.parametrize("name", ["config", "tokenizer", "tensors"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_odd_value_anywhere_is_reported_or_refused_and_never_a_crash(name: str, data: Any, tmp_path: Path) -> None:
    body = {"config": CONFIG, "tokenizer": TOKENIZER, "tensors": TENSORS}[name]
    place = data.draw(st.sampled_from(places_in(body)))
    folder = write_base(tmp_path / "base", **{name: with_odd(body, place, data.draw(ODD))})
    assert exit_code_of(lambda: check_base(str(folder), tmp_path / "home")) in REFUSALS
    assert exit_code_of(lambda: add_base(str(folder), tmp_path / "home")) in REFUSALS


@pytest.mark.needs("train")
@pytest.mark.parametrize("name", ["config", "tokenizer"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_the_check_lets_pass_the_writer_can_read(name: str, data: Any, tmp_path: Path) -> None:
    from selftune.bases.shape import read_json
    from selftune.builds.architecture import read_architecture
    from selftune.builds.gguf_tokenizer import read_tokenizer

    body = {"config": CONFIG, "tokenizer": TOKENIZER}[name]
    place = data.draw(st.sampled_from(places_in(body)))
    folder = write_base(tmp_path / "base", **{name: with_odd(body, place, data.draw(ODD))})
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "</s>", "bos_token": {"content": "</s>"}}))
    config = folder / "config.json"
    assert exit_code_of(lambda: read_architecture(read_json(config)), lambda: read_tokenizer(folder, 32)) in REFUSALS


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mutant_of_the_weights_is_read_or_damaged(data: Any, tmp_path: Path) -> None:
    path = write_weights(tmp_path / "m.safetensors", TENSORS)
    mutant = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(mutant) - 1))
    mutant[place : place + 2] = data.draw(st.binary(max_size=4))
    path.write_bytes(mutant)
    try:
        tensors = read_header(path)
    except DamagedFileError:
        return
    assert all(tensor.size >= 0 for tensor in tensors)


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 100_000,
        {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 36]}},  # more bytes than the shape asks for
        {"a": {"dtype": "F32", "shape": [-9], "data_offsets": [0, 36]}},
        {"a": {"dtype": "F32", "shape": [9], "data_offsets": ["0", "36"]}},
        {n: {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]} for n in "ab"},  # one on the other
        {"a": {"dtype": "F32", "shape": [5], "data_offsets": [16, 36]}},  # bytes that belong to no tensor
    ],
)
def test_weights_whose_header_can_not_be_true_are_damaged(header: object, tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError):
        read_header(write_weights(tmp_path / "m.safetensors", header))


def test_json_that_is_nested_without_end_is_damaged(tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json"):
        folder = write_base(tmp_path / "base")
        (folder / name).write_text('{"a":' * 100_000)
        with pytest.raises(DamagedFileError, match=name):
            check_base(str(folder), tmp_path)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"vocab": {"a": 0, "b": 0}}, "vocab"),
        ({"vocab": {"a": 10**12}}, "vocab"),  # as many rows would fill the memory
        ({"merges": [["a", "b", "c"]]}, "merges"),
        ({"merges": ["ab"]}, "merges"),
        ({"merges": None}, "merges"),
    ],
)
def test_a_tokenizer_that_is_none_is_damaged_and_its_part_named(
    change: dict[str, Any], part: str, tmp_path: Path
) -> None:
    folder = write_base(tmp_path / "base", tokenizer=TOKENIZER | {"model": TOKENIZER["model"] | change})
    with pytest.raises(DamagedFileError, match=part):
        read_tokenizer_file(folder)
    with pytest.raises(DamagedFileError, match=part):
        add_base(str(folder), tmp_path / "home")

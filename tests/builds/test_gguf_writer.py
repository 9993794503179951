from __future__ import annotations

import json
import shutil

import pytest

from selftune.bases.gguf_header import read_gguf_header
from selftune.bases.pretokenizers import UnsupportedTokenizerError
from selftune.builds.architecture import UnsupportedModelError
from selftune.builds.chat_template import without_generation_tags
from selftune.builds.gguf_writer import write_gguf
from selftune.builds.parity import compare_template, compare_tokens
from selftune.builds.tensor_types import Quantisation
from selftune.builds.tensors import open_folder
from selftune.builds.tiny import PREPENDED
from selftune.serving.llama_cpp import run_server
from selftune.serving.ordering import Order

pytestmark = [pytest.mark.needs("train"), pytest.mark.needs("serve")]


def set_apart(tokenizer):
    """Of a token that can be made in two ways, one is moved to the end of the merges."""
    merges = tokenizer["model"]["merges"]
    made = ["".join(pair) for pair in merges]
    place = next(place for place, token in enumerate(made) if made.count(token) > 1 and token != made[-1])
    merges.append(merges.pop(place))


ALWAYS = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": False}


def write(folder, target, quantisation=Quantisation.F32):
    with open_folder(folder) as tensors:
        write_gguf(folder, tensors, target, quantisation)
    return target


@pytest.fixture
def edit(tiny, tmp_path):
    """A copy of the tiny model with a JSON file changed by a function."""

    def make(name, change, **options):
        folder = shutil.copytree(tiny(**options), tmp_path / "edited")
        body = json.loads((folder / name).read_text())
        change(body)
        (folder / name).write_text(json.dumps(body))
        return folder

    return make


def test_wrong_pre_tokenizer_is_seen_by_the_token_battery(tiny, tmp_path):
    model = write(tiny(pre="smollm"), tmp_path / "m.gguf")
    other = tiny(pre="qwen2")
    with run_server(Order(model=str(model), context_tokens=256), tmp_path / "log") as server:
        assert not compare_tokens(server.client, other).passed


def test_another_template_is_seen_by_the_challenge(edit, tiny, tmp_path):
    model = write(tiny(), tmp_path / "m.gguf")
    other = edit("tokenizer_config.json", lambda body: None)
    template = (other / "chat_template.jinja").read_text()
    (other / "chat_template.jinja").write_text(template.replace("assistant\n'", "assistant\n\n'"))
    with run_server(Order(model=str(model), context_tokens=256), tmp_path / "log") as server:
        assert compare_template(server.client, tiny()).measured == 1.0
        assert compare_template(server.client, other).measured == 0.0


def test_key_that_keeps_llama_cpp_from_prepending_a_token_is_always_written(tiny, tmp_path):
    header = read_gguf_header(write(tiny(), tmp_path / "m.gguf"))
    assert header.metadata["tokenizer.ggml.add_bos_token"] is False
    assert header.number("tokenizer.ggml.bos_token_id") == 1
    assert header.metadata["tokenizer.ggml.tokens"][-1].startswith("[PAD")
    assert header.metadata["tokenizer.ggml.token_type"][-3:] == (5, 5, 5)


def test_tied_head_is_stored_once(tiny, tmp_path):
    names = {tensor.name for tensor in read_gguf_header(write(tiny(tied=True), tmp_path / "t.gguf")).tensors}
    assert "output.weight" not in names
    names = {tensor.name for tensor in read_gguf_header(write(tiny(tied=False), tmp_path / "u.gguf")).tensors}
    assert "output.weight" in names


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"model_type": "gemma2"}, "'gemma2' is none of .* take turns between a sliding window"),
        ({"model_type": "phi3"}, "fused QKV"),
        ({"model_type": "mixtral"}, "mixture of experts"),
        ({"model_type": "mamba"}, "architecture 'mamba' is none of llama, mistral, qwen2, qwen3, gemma3_text;?"),
        ({"vision_config": {}}, "vision-language"),
        ({"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e5}}, "'llama3' positions lack numbers"),
        ({"rope_parameters": None, "rope_scaling": {"type": "yarn", "factor": 2}}, "stretches its positions by 'yarn'"),
        ({"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}}, "a part of each head"),
        ({"sliding_window": 256}, "sliding window: it looks back 256 tokens"),
        ({"mlp_bias": True}, "feed-forward layers have biases"),
        ({"hidden_act": "gelu"}, "'gelu'"),
        ({"quantization_config": {}}, "quantised already"),
        ({"num_local_experts": 8}, "mixture of experts"),
    ],
)
def test_model_that_has_no_exact_place_is_refused_by_name(edit, tmp_path, change, why):
    folder = edit("config.json", lambda body: body.update(change))
    with pytest.raises(UnsupportedModelError, match=why):
        write(folder, tmp_path / "m.gguf")
    assert not list(tmp_path.glob("*.gguf"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda body: body["model"].update(byte_fallback=True), "spaces are marked .* no token for every byte"),
        (lambda body: body["model"].update(type="Unigram"), "Unigram, not BPE"),
        (lambda body: body.update(pre_tokenizer={"type": "Whitespace"}), "Whitespace"),
        (lambda body: body.update(normalizer={"type": "Lowercase"}), "normalizer Lowercase"),
        (lambda body: body["model"].update(ignore_merges=True), "ignore_merges True"),
        (lambda body: body["added_tokens"].append({"id": 9999, "content": "x", "special": True}), "token 9999"),
    ],
)
def test_tokenizer_that_has_no_exact_place_is_refused_by_name(edit, tmp_path, change, why):
    with pytest.raises(UnsupportedTokenizerError, match=why):
        write(edit("tokenizer.json", change), tmp_path / "m.gguf")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda body: body["model"]["merges"].pop(), "tokens could be made in ways that its merges leave out"),
        (set_apart, "stand apart"),
        (lambda body: body["model"]["vocab"].pop("<0x41>"), "no token for every byte"),
        (lambda body: body["model"].update(ignore_merges=True), "whole words"),
        (lambda body: body.update(normalizer={"type": "NFKC"}), "spaces are marked"),
        (lambda body: body.update(normalizer=None, pre_tokenizer=ALWAYS), "spaces are marked"),
    ],
)
def test_pieces_that_no_score_would_join_alike_are_refused_by_name(edit, tmp_path, change, why):
    with pytest.raises(UnsupportedTokenizerError, match=why):
        write(edit("tokenizer.json", change, pre=PREPENDED), tmp_path / "m.gguf")


def test_failed_write_leaves_what_was_there(edit, tiny, tmp_path):
    target = tmp_path / "m.gguf"
    write(tiny(), target)
    before = target.read_bytes()

    class Breaks:
        def __init__(self, tensors):
            self._tensors = tensors

        def shapes(self):
            return self._tensors.shapes()

        def rows(self, name):
            def fail(first, last):
                raise ZeroDivisionError(name, first, last)

            return fail

    with open_folder(tiny()) as tensors, pytest.raises(ZeroDivisionError):
        write_gguf(tiny(), Breaks(tensors), target, Quantisation.F16)
    assert target.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


def test_training_tags_vanish_and_the_text_stays():
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    template = "a\n  {%- generation -%}\n b {{ x }} \n{% endgeneration %}\n c\n"
    plain = without_generation_tags(template)
    assert "generation" not in plain
    render = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string
    assert render(plain).render(x=1) == "ab 1 \n c"

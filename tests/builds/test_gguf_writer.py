from __future__ import annotations

import json
import shutil

import pytest

from selftune.bases.gguf_header import read_gguf_header
from selftune.bases.pretokenizers import UnsupportedTokenizerError
from selftune.builds.architecture import UnsupportedModelError
from selftune.builds.chat_template import without_generation_tags
from selftune.builds.gguf_writer import write_gguf
from selftune.builds.parity import compare_greedy, compare_template, compare_tokens, stopping_ids
from selftune.builds.reference_model import ReferenceModel
from selftune.builds.tensor_types import Quantisation
from selftune.builds.tensors import open_folder
from selftune.serving.child import Order
from selftune.serving.llama_cpp import run_server

pytestmark = [pytest.mark.needs("train"), pytest.mark.needs("serve")]


def write(folder, target, quantisation=Quantisation.F32):
    with open_folder(folder) as tensors:
        write_gguf(folder, tensors, target, quantisation)
    return target


@pytest.fixture
def edit(tiny, tmp_path):
    """A copy of the tiny model with a JSON file changed by a function."""

    def make(name, change):
        folder = shutil.copytree(tiny(), tmp_path / "edited")
        body = json.loads((folder / name).read_text())
        change(body)
        (folder / name).write_text(json.dumps(body))
        return folder

    return make


@pytest.mark.parametrize(
    ("family", "pre", "tied"),
    [
        ("llama", "smollm", False),
        ("mistral", "llama-bpe", True),
        ("qwen2", "qwen2", True),
        ("qwen3", "qwen2", False),
    ],
)
def test_each_family_answers_as_transformers_does(tiny, tmp_path, family, pre, tied):
    folder = tiny(family=family, pre=pre, tied=tied)
    model = write(folder, tmp_path / "m.gguf")
    reference = ReferenceModel(folder, None, stopping_ids(folder))
    with run_server(Order(model=str(model), context_tokens=256, exact=True), tmp_path / "log") as server:
        figures = [
            compare_tokens(server.client, folder),
            compare_template(server.client, folder),
            compare_greedy(
                server.client, reference.continue_greedily, folder, quantisation=Quantisation.F32, prompts=4
            ),
        ]
    assert [figure.measured for figure in figures] == [1.0, 1.0, 1.0]
    assert all(figure.n >= 3 for figure in figures)


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
        ({"model_type": "gemma3"}, "architecture 'gemma3'"),
        ({"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e5}}, "rope scaling"),
        ({"rope_parameters": None, "rope_scaling": {"type": "linear", "factor": 2}}, "rope scaling"),
        ({"sliding_window": 4096}, "sliding window of 4096"),
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
        (lambda body: body["model"].update(byte_fallback=True), "SentencePiece"),
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


def test_failed_write_leaves_what_was_there(edit, tiny, tmp_path):
    target = tmp_path / "m.gguf"
    write(tiny(), target)
    before = target.read_bytes()

    class Breaks:
        def __init__(self, tensors):
            self._tensors = tensors

        def shapes(self):
            return self._tensors.shapes()

        def read(self, name):
            raise ZeroDivisionError(name)

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

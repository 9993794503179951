"""The families that people run, each a small random model of the true architecture and kind of tokenizer.

For each, what transformers and PEFT say in float32 is what llama.cpp says of our files: token ids on a list of hard
texts, the bytes and ids of a rendered conversation, greedy answers and log-probabilities, with an adapter and without.
"""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager

import pytest

from selftune.bases.gemma import FAMILY as GEMMA
from selftune.bases.gguf_header import read_gguf_header
from selftune.bases.refusals import against_config
from selftune.bases.rope import FREQUENCY_TENSOR
from selftune.bases.shape import read_json
from selftune.builds.adapter import open_adapter
from selftune.builds.architecture import read_architecture
from selftune.builds.gguf_writer import write_gguf
from selftune.builds.lora_gguf import write_lora_gguf
from selftune.builds.parity import BATTERY, compare_greedy, compare_template, compare_tokens, stopping_ids
from selftune.builds.reference_model import ReferenceModel
from selftune.builds.tensor_types import Quantisation
from selftune.builds.tensors import open_folder
from selftune.builds.tiny import MARKED, PREPENDED, TURNS, make_tiny_model
from selftune.records import Example, Message
from selftune.serving.llama_cpp import run_server
from selftune.serving.ordering import Order
from selftune.training.rows import RowMaker, load_tokenizer

pytestmark = [pytest.mark.needs("train"), pytest.mark.needs("serve")]

LLAMA3 = (
    ("rope_type", "llama3"),
    ("rope_theta", 500000.0),
    ("factor", 8.0),
    ("low_freq_factor", 1.0),
    ("high_freq_factor", 4.0),
    ("original_max_position_embeddings", 32),
)
LINEAR = (("rope_type", "linear"), ("factor", 4.0))
FAMILIES = {
    "SmolLM2": {"family": "llama", "pre": "smollm"},
    "Llama 3": {"family": "llama", "pre": "llama-bpe", "bos": True, "rope": LLAMA3, "tied": False},
    "linear": {"family": "llama", "pre": "gpt-2", "rope": LINEAR},
    "Llama 2": {"family": "llama", "pre": PREPENDED, "tied": False},
    "Mistral v0.3": {"family": "mistral", "pre": MARKED, "tied": False},
    "Qwen 2.5": {"family": "qwen2", "pre": "qwen2"},
    "Qwen 3": {"family": "qwen3", "pre": "qwen2", "tied": False},
    "Gemma 3": {"family": "gemma3_text", "pre": TURNS},
}
WORST_NATS = 1e-4
# llama.cpp looks GELU up in half precision: with it in transformers too, 3.6e-4 become 7.1e-5.
GELU_NATS = 1e-3
PROMPT = "The owl told the fox that the river had frozen over in the night. " * 2
OFF = {"lora": [{"id": 0, "scale": 0.0}]}


@contextmanager
def served(folder, root, adapter_folder=None):
    """A server of the folder in float32, with the adapter beside it where there is one."""
    model, beside = root / "model.gguf", root / "adapter.gguf"
    with open_folder(folder) as tensors:
        write_gguf(folder, tensors, model, Quantisation.F32)
    if adapter_folder is not None:
        with open_adapter(adapter_folder) as adapter:
            write_lora_gguf(read_json(folder / "config.json"), adapter, beside)
    order = Order(
        model=str(model), adapter=str(beside) if adapter_folder else None, context_tokens=256, threads=1, exact=True
    )
    with run_server(order, root / "log") as server:
        yield server.client


def furthest(client, model, folder, **fields):
    """The largest difference in nats over the vocabulary of what follows a long prompt."""
    import torch

    tokens = load_tokenizer(folder)(PROMPT, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        ours = torch.log_softmax(model(torch.tensor([tokens])).logits[0, -1].double(), dim=-1)
    letter = load_tokenizer(folder)("a", add_special_tokens=False)["input_ids"][-1]
    # llama.cpp names no probabilities beside an end token; the bias makes it say a letter, they are those before it.
    body = client.complete(tokens, n_predict=1, n_probs=len(ours), logit_bias=[[letter, 1000.0]], **fields)
    theirs = {entry["id"]: entry["logprob"] for entry in body["completion_probabilities"][0]["top_logprobs"]}
    assert len(theirs) > 0.9 * len(ours)
    # What is next to impossible is cut off at the least float32 by llama.cpp.
    return max(abs(ours[token].item() - logprob) for token, logprob in theirs.items() if ours[token] > -20)


def in_transformers(folder, adapter_folder=None):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return (PeftModel.from_pretrained(model, adapter_folder) if adapter_folder else model).eval()


@pytest.mark.parametrize("options", FAMILIES.values(), ids=FAMILIES)
def test_a_family_answers_as_transformers_and_peft_do(tiny, make_adapter, tmp_path, options):
    folder = tiny(**options)
    adapted = make_adapter(folder)
    with open_adapter(adapted) as adapter:
        reference = ReferenceModel(folder, adapter, stopping_ids(folder))
        with served(folder, tmp_path, adapted) as client:
            exact = [
                compare_tokens(client, folder),
                compare_template(client, folder),
                compare_greedy(client, reference, folder, quantisation=Quantisation.F32, prompts=4),
            ]
            assert {figure.name: figure.measured for figure in exact} == {"tokens": 1.0, "template": 1.0, "greedy": 1.0}
            assert all(figure.n >= 3 for figure in exact)
            bare, trained = in_transformers(folder), in_transformers(folder, adapted)
            worst = GELU_NATS if options["family"] == GEMMA else WORST_NATS
            assert furthest(client, trained, folder) < worst
            assert furthest(client, bare, folder, **OFF) < worst
            assert furthest(client, bare, folder) > worst  # the adapter does something


def test_positions_that_are_not_stretched_are_seen_in_the_log_probabilities(tmp_path):
    stretched = make_tiny_model(tmp_path / "stretched", **FAMILIES["Llama 3"])
    plain = make_tiny_model(tmp_path / "plain", **{**FAMILIES["Llama 3"], "rope": ()})
    with served(plain, tmp_path) as client:
        assert FREQUENCY_TENSOR not in {tensor.name for tensor in read_gguf_header(tmp_path / "model.gguf").tensors}
        assert furthest(client, in_transformers(plain), plain) < WORST_NATS
        assert furthest(client, in_transformers(stretched), plain) > 10 * WORST_NATS


def test_layers_that_would_look_further_or_turn_otherwise_are_seen_in_the_log_probabilities(tiny, tmp_path):
    folder = tiny(**FAMILIES["Gemma 3"])
    config = read_json(folder / "config.json")
    positions = config["rope_parameters"]
    others = {
        "window": config | {"sliding_window": 512},
        "theta": config | {"rope_parameters": positions | {"sliding_attention": positions["full_attention"]}},
    }
    with served(folder, tmp_path) as client:
        for name, other in others.items():
            changed = shutil.copytree(folder, tmp_path / name)
            (changed / "config.json").write_text(json.dumps(other))
            assert furthest(client, in_transformers(changed), changed) > 100 * GELU_NATS


@pytest.mark.parametrize(
    "change",
    [
        {"sliding_window_pattern": 4},
        {"layer_types": ["full_attention"] * 6},
        {"hidden_activation": "silu"},
        {"query_pre_attn_scalar": 168},
        {"num_hidden_layers": 62, "layer_types": None},
        {"final_logit_softcapping": 30.0},
        {"use_bidirectional_attention": True},
        {"sliding_window": None},
        {"rope_parameters": None, "rope_theta": 1e6, "rope_local_base_freq": 5e4},
    ],
)
def test_what_gemma_may_say_and_llama_cpp_does_not_do_is_refused(tiny, change):
    config = read_json(tiny(**FAMILIES["Gemma 3"]) / "config.json")
    assert against_config(config) == ()
    assert len(against_config(config | change)) == 1


def test_an_older_config_of_gemma_says_the_same(tiny):
    config = read_json(tiny(**FAMILIES["Gemma 3"]) / "config.json")
    named = {"rope_theta": 1e6, "rope_local_base_freq": 1e4, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}
    older = {key: value for key, value in config.items() if key not in {"rope_parameters", "layer_types"}} | named
    assert against_config(older) == ()
    architecture = read_architecture(older)
    assert (architecture.rope.theta, architecture.rope.factor, architecture.window) == (1e6, 8.0, 16)


@pytest.mark.parametrize("name", ["Llama 3", "Llama 2", "Mistral v0.3", "Gemma 3"])
def test_a_server_reads_the_tokens_that_were_learnt_with_one_beginning(tiny, tmp_path, name):
    folder = tiny(**FAMILIES[name])
    turns = [Message(role="user", content="  Who  sings?\n"), Message(role="assistant", content="Ada, é 🙂.")]
    row = RowMaker(load_tokenizer(folder), "last_answer").make(
        Example(salt="s", interaction_id="i", judgement_id=None, messages=tuple(turns))
    )
    begins = row.supervised.index(True)
    with served(folder, tmp_path) as client:
        asked = {"messages": [{"role": turns[0].role, "content": turns[0].content}]}
        body = {"content": client.post("/apply-template", asked)["prompt"], "add_special": True, "parse_special": True}
        prompt = client.post("/tokenize", body)["tokens"]
        counted = client.post("/v1/chat/completions", asked | {"max_tokens": 1})["usage"]["prompt_tokens"]
    assert list(row.tokens[:begins]) == prompt
    assert counted == len(prompt)
    learnt = [token for token, on in zip(row.tokens, row.supervised, strict=True) if on]
    assert learnt[-1] == load_tokenizer(folder).eos_token_id


def test_a_first_token_that_the_template_does_not_write_is_not_put_there_by_the_server(tmp_path):
    folder = make_tiny_model(tmp_path / "model", pre="llama-bpe", bos=True)
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").write_text(template.removeprefix("{{- bos_token }}"))
    with served(folder, tmp_path) as client:
        assert compare_template(client, folder).measured == 1.0
    assert read_gguf_header(tmp_path / "model.gguf").metadata["tokenizer.ggml.add_bos_token"] is False


def test_a_template_that_writes_the_first_token_elsewhere_is_seen(tmp_path):
    folder = make_tiny_model(tmp_path / "model", pre="llama-bpe", bos=True)
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").write_text(template.replace("{{- bos_token }}", "Hello {{ bos_token }}"))
    with served(folder, tmp_path) as client:
        assert not compare_template(client, folder).passed


def test_the_battery_tells_one_way_to_mark_spaces_from_the_other(tiny, tmp_path):
    with served(tiny(**FAMILIES["Llama 2"]), tmp_path) as client:
        assert compare_tokens(client, tiny(**FAMILIES["Llama 2"])).n == len(BATTERY)
        assert compare_tokens(client, tiny(**FAMILIES["Mistral v0.3"])).measured < 0.1

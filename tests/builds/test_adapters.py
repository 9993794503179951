from __future__ import annotations

import json
import shutil

import pytest

from selftune.bases.provenance import Provenance, folder_provenance
from selftune.bases.shape import read_json
from selftune.builds.adapter import UnsupportedAdapterError, open_adapter
from selftune.builds.gguf_writer import write_gguf
from selftune.builds.lora_gguf import write_lora_gguf
from selftune.builds.merge import MergedTensors, write_merged_folder
from selftune.builds.parity import compare_greedy, stopping_ids
from selftune.builds.reference_model import ReferenceModel
from selftune.builds.tensor_types import Quantisation
from selftune.builds.tensors import open_folder
from selftune.errors import DamagedFileError, MissingFileError, UsageError
from selftune.serving.llama_cpp import run_server
from selftune.serving.ordering import Order

pytestmark = [pytest.mark.needs("train"), pytest.mark.needs("serve")]

KINDS = [
    {},
    {"use_rslora": True},
    {"alpha_pattern": {"q_proj": 32, r"layers\.1\..*down_proj": 2}, "rank_pattern": {"k_proj": 8}},
]


@pytest.mark.parametrize("options", KINDS)
def test_merged_weights_are_those_that_peft_merges(tiny, make_adapter, options):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    adapter_folder = make_adapter(tiny(), **options)
    merged = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny()), adapter_folder).merge_and_unload()
    with open_folder(tiny()) as base, open_adapter(adapter_folder) as adapter:
        ours = MergedTensors(base, adapter)
        for name, tensor in merged.state_dict().items():
            if name != "lm_head.weight":  # tied
                assert torch.allclose(torch.from_numpy(ours.read(name)), tensor, atol=1e-5), name
        assert not torch.equal(
            torch.from_numpy(ours.read(adapter.layers()[0])), torch.from_numpy(base.read(adapter.layers()[0]))
        )


@pytest.mark.parametrize("options", KINDS)
def test_adapter_file_answers_as_peft_does(tiny, make_adapter, tmp_path, options):
    adapter_folder = make_adapter(tiny(), **options)
    base_file, adapter_file = tmp_path / "base.gguf", tmp_path / "adapter.gguf"
    with open_folder(tiny()) as base, open_adapter(adapter_folder) as adapter:
        write_gguf(tiny(), base, base_file, Quantisation.F32)
        write_lora_gguf(read_json(tiny() / "config.json"), adapter, adapter_file)
        reference = ReferenceModel(tiny(), adapter, stopping_ids(tiny()))
    bare = ReferenceModel(tiny(), None, stopping_ids(tiny()))
    order = Order(model=str(base_file), adapter=str(adapter_file), context_tokens=256, exact=True)
    with run_server(order, tmp_path / "log") as server:
        figures = [
            compare_greedy(server.client, model, tiny(), quantisation=Quantisation.F32, prompts=4)
            for model in (reference, bare)
        ]
    assert figures[0].measured == 1.0
    assert figures[1].measured < 0.5  # the adapter does something


def test_answer_under_one_adapter_never_comes_from_another_cache(tiny, make_adapter, tmp_path):
    """Probabilities, not greedy text: that is blind to a leak (llama.cpp #26207)."""
    base_file, adapter_file = tmp_path / "base.gguf", tmp_path / "adapter.gguf"
    with open_folder(tiny()) as base, open_adapter(make_adapter(tiny())) as adapter:
        write_gguf(tiny(), base, base_file, Quantisation.F32)
        write_lora_gguf(read_json(tiny() / "config.json"), adapter, adapter_file)
    tokens = list(range(20, 60))

    def chances(client, **fields):
        body = client.complete(tokens, n_predict=1, n_probs=10, **fields)
        return [(entry["id"], entry["logprob"]) for entry in body["completion_probabilities"][0]["top_logprobs"]]

    off = [{"id": 0, "scale": 0.0}]
    bias = {"logit_bias": [[68, 1000.0]]}
    order = Order(model=str(base_file), adapter=str(adapter_file), context_tokens=256, threads=1)
    with run_server(order, tmp_path / "log") as server:
        with_adapter = chances(server.client, **bias)
        without = chances(server.client, lora=off, **bias)
        again = chances(server.client, **bias)
    with run_server(order, tmp_path / "log") as server:
        fresh_without = chances(server.client, lora=off, **bias)
    assert with_adapter == again != without
    assert without == fresh_without


def merge(base_folder, adapter_folder, target, **said):
    with open_folder(base_folder) as base, open_adapter(adapter_folder) as adapter:
        write_merged_folder(base_folder, MergedTensors(base, adapter), target, Provenance(**said))
    return target


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_merged_folder_loads_in_the_types_of_the_base_and_is_the_merged_model(tiny, make_adapter, tmp_path, dtype):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    adapter_folder, base = make_adapter(tiny()), shutil.copytree(tiny(), tmp_path / "base")
    AutoModelForCausalLM.from_pretrained(base).to(getattr(torch, dtype)).save_pretrained(base)
    merged = merge(base, adapter_folder, tmp_path / "merged")
    ours = AutoModelForCausalLM.from_pretrained(merged, dtype="auto")
    assert ours.dtype is getattr(torch, dtype)
    theirs = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype="float32"), adapter_folder)
    for name, tensor in theirs.merge_and_unload().state_dict().items():
        rounded = tensor.to(ours.dtype).float()
        assert torch.allclose(ours.state_dict()[name].float(), rounded, atol=1e-5, rtol=2**-7), name
    texts = {path.name for path in base.iterdir()} - {"model.safetensors"}
    assert all((merged / name).read_bytes() == (base / name).read_bytes() for name in texts)


def test_merged_folder_tells_what_made_it_and_is_the_same_bytes_again(tiny, make_adapter, tmp_path):
    said = {"stage_history": ("sft", "orpo"), "base_digest": "sha256:1", "dataset_id": "dataset:1", "run_id": "run:1"}
    folders = [merge(tiny(), make_adapter(tiny()), tmp_path / name, **said) for name in "ab"]
    assert folder_provenance(folders[0]) == Provenance(**said)
    assert folder_provenance(tiny()) == Provenance()
    assert len({(folder / "model.safetensors").read_bytes() for folder in folders}) == 1


def test_change_that_rounds_to_nothing_is_refused_not_kept_as_a_merged_model(tiny, make_adapter, tmp_path):
    import torch
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForCausalLM

    base = shutil.copytree(tiny(), tmp_path / "base")
    AutoModelForCausalLM.from_pretrained(base).to(torch.bfloat16).save_pretrained(base)
    adapter = shutil.copytree(make_adapter(tiny()), tmp_path / "adapter")
    weights = load_file(adapter / "adapter_model.safetensors")
    save_file({name: tensor * 1e-8 for name, tensor in weights.items()}, adapter / "adapter_model.safetensors")
    with pytest.raises(UnsupportedAdapterError, match="lost when it is merged: rounded to BF16"):
        merge(base, adapter, tmp_path / "merged")
    assert not list((tmp_path / "merged").glob("*.safetensors"))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"bias": "all"}, "trained biases"),
        ({"peft_type": "IA3"}, "peft_type 'IA3'"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out"),
    ],
)
def test_adapter_that_is_no_plain_lora_is_refused_by_name(tiny, make_adapter, tmp_path, changes, why):
    folder = shutil.copytree(make_adapter(tiny()), tmp_path / "adapter")
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | changes))
    with pytest.raises(UnsupportedAdapterError, match=why), open_adapter(folder):
        pass


def test_adapted_head_is_refused(tiny, make_adapter):
    folder = make_adapter(tiny(tied=False), target_modules=["q_proj", "lm_head"])
    with pytest.raises(UnsupportedAdapterError, match="lm_head"), open_adapter(folder):
        pass


def test_adapter_of_another_base_is_refused(tiny, make_adapter):
    with open_folder(tiny(hidden=192)) as base, open_adapter(make_adapter(tiny())) as adapter:
        merged = MergedTensors(base, adapter)
        with pytest.raises(UnsupportedAdapterError, match="the base's weights are"):
            merged.read(adapter.layers()[0])


def test_damaged_adapter_is_damaged(tiny, make_adapter, tmp_path):
    folder = shutil.copytree(make_adapter(tiny()), tmp_path / "adapter")
    data = (folder / "adapter_model.safetensors").read_bytes()
    (folder / "adapter_model.safetensors").write_bytes(data[:-10])
    with pytest.raises(DamagedFileError), open_adapter(folder):
        pass


@pytest.mark.parametrize(
    "changes",
    [{"r": 0}, {"r": "8"}, {"lora_alpha": None}, {"rank_pattern": ["q"]}, {"alpha_pattern": {"(": 2}}],
)
def test_config_that_can_not_be_true_is_damaged(tiny, make_adapter, tmp_path, changes):
    folder = shutil.copytree(make_adapter(tiny()), tmp_path / "adapter")
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | changes))
    with pytest.raises(DamagedFileError), open_adapter(folder):
        pass


def test_adapter_that_is_a_pickle_is_refused_unopened_and_an_empty_folder_is_named(tiny, make_adapter, tmp_path):
    folder = shutil.copytree(make_adapter(tiny()), tmp_path / "adapter")
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(MissingFileError, match="safetensors"), open_adapter(folder):
        pass
    (folder / "adapter_model.bin").write_bytes(b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    with pytest.raises(UsageError, match=r"adapter_model\.bin"), open_adapter(folder):
        pass
    with pytest.raises(MissingFileError, match=r"adapter_config\.json"), open_adapter(tmp_path):
        pass


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_adapter_with_a_value_that_is_no_number_is_refused_by_name(tiny, make_adapter, tmp_path, value):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(make_adapter(tiny()), tmp_path / "adapter")
    weights = load_file(folder / "adapter_model.safetensors")
    next(tensor for name, tensor in weights.items() if "layers.1.self_attn.q_proj.lora_A" in name)[0, 0] = value
    save_file(weights, folder / "adapter_model.safetensors")
    with open_folder(tiny()) as base, open_adapter(folder) as adapter:
        with pytest.raises(UsageError, match=r"blk\.1\.attn_q\.weight holds values that are no numbers"):
            write_lora_gguf(read_json(tiny() / "config.json"), adapter, tmp_path / "adapter.gguf")
        with pytest.raises(UsageError, match=r"layers\.1\.self_attn\.q_proj\.weight holds values"):
            write_gguf(tiny(), MergedTensors(base, adapter), tmp_path / "m.gguf", Quantisation.Q8_0)
    assert not list(tmp_path.glob("*.gguf"))

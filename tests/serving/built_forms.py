"""Builds of a tiny base in every form, files and all, as the build stage keeps them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from selftune.bases.provenance import Provenance
from selftune.bases.shape import read_json
from selftune.builds.adapter import open_adapter
from selftune.builds.gguf_writer import write_gguf
from selftune.builds.lora_gguf import write_lora_gguf
from selftune.builds.merge import MergedTensors, write_merged_folder
from selftune.builds.tensor_types import Quantisation
from selftune.builds.tensors import open_folder
from selftune.builds.tiny import make_tiny_model
from selftune.records import FileDigest, GenerationParameters, ServingForm, digest_file
from selftune.serving.llama_cpp import run_server
from selftune.serving.ordering import Order
from selftune.testing import fake_build

SHORT = GenerationParameters(max_tokens=6)


def write_adapter(folder, base, seed):
    """An adapter of the last layer in PEFT's layout, with rsLoRA's scale."""
    from safetensors.numpy import save_file

    chance, shape = np.random.default_rng(seed), read_json(base / "config.json")
    layer = "base_model.model.model.layers.1.mlp.down_proj"
    folder.mkdir()
    save_file(
        {
            f"{layer}.lora_A.weight": chance.normal(size=(4, shape["intermediate_size"])).astype(np.float32),
            f"{layer}.lora_B.weight": chance.normal(size=(shape["hidden_size"], 4)).astype(np.float32),
        },
        folder / "adapter_model.safetensors",
    )
    (folder / "adapter_config.json").write_text(
        '{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_rslora": true, "target_modules": ["down_proj"]}'
    )
    return folder


class Built:
    """Builds of the tiny base in each form, as the build stage keeps them, and where their files lie."""

    def __init__(self, root):
        real = os.environ.get("SELFTUNE_VLLM_BASE")
        self.root, self.paths, self.made = root, {}, {}
        self.base = Path(real) if real else make_tiny_model(root / "base")
        self.gguf = self.write(self.base, root / "model.gguf")
        with run_server(Order(model=str(self.gguf), context_tokens=256), root / "log") as server:
            self.template = server.proof.template_digest

    def write(self, folder, target):
        with open_folder(folder) as tensors:
            write_gguf(folder, tensors, target, Quantisation.F16)
        return target

    def build(self, form, seed=0):
        if (form, seed) not in self.made:
            files = {"base": self.of_base, "adapter": self.of_adapter, "folder": self.of_folder}[form](seed)
            entries = tuple(
                FileDigest(name=name, digest=digest_file(path), size_bytes=path.stat().st_size)
                for name, path in files.items()
            )
            self.paths |= {entry.digest: path for entry, path in zip(entries, files.values(), strict=True)}
            self.made[form, seed] = fake_build(
                form=ServingForm(form), files=entries, template_digest=self.template, generation=SHORT
            )
        return self.made[form, seed]

    def of_base(self, _seed):
        return {"model.gguf": self.gguf}

    def of_adapter(self, seed):
        folder, target = self.adapter(seed), self.root / f"adapter-{seed}.gguf"
        with open_adapter(folder) as adapter:
            write_lora_gguf(read_json(self.base / "config.json"), adapter, target)
        peft = {f"adapter/{path.name}": path for path in sorted(folder.iterdir())}
        return {"model.gguf": self.gguf, "adapter.gguf": target} | peft

    def of_folder(self, seed):
        folder = self.root / f"merged-{seed}"
        with open_folder(self.base) as base, open_adapter(self.adapter(seed)) as adapter:
            write_merged_folder(self.base, MergedTensors(base, adapter), folder, Provenance())
        merged = {f"merged/{path.name}": path for path in sorted(folder.iterdir())}
        return {"model.gguf": self.write(folder, self.root / f"merged-{seed}.gguf")} | merged

    def adapter(self, seed):
        folder = self.root / f"peft-{seed}"
        return folder if folder.is_dir() else write_adapter(folder, self.base, seed)

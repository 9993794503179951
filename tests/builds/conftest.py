"""Tiny models made once for this room's tests, and an adapter trained on nothing for each."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from selftune.builds.tiny import make_tiny_model


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A function from options of `make_tiny_model` to a folder, each made once."""
    made = {}

    def make(**options):
        key = tuple(sorted(options.items()))
        if key not in made:
            made[key] = make_tiny_model(tmp_path_factory.mktemp("tiny") / "model", **options)
        return made[key]

    return make


@pytest.fixture(scope="session")
def make_adapter(tmp_path_factory):
    """A function that writes a PEFT adapter with random A and B for a folder, by PEFT itself."""

    def make(folder, **options):
        import torch
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM

        settings = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "k_proj", "v_proj", "down_proj"]} | options
        torch.manual_seed(7)
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(folder), LoraConfig(**settings))
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_" in name:
                    parameter.copy_(torch.randn_like(parameter) * 0.2)
        target = tmp_path_factory.mktemp("adapter")
        model.save_pretrained(target)
        return target

    return make

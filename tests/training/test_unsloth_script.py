"""The script for Unsloth, run from beginning to end over the labelled fake-unsloth with TRL itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_llama import conversations

from selftune.bases.shape import read_shape
from selftune.training.config import Recipe
from selftune.training.elsewhere.base import TOKENS, Order
from selftune.training.elsewhere.destinations import DESTINATIONS
from selftune.training.elsewhere.ordering import place_order, sift_examples
from selftune.training.rows import labels_of, load_tokenizer

pytestmark = pytest.mark.needs("train")

RECIPE = Recipe(
    name="tiny", lora_rank=4, lora_alpha=8, max_steps=2, batch_size=2, accumulation=1, max_length=400, seed=3
)


def order_in(folder: Path, tiny_base: Path) -> Order:
    """The order for a few lessons, its script and rows written into `folder`."""
    tokenizer = load_tokenizer(tiny_base)
    kept, _ = sift_examples(conversations(4), RECIPE, tokenizer)
    rows = [row for _, row in kept]
    place = {"seed": 3, "base": str(tiny_base), "precision": "bfloat16", "gpu": "L4", "answers": 1}
    order = place_order(rows, RECIPE, tokenizer, read_shape(tiny_base), **place)
    unsloth = DESTINATIONS["unsloth"]
    assert unsloth.traits.data["sft"] == TOKENS
    plain = [
        {"input_ids": row.tokens, "attention_mask": [1] * len(row.tokens), "labels": labels_of(row)} for row in rows
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in plain))
    for file in unsloth.files(order):
        (folder / file.name).write_text(file.text)
    return order


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent / "fakes"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "train_unsloth.py"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_script_trains_its_steps_and_leaves_adapter_and_history(tiny_base: Path, tmp_path: Path) -> None:
    order_in(tmp_path, tiny_base)
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    history = json.loads((tmp_path / "history.json").read_text())
    assert [row["step"] for row in history if "loss" in row] == [1, 2]
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], sorted(config["target_modules"])) == (4, 8, sorted(RECIPE.lora_targets))
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()
    assert "gguf q4_k_m" in done.stdout


def test_the_script_stops_before_training_where_the_base_has_another_tokenizer(tiny_base: Path, tmp_path: Path) -> None:
    order_in(tmp_path, tiny_base)
    script = tmp_path / "train_unsloth.py"
    script.write_text(script.read_text().replace("PROBE, PROBE_IDS = ", 'PROBE, PROBE_IDS = "x", [0]  # '))
    done = run(tmp_path)
    assert done.returncode == 1
    assert "another tokenizer" in done.stderr
    assert not (tmp_path / "adapter").exists()

"""One experiment as a script of TRL's: import, load, train, save, then ask every item of the screen with `generate`.

    python trl_night.py FOLDER [KEY=JSON …]

FOLDER holds a job as `selftune train elsewhere --to selftune` writes it, and `screen.json`: conversations, and how long
an answer may be. Settings of the trainer may be changed. What it measured comes back as one line of JSON.
"""

from __future__ import annotations

import os

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # before torch wakes: its threads wait busily

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from selftune.bases.offline import stay_offline
from selftune.training.elsewhere.jobs import read_job
from selftune.training.rows import load_tokenizer
from selftune.training.trl_backend import adapted_model, sft_trainer, trainer_settings


def train(folder: Path, changes: dict[str, Any]) -> tuple[Any, list[float]]:
    """The trained model, and the loss of each step."""
    from transformers import PrinterCallback

    job = read_job(folder).job
    model = adapted_model(job)
    tokenizer = load_tokenizer(job.base_folder)
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
    in_order = [job.rows[index] for step in job.batches for batch in step for index in batch]
    services = {"model": model, "processing_class": tokenizer}
    settings = trainer_settings(job) | {"save_strategy": "no"} | changes
    trainer = sft_trainer(in_order, job.recipe, settings, services)
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    trainer.save_model(str(folder / "trained"))
    return model, [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def ask(model: Any, base: Path, screen: dict[str, Any]) -> list[str]:
    """The answer to each conversation, one after the other."""
    import torch
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    model.eval()
    model.config.use_cache = True
    said = []
    for messages in screen["conversations"]:
        ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        with torch.inference_mode():
            out = model.generate(**ids, max_new_tokens=screen["max_tokens"], do_sample=False)
        said.append(str(tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)))
    return said


def main(folder: str, *changes: str) -> None:
    """Train, ask, tell."""
    stay_offline()
    warnings.filterwarnings("ignore", category=FutureWarning)
    import torch

    torch.set_num_threads(1)
    where = Path(folder)
    parted = [change.partition("=") for change in changes]
    began = time.perf_counter()
    model, losses = train(where, {key: json.loads(value) for key, _, value in parted})
    trained = time.perf_counter()
    answers = ask(model, where / "base", json.loads((where / "screen.json").read_text(encoding="utf-8")))
    asked = time.perf_counter()
    print(json.dumps({"losses": losses, "answers": answers, "train": trained - began, "evaluate": asked - trained}))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""lm-evaluation-harness as a peer: answers the prompts of an order with a base and its adapters, arm after arm.

Started by `evaluate_arms.py` with the interpreter that `LM_EVAL_PYTHON` names, where `lm_eval` is installed; imports
nothing of ours. The first line in is the order; each further line asks for one round. A line out for each: processor
seconds in all, those of them for loading, seconds by the clock, and every arm's answers. What it costs to start Python
and to import is left out.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from typing import Any


def task_of(order: dict[str, Any]) -> dict[str, Any]:
    """The harness's own kind of task: texts in, greedy text out, scored by nothing."""
    return {
        "task": "arms",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": order["prompts"]}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{prompt}}",
        "doc_to_target": "",
        "generation_kwargs": {"until": [], "max_gen_toks": order["max_tokens"], "do_sample": False},
        "metric_list": [{"metric": "bypass"}],
    }


def go_round(order: dict[str, Any]) -> dict[str, Any]:
    """Load and ask each arm."""
    import lm_eval  # type: ignore[import-not-found] # it lives where this is run, not where it is checked
    from lm_eval.models.huggingface import HFLM  # type: ignore[import-not-found] # the same

    clock, began, loading, answers = time.perf_counter(), time.process_time(), 0.0, []
    for adapter in (None, *order["adapters"]):
        before = time.process_time()
        model = HFLM(
            pretrained=order["base"], peft=adapter, device="cpu", dtype="float32", batch_size=order["batch"],
            max_length=1024,
        )  # fmt: skip
        # The base's own 64 would overrule the length that the harness asks for.
        model.model.generation_config.max_new_tokens = None
        loading += time.process_time() - before
        found = lm_eval.simple_evaluate(model=model, tasks=[task_of(order)], bootstrap_iters=0, log_samples=True)
        assert found is not None
        samples = sorted(found["samples"]["arms"], key=lambda sample: sample["doc_id"])
        answers.append([sample["resps"][0][0] for sample in samples])
    seconds = time.process_time() - began
    return {"seconds": seconds, "loading": loading, "clock": time.perf_counter() - clock, "answers": answers}


def main() -> None:
    """Answer line by line until there is none."""
    say = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # the harness prints to standard output
    logging.disable(logging.WARNING)
    import torch

    order = json.loads(sys.stdin.readline())
    torch.set_num_threads(order["threads"])
    for _ in sys.stdin:
        say.write(json.dumps(go_round(order)) + "\n")
        say.flush()


if __name__ == "__main__":
    main()

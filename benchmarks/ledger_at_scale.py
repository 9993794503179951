"""What the ledger costs: an entry to append, a million to verify as a stranger does, a proof out of them.

    python benchmarks/ledger_at_scale.py [ENTRIES] [--folder DIR]

Appending goes through the store, as all that happens does: one entry to a transaction, which is synced twice (database
and mirror), and 500 to one, as whatever brings in many does. The large ledger is written by the mirror itself, with a
checkpoint behind each 10,000 entries; verifying and proving run in processes of their own, so that memory is theirs.
Seconds are the processor's, which what else runs here changes little; the clock's stand beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.ledger import verify
from selftune.ledger.entries import Entry
from selftune.ledger.keys import MachineKey, make_machine_key
from selftune.ledger.mirror import Mirror
from selftune.ledger.verify import NO_HASH, Frontier
from selftune.records import Rubric
from selftune.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

GOALS: Final = {"append_ms": 1.0, "verify_seconds": 60.0, "verify_mb": 300.0}
_SINGLE: Final = 200
_BATCHES: Final = 20
_BATCH: Final = 500
_COVERED: Final = 10_000
_AT: Final = "2026-01-01T00:00:00+00:00"
_PROVE: Final = """\
import sys
from pathlib import Path
from selftune.ledger.mirror import Checkpoint
from selftune.ledger.proofs import find_entry, inclusion_line
from selftune.ledger.verify import CHECKPOINTS, CHECKPOINT_FIELDS, DOMAIN, read_heads
folder, out = Path(sys.argv[1]), Path(sys.argv[2])
last = Checkpoint(**read_heads(folder / CHECKPOINTS, DOMAIN, CHECKPOINT_FIELDS)[-1][1])
entry, leaves = find_entry(folder, sys.argv[3], last.size)
out.write_bytes(inclusion_line(entry, leaves, last) + b"\\n")
"""
# Of a process that a large one starts, the kernel reports the large one's memory: a small one stands between.
_SMALL: Final = (
    sys.executable,
    "-I",
    "-S",
    "-c",
    """\
import json, os, sys, time
began = time.perf_counter()
child = os.posix_spawn(sys.executable, json.loads(sys.argv[1]), os.environ,
                       file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
_, status, used = os.wait4(child, 0)
print(json.dumps({"seconds": used.ru_utime + used.ru_stime, "clock_seconds": time.perf_counter() - began,
                  "mb": used.ru_maxrss / 1024}))
sys.exit(status != 0)
""",
)


def rubrics(first: int, count: int) -> Iterator[Rubric]:
    """Small records that are all different."""
    return (
        Rubric(name=f"r{number}", version="1", description="", criteria=()) for number in range(first, first + count)
    )


def append_times(folder: Path) -> dict[str, float]:
    """Milliseconds by the clock for an entry, median: alone in its transaction, and as one of 500."""
    make_machine_key(folder / ".selftune" / "keys")
    alone, together = [], []
    with Store.open(folder) as store:
        for _ in range(_SINGLE):
            began = time.perf_counter()
            store.note("measured")
            alone.append(1000 * (time.perf_counter() - began))
        for number in range(_BATCHES):
            records = list(rubrics(number * _BATCH, _BATCH))
            began = time.perf_counter()
            store.save(records, event="measured")
            together.append(1000 * (time.perf_counter() - began) / _BATCH)
    return {"append_alone_ms": statistics.median(alone), "append_of_500_ms": statistics.median(together)}


def write_ledger(folder: Path, count: int, key: MachineKey) -> float:
    """A ledger of so many entries; processor seconds that it took."""
    folder.mkdir(parents=True)
    mirror, tree, last = Mirror(folder), Frontier(), NO_HASH
    began = time.process_time()
    for start in range(1, count + 1, _BATCH):
        entries = []
        for seq in range(start, min(start + _BATCH, count + 1)):
            entry = Entry(
                seq=seq, at=_AT, event="judge", kind="judgement", record_id=f"judgement:{seq:064x}",
                detail=(("step", f"judge:{seq // 1000:064x}"),), prev=last,
            )  # fmt: skip
            entries.append(entry)
            last = entry.hash
            tree.append(bytes.fromhex(last))
        mirror.append(entries)
        if tree.size % _COVERED == 0 or tree.size == count:
            mirror.add_checkpoint(size=tree.size, root=tree.root().hex(), at=_AT, key=key)
    return time.process_time() - began


def measured(name: str, *command: str) -> dict[str, float]:
    """Seconds of processor and of clock, and the most memory in MB, of a process of its own.

    Raises:
        RuntimeError: it failed.
    """
    done = subprocess.run([*_SMALL, json.dumps([sys.executable, *command])], capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{name} failed: {done.stderr.decode()}")
    return {f"{name}_{what}": value for what, value in json.loads(done.stdout).items()}


def main() -> None:
    """Measure all, print it as JSON, and say which goal is met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("entries", type=int, nargs="?", default=100_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as made:
        top = Path(made)
        (top / "store").mkdir()
        figures = append_times(top / "store")
        ledger = top / "large" / ".selftune" / "ledger"
        figures["write_seconds"] = write_ledger(ledger, options.entries, make_machine_key(top / "keys"))
        figures["ledger_mb"] = sum(path.stat().st_size for path in ledger.iterdir()) / 1e6
        kept = top / "kept.jsonl"
        kept.write_bytes((ledger / verify.CHECKPOINTS).read_bytes().splitlines(keepends=True)[-1])
        alone = ("-I", "-S", str(verify.__file__), str(top / "large"))
        figures |= measured("verify", *alone, "--checkpoint", str(kept))
        proof, record = top / "proof.jsonl", f"judgement:{options.entries // 2:064x}"
        figures |= measured("prove", "-c", _PROVE, str(ledger), str(proof), record)
        figures |= measured("check_proof", *alone, "--checkpoint", str(kept), "--proof", str(proof))
        figures["proof_bytes"] = proof.stat().st_size
    told = {"entries": options.entries, "machine": platform.machine(), "cores": os.cpu_count()}
    told |= {"load": os.getloadavg()[0], "own_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    sys.stdout.write(json.dumps(told | {name: round(value, 3) for name, value in figures.items()}, indent=2) + "\n")
    met = {
        "append_ms": figures["append_of_500_ms"],
        "verify_seconds": figures["verify_seconds"],
        "verify_mb": figures["verify_mb"],
    }
    for name, value in met.items():
        sys.stdout.write(f"{name}: {value:.3f}, goal {GOALS[name]}: {'met' if value <= GOALS[name] else 'NOT met'}\n")


if __name__ == "__main__":
    main()

"""Four arms on the tiny base: what two workers of a local Ray cluster gain over one process, once their adapters agree.

    python benchmarks/arms_on_ray.py [STEPS]

Both train on one thread each. The cluster's start and stop are told apart: a night pays them once.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from figures import write_results

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "training"))

from tiny_llama import (  # type: ignore[import-not-found]  # a piece of the tests, found by the path above
    base_record,
    conversations,
    dataset_of,
    write_tiny_base,
)

from selftune.ledger.keys import make_machine_key
from selftune.loop.config import ProjectConfig
from selftune.loop.executor import Silent
from selftune.loop.experiments.ahead import Ahead, Training
from selftune.loop.night.engines.ray import ray_cluster
from selftune.loop.night.engines.serial import Serial
from selftune.loop.project import Project
from selftune.loop.runner import make_executor
from selftune.store import BlobStore, Store
from selftune.training.config import Recipe
from selftune.training.machine import compute_with

RATES = (1e-2, 2e-2, 3e-2, 4e-2)
WORKERS = 2


def arms(steps: int) -> tuple[Training, ...]:
    """Four rates on the same lessons."""
    told: dict[str, Any] = {"name": "tiny", "max_steps": steps, "batch_size": 8, "lora_rank": 2, "accumulation": 4}
    told |= {"least_supervised": 0.01}
    dataset = dataset_of(conversations(40))
    return tuple(Training(dataset=dataset, config=Recipe(**told | {"learning_rate": rate})) for rate in RATES)


def train_all(engine: Any, base: Path, folder: Path, steps: int) -> tuple[float, list[Any]]:
    """Seconds that four arms take, and the adapters."""
    (folder / ".selftune" / "keys").mkdir(parents=True)
    make_machine_key(folder / ".selftune" / "keys")
    with Store.open(folder) as store:
        project = Project(
            folder=folder,
            config=ProjectConfig(),
            store=store,
            blobs=BlobStore(folder / ".selftune" / "blobs"),
            base=base_record(base),
            base_folder=base,
        )
        step, ahead, wanted = make_executor(project, Silent()), Ahead(engine), arms(steps)
        began = time.monotonic()
        ahead.train(step, wanted)
        runs = [ahead.take(step, one) for one in wanted]
        return time.monotonic() - began, [run.adapter for run in runs]


def main() -> None:
    """Train four arms one by one, then on a cluster of two, and print the ratio last."""
    if importlib.util.find_spec("ray") is None:
        print("Ray is not installed: pip install 'selftune[ray]'")
        return
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    compute_with(1)
    with tempfile.TemporaryDirectory() as scratch:
        base = write_tiny_base(Path(scratch) / "tiny")
        train_all(Serial(), base, Path(scratch) / "warm", 2)
        alone, expected = train_all(Serial(), base, Path(scratch) / "alone", steps)
        began = time.monotonic()
        with ray_cluster(WORKERS) as cluster:
            start = time.monotonic() - began
            family = psutil.Process().children(recursive=True)
            held = sum(one.memory_full_info().pss for one in family)
            train_all(cluster, base, Path(scratch) / "warm_workers", 2)
            together, found = train_all(cluster, base, Path(scratch) / "together", steps)
            began = time.monotonic()
        stop = time.monotonic() - began
    assert found == expected, "the same adapters, byte for byte"
    figures = {
        "steps": steps,
        "one_by_one_seconds": alone,
        "two_workers_seconds": together,
        "start_seconds": start,
        "stop_seconds": stop,
        "idle_bytes": held,
        "ratio": alone / together,
    }
    write_results("arms_on_ray", figures)
    print(f"cluster: start {start:.1f} s, stop {stop:.1f} s, idle {held / 1e6:.0f} MB")
    print(f"four arms of {steps} steps: one by one {alone:.1f} s, two workers {together:.1f} s")
    print(f"one by one / two workers: {alone / together:.2f}")


if __name__ == "__main__":
    main()

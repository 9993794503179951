"""What the executor costs: a real cycle on the reference base, its wall time beside the time inside its stages.

    python -m benchmarks.executor_overhead

A stage that yields records is timed at each record, so that keeping them counts as overhead, as do keys, leases, ledger
rows and commits. The last line is the ratio: overhead by the whole cycle.
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selftune.app.kits import demo_kit
from selftune.app.projects import start_project
from selftune.loop.cycle import run_cycle
from selftune.loop.executor import Silent
from selftune.loop.incoming.intake import import_files
from selftune.loop.planning import make_plan
from selftune.loop.project import open_project
from selftune.loop.releasing.service import stop_service
from selftune.loop.runner import hold_lease, make_executor
from selftune.records import Release

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.loop.executor import Executor


class TimedStages:
    """Takes steps like the executor that it is given, and adds up the seconds that pass inside the stages."""

    def __init__(self, step: Executor) -> None:
        self._step = step
        self.seconds = 0.0

    def __call__(self, stage: Callable[..., Any], inputs: Any, config: Any) -> Any:
        """One step, its stage under the watch."""

        @functools.wraps(stage)
        def timed(*arguments: Any) -> Any:
            began = time.perf_counter()
            try:
                made = stage(*arguments)
            finally:
                self.seconds += time.perf_counter() - began
            return self._each(made) if isinstance(made, Iterator) else made

        return self._step(timed, inputs, config)

    def _each(self, records: Iterator[Any]) -> Iterator[Any]:
        nothing = object()
        while True:
            began = time.perf_counter()
            record = next(records, nothing)
            self.seconds += time.perf_counter() - began
            if record is nothing:
                return
            yield record


def main() -> None:
    """Run one cycle in a folder of its own and print where its time went."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "bench"
        start_project(home, base="reference", name="bench", profile="solo", observer=Silent())
        try:
            with open_project(home) as project:
                import_files(project, [demo_kit("reference").log])
                with hold_lease(project):
                    step = TimedStages(make_executor(project, Silent()))
                    plan = make_plan(project)
                    began = time.perf_counter()
                    ending = run_cycle(plan, step)  # type: ignore[arg-type] # it steps alike
                    whole = time.perf_counter() - began
        finally:
            stop_service(home)
    assert isinstance(ending, Release), f"the cycle ended with {ending}, so it is not the cycle to be timed"
    print(f"whole cycle       {whole:8.3f} s")
    print(f"inside its stages {step.seconds:8.3f} s")
    print(f"executor          {whole - step.seconds:8.3f} s")
    print(f"ratio executor / whole cycle: {(whole - step.seconds) / whole:.4f}")


if __name__ == "__main__":
    main()

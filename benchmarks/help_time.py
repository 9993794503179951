"""What `selftune --help` costs beside an empty Typer app and bare Python: medians of 30 starts each, taken in turn."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Final

STARTS: Final = 30
BARE_TYPER: Final = "import typer; app = typer.Typer(add_completion=False); app.command()(lambda: None); app()"
COMMANDS: Final = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "an empty Typer app": [sys.executable, "-c", BARE_TYPER, "--help"],
    "selftune --help": [sys.executable, "-c", "from selftune.app.cli.main import main; main()", "--help"],
}


def seconds_of(command: list[str]) -> float:
    """Wall time of one start."""
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> None:
    """Start each command in turn, so that a busy machine is equally unkind to all, and print medians and quartiles."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(STARTS):
        for name, command in COMMANDS.items():
            times[name].append(seconds_of(command))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        low, _, high = statistics.quantiles(values, n=4)
        print(f"{name:20} {medians[name] * 1e3:6.0f} ms (quartiles {low * 1e3:.0f} to {high * 1e3:.0f}, n = {STARTS})")
    print(
        f"ratio selftune --help / an empty Typer app: {medians['selftune --help'] / medians['an empty Typer app']:.2f}"
    )


if __name__ == "__main__":
    main()

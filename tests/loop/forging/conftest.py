"""A project in which a fake writer can forge tools, in the real sandbox."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# Tests are no package: what they share beside fixtures lies in this folder as plain modules.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "toolforge"))
sys.path.insert(0, str(Path(__file__).parents[2] / "app"))

from configured_project import open_test_project


@pytest.fixture
def project(tmp_path):
    with open_test_project(tmp_path) as opened:
        yield opened

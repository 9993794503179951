"""What the tests of dialogues share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from held_project import open_held_project


@pytest.fixture
def project(tmp_path):
    with open_held_project(tmp_path) as opened:
        yield opened
